/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/monitor_code.h"

#include <string.h>

#include "agent/core/operations.h"
#include "agent/python/probes.h"

#define LOCALS "<locals>"
#define LOCALS_SIZE (sizeof(LOCALS) - 1)

/* Code objects have no qualified names: they are taken from the module's code around them. */
#define CODE_IS_NAMELESS (PY_VERSION_HEX < 0x030B0000)

Py_ssize_t monitor_code_index;

static PyObject *selector; /* gives the component of globals and a file, or None */
static PyObject *modules;  /* what it gave, by (module name, file) */
static char *own_directory;

/* The directory of the file of a function's code, with a slash; NULL with an exception. */
static char *directory_of(PyObject *function)
{
    PyObject *file = ((PyCodeObject *)PyFunction_GET_CODE(function))->co_filename;
    const char *path = PyUnicode_AsUTF8(file), *slash = path != NULL ? strrchr(path, '/') : NULL;
    char *directory = path != NULL ? strndup(path, slash != NULL ? slash - path + 1 : 0) : NULL;

    if (path != NULL && directory == NULL)
        PyErr_NoMemory();
    return directory;
}

int monitor_code_init(PyObject *select)
{
    if (modules != NULL || !PyFunction_Check(select)) {
        PyErr_SetString(PyExc_RuntimeError, "the monitor starts once, with a function");
        return -1;
    }
    own_directory = directory_of(select);
    modules = own_directory != NULL ? PyDict_New() : NULL;
    if (modules == NULL)
        return -1;
#if PY_VERSION_HEX >= 0x030C0000
    monitor_code_index = PyUnstable_Eval_RequestCodeExtraIndex(NULL);
#else
    monitor_code_index = _PyEval_RequestCodeExtraIndex(NULL);
#endif
    if (monitor_code_index < 0) {
        PyErr_SetString(PyExc_RuntimeError, "code objects have no place left for the monitor");
        return -1;
    }
    Py_INCREF(select);
    selector = select;
    return 0;
}

/* Keeps it with the code, and gives it back; MONITOR_UNDECIDED if there was no memory for it. */
static uintptr_t keep(PyObject *code, uintptr_t known)
{
    void *extra = (void *)known;

#if PY_VERSION_HEX >= 0x030C0000
    if (PyUnstable_Code_SetExtra(code, monitor_code_index, extra) == 0)
        return known;
#else
    if (_PyCode_SetExtra(code, monitor_code_index, extra) == 0)
        return known;
#endif
    PyErr_Clear();
    return MONITOR_UNDECIDED;
}

static int begins_with(PyObject *text, char first)
{
    return PyUnicode_GET_LENGTH(text) > 0 && PyUnicode_READ_CHAR(text, 0) == (Py_UCS4)first;
}

/* Whether it is a function's: not that of a module, a class, a lambda or a comprehension. */
static int is_function(const PyCodeObject *code)
{
    return (code->co_flags & CO_OPTIMIZED) != 0 && !begins_with(code->co_name, '<');
}

/* Whether its calls rest meanwhile, while others go on. */
static int is_task(const PyCodeObject *code)
{
    return (code->co_flags & (CO_COROUTINE | CO_ASYNC_GENERATOR)) != 0;
}

/* Whether a frame of that file was there only to decide: the agent's, or the library's for paths.
 */
static int is_own(const char *file)
{
    return strncmp(file, own_directory, strlen(own_directory)) == 0 ||
           strstr(file, "posixpath") != NULL || strstr(file, "genericpath") != NULL;
}

/* Takes the frames of the decision out of the pending exception's traceback: they come first. */
static void forget_own_frames(void)
{
    PyObject *type, *value, *traceback;

    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    while (traceback != NULL && PyTraceBack_Check(traceback)) {
        PyTracebackObject *entry = (PyTracebackObject *)traceback;
        PyCodeObject *code = PyFrame_GetCode(entry->tb_frame);
        const char *file = PyUnicode_AsUTF8(code->co_filename);
        int found = file != NULL && is_own(file);

        Py_DECREF(code);
        if (file == NULL)
            PyErr_Clear();
        if (!found)
            break;
        Py_XINCREF(entry->tb_next);
        Py_SETREF(traceback, (PyObject *)entry->tb_next);
    }
    PyErr_Restore(type, value, traceback);
}

/*
 * The component of code of that file with these globals, or None; borrowed. NULL when it is not
 * known now; with an exception if a signal's handler raised one.
 */
static PyObject *component_of(PyObject *globals, PyObject *file)
{
    PyObject *name = PyDict_GetItemString(globals, "__name__"), *key, *component;

    if (name == NULL || !PyUnicode_CheckExact(name) || begins_with(file, '<'))
        return Py_None;
    key = PyTuple_Pack(2, name, file);
    if (key == NULL)
        goto fail;
    component = PyDict_GetItem(modules, key);
    if (component != NULL) {
        Py_DECREF(key);
        return component;
    }
    component = PyObject_CallFunctionObjArgs(selector, globals, file, NULL);
    if (component != NULL && PyDict_SetItem(modules, key, component) != 0)
        Py_CLEAR(component);
    Py_DECREF(key);
    if (component == NULL)
        goto fail;
    Py_DECREF(component); /* the dictionary has it */
    return component;
fail:
    /* The stack's end is near, or the memory's: the next call will tell. */
    if (PyErr_ExceptionMatches(PyExc_RecursionError) || PyErr_ExceptionMatches(PyExc_MemoryError))
        PyErr_Clear();
    else
        forget_own_frames();
    return NULL;
}

