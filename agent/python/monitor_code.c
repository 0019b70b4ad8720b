/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/monitor_code.h"

#include <string.h>

#define LOCALS "<locals>"
#define LOCALS_SIZE ((Py_ssize_t)sizeof(LOCALS) - 1)

/* Code objects have no qualified names: they are taken from the module's code around them. */
#define CODE_IS_NAMELESS (PY_VERSION_HEX < 0x030B0000)

struct monitor_operation monitor_code_left;
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

static void forget(void *known)
{
    if (known != &monitor_code_left)
        PyMem_RawFree(known);
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
    monitor_code_index = PyUnstable_Eval_RequestCodeExtraIndex(forget);
#else
    monitor_code_index = _PyEval_RequestCodeExtraIndex(forget);
#endif
    if (monitor_code_index < 0) {
        PyErr_SetString(PyExc_RuntimeError, "code objects have no place left for the monitor");
        return -1;
    }
    Py_INCREF(select);
    selector = select;
    return 0;
}

/* Keeps it with the code, and gives it back; NULL if there was no memory for it. */
static struct monitor_operation *keep(PyObject *code, struct monitor_operation *known)
{
    if (known == NULL)
        known = &monitor_code_left;
#if PY_VERSION_HEX >= 0x030C0000
    if (PyUnstable_Code_SetExtra(code, monitor_code_index, known) == 0)
        return known;
#else
    if (_PyCode_SetExtra(code, monitor_code_index, known) == 0)
        return known;
#endif
    PyErr_Clear();
    forget(known);
    return NULL;
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

/*
 * Where in a qualified name the operation's begins: behind the innermost class, which is in front
 * of the last dot that has no "<locals>" beside it. 0 if there is no class.
 */
static Py_ssize_t operation_at(const char *qualname, Py_ssize_t size)
{
    for (Py_ssize_t i = size; i-- > 1;) {
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

/* The operation of a function with that qualified name, in a module with that name; NULL, without
 * an exception, when there is none to be had. */
static struct monitor_operation *operation_of(PyObject *module, PyObject *qualname)
{
    Py_ssize_t size = 0;
    const char *text = PyUnicode_AsUTF8AndSize(qualname, &size);
    Py_ssize_t at = text != NULL ? operation_at(text, size) : 0;
    PyObject *name, *class, *component;
    struct monitor_operation *operation = NULL;

    if (text == NULL)
        PyErr_Clear();
    if (at == 0)
        return monitor_operation_new(qualname, module);
    name = PyUnicode_FromStringAndSize(text + at, size - at);
    class = PyUnicode_FromStringAndSize(text, at - 1);
    component = class != NULL ? PyUnicode_FromFormat("%U.%U", module, class) : NULL;
    if (name != NULL && component != NULL)
        operation = monitor_operation_new(name, component);
    PyErr_Clear();
    Py_XDECREF(name);
    Py_XDECREF(class);
    Py_XDECREF(component);
    return operation;
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
    if (is_function(known))
        keep(code, operation_of(module, qualname));
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

struct monitor_operation *monitor_code_decide(PyObject *code, PyObject *globals)
{
    PyCodeObject *decided = (PyCodeObject *)code;
    int names_others = CODE_IS_NAMELESS && is_module(decided);
    PyObject *module;

    if (!is_function(decided) && !names_others)
        return keep(code, &monitor_code_left);
    module = component_of(globals, decided->co_filename);
    if (module == NULL)
        return NULL;
    if (module == Py_None)
        return keep(code, &monitor_code_left);
#if CODE_IS_NAMELESS
    if (names_others) {
        PyObject *prefix = PyUnicode_FromString("");

        if (prefix == NULL || adopt_within(code, module, prefix) != 0)
            PyErr_Clear();
        Py_XDECREF(prefix);
        return keep(code, &monitor_code_left);
    }
    return keep(code, operation_of(module, decided->co_name));
#else
    return keep(code, operation_of(module, decided->co_qualname));
#endif
}