static uintptr_t number_of(PyObject *name, PyObject *component)
{
    uint32_t operation = OPERATIONS_NONE;

    if (name != NULL && component != NULL)
        operation = probes_operation(name, component);
    if (operation != OPERATIONS_NONE)
        return (uintptr_t)operation + MONITOR_OBSERVED;
    PyErr_Clear(); /* too many, or out of memory */
    return MONITOR_LEFT;
}

/*
 * Where in a qualified name the operation's begins: behind the innermost class, which is in front
 * of the last dot that has no "<locals>" beside it. 0 if there is no class.
 */
static size_t operation_at(const char *qualname, size_t size)
{
    for (size_t i = size; i-- > 1;) {
        if (qualname[i] != '.')
            continue;
        if (i >= LOCALS_SIZE && memcmp(qualname + i - LOCALS_SIZE, LOCALS, LOCALS_SIZE) == 0)
            continue;
        if (size - i > LOCALS_SIZE && memcmp(qualname + i + 1, LOCALS, LOCALS_SIZE) == 0)
            continue;
        return i + 1;
    }
    return 0;
}

/* The operation of a function with that qualified name, in a module with that name. */
static uintptr_t number_by_qualname(PyObject *module, PyObject *qualname)
{
    Py_ssize_t size = 0;
    const char *text = PyUnicode_AsUTF8AndSize(qualname, &size);
    size_t at = text != NULL ? operation_at(text, (size_t)size) : 0;
    PyObject *name, *component;
    uintptr_t number;

    if (text == NULL)
        PyErr_Clear();
    if (at == 0)
        return number_of(qualname, module);
    name = PyUnicode_FromStringAndSize(text + at, size - (Py_ssize_t)at);
    component = PyUnicode_FromFormat("%U.%.*s", module, (int)at - 1, text);
    number = number_of(name, component);
    Py_XDECREF(name);
    Py_XDECREF(component);
    return number;
}

static int adopt_within(PyObject *code, PyObject *module, PyObject *prefix);

/* Decides on a function's or class's code by its qualified name, and on what is in it. */
static int adopt(PyObject *code, PyObject *module, PyObject *qualname)
{
    const PyCodeObject *known = (PyCodeObject *)code;
    PyObject *prefix;
    int failed;

    if (begins_with(known->co_name, '<'))
        return 0;
    if (is_function(known) && !is_task(known))
        keep(code, number_by_qualname(module, qualname));
    prefix = PyUnicode_FromFormat(is_function(known) ? "%U." LOCALS "." : "%U.", qualname);
    failed = prefix == NULL ? -1 : adopt_within(code, module, prefix);
    Py_XDECREF(prefix);
    return failed;
}

static int adopt_within(PyObject *code, PyObject *module, PyObject *prefix)
{
    PyObject *constants = ((PyCodeObject *)code)->co_consts;

    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(constants); i++) {
        PyObject *inner = PyTuple_GET_ITEM(constants, i), *qualname;
        int failed;

        if (!PyCode_Check(inner))
            continue;
        qualname = PyUnicode_FromFormat("%U%U", prefix, ((PyCodeObject *)inner)->co_name);
        failed = qualname == NULL ? -1 : adopt(inner, module, qualname);
        Py_XDECREF(qualname);
        if (failed)
            return -1;
    }
    return 0;
}

int monitor_code_adopt(PyObject *code, PyObject *globals, PyObject *qualname)
{
    PyObject *module = component_of(globals, ((PyCodeObject *)code)->co_filename);

    if (module == NULL)
        return PyErr_Occurred() ? -1 : 0;
    return module == Py_None ? 0 : adopt(code, module, qualname);
}

/* Whether it is the code of a whole module. */
static int is_module(const PyCodeObject *code)
{
    return PyUnicode_CompareWithASCIIString(code->co_name, "<module>") == 0;
}

uintptr_t monitor_code_decide(PyObject *code, PyObject *globals)
{
    PyCodeObject *decided = (PyCodeObject *)code;
    int names_others = CODE_IS_NAMELESS && is_module(decided);
    PyObject *module;

    if ((!is_function(decided) && !names_others) || is_task(decided))
        return keep(code, MONITOR_LEFT);
    module = component_of(globals, decided->co_filename);
    if (module == NULL)
        return MONITOR_UNDECIDED;
    if (module == Py_None)
        return keep(code, MONITOR_LEFT);
#if CODE_IS_NAMELESS
    if (names_others) {
        PyObject *prefix = PyUnicode_FromString("");

        if (prefix == NULL || adopt_within(code, module, prefix) != 0)
            PyErr_Clear();
        Py_XDECREF(prefix);
        return keep(code, MONITOR_LEFT);
    }
    return keep(code, number_by_qualname(module, decided->co_name));
#else
    return keep(code, number_by_qualname(module, decided->co_qualname));
#endif
}
