/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/code.h"

#include "agent/core/operations.h"
#include "agent/python/probe.h"
#include "agent/python/probes.h"
#include "agent/python/starts.h"

/* The kind of a row of the table, and the length of its text. */
#define ROW_HEAD 5

/* What placeholders are replaced with, while a tree of code objects is gone through. */
struct binding {
    struct module_state *state;
    struct row {
        uint32_t operation, kind;
    } * rows;
    Py_ssize_t count;
};

/* The index that a placeholder says; -1 when the constant is none. */
static Py_ssize_t read_placeholder(PyObject *constant)
{
    Py_ssize_t size, index = 0;
    const char *text;

    if (!PyUnicode_CheckExact(constant) || !PyUnicode_IS_ASCII(constant))
        return -1;
    size = PyUnicode_GET_LENGTH(constant);
    text = (const char *)PyUnicode_1BYTE_DATA(constant);
    if (size <= (Py_ssize_t)CODE_PLACEHOLDER_SIZE ||
        memcmp(text, CODE_PLACEHOLDER, CODE_PLACEHOLDER_SIZE) != 0)
        return -1;
    for (Py_ssize_t i = CODE_PLACEHOLDER_SIZE; i < size; i++) {
        if (text[i] < '0' || text[i] > '9' || index > INT32_MAX / 10 - 1)
            return -1;
        index = index * 10 + (text[i] - '0');
    }
    return index;
}

static PyObject *make_probe(struct binding *binding, Py_ssize_t index)
{
    if (index >= binding->count) {
        PyErr_SetString(PyExc_ValueError, "a placeholder has no operation");
        return NULL;
    }
    return probes_new(binding->state, binding->rows[index].operation, binding->rows[index].kind);
}

static PyObject *bind(struct binding *binding, PyObject *code);

/* What stands in the place of a constant: a new reference, or NULL with an exception. */
static PyObject *substitute(struct binding *binding, PyObject *constant)
{
    Py_ssize_t index;

    if (PyCode_Check(constant))
        return bind(binding, constant);
    index = read_placeholder(constant);
    if (index >= 0)
        return make_probe(binding, index);
    Py_INCREF(constant);
    return constant;
}

static PyObject *with_constants(PyObject *code, PyObject *constants)
{
    PyObject *replace = PyObject_GetAttrString(code, "replace"), *names, *none, *result = NULL;

    names = Py_BuildValue("{s:O}", "co_consts", constants);
    none = PyTuple_New(0);
    if (replace != NULL && names != NULL && none != NULL)
        result = PyObject_Call(replace, none, names);
    Py_XDECREF(replace);
    Py_XDECREF(names);
    Py_XDECREF(none);
    return result;
}

/*
 * The code with its placeholders, and those of the code within it, replaced. The constants of code
 * that was just compiled or read belong to it alone, so they are replaced where they are; others
 * are copied with their code.
 */
static PyObject *bind(struct binding *binding, PyObject *code)
{
    PyObject *constants = ((PyCodeObject *)code)->co_consts, *copy = NULL;

    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(constants); i++) {
        PyObject *constant = PyTuple_GET_ITEM(constants, i),
                 *instead = substitute(binding, constant);

        if (instead == NULL)
            goto fail;
        if (instead == constant) {
            Py_DECREF(instead);
            continue;
        }
        if (copy == NULL && Py_REFCNT(constants) > 1) {
            copy = PyTuple_GetSlice(constants, 0, PY_SSIZE_T_MAX);
            /* A slice of everything may be the tuple itself. */
            if (copy == constants) {
                PyObject *list = PySequence_List(constants);

                Py_SETREF(copy, list != NULL ? PyList_AsTuple(list) : NULL);
                Py_XDECREF(list);
            }
            if (copy == NULL) {
                Py_DECREF(instead);
                goto fail;
            }
        }
        if (PyTuple_SetItem(copy != NULL ? copy : constants, i, instead) != 0)
            goto fail;
    }
    if (copy != NULL) {
        PyObject *result = with_constants(code, copy);

        Py_DECREF(copy);
        return result;
    }
    Py_INCREF(code);
    return code;
fail:
    Py_XDECREF(copy);
    return NULL;
}

/* The next row of the table; its size with all that belongs to it, or 0 when it is none. */
static size_t read_row(const unsigned char *at, size_t left)
{
    size_t size;

    if (left < ROW_HEAD || at[0] > PROBE_KINDS)
        return 0;
    size = at[1] | at[2] << 8 | at[3] << 16 | (size_t)at[4] << 24;
    return size <= left - ROW_HEAD ? ROW_HEAD + size : 0;
}

/* Makes the operations known. 0, or -1 with an exception. */
static int read_rows(struct binding *binding, const unsigned char *at, size_t left)
{
    uint32_t component = TEXTS_NONE;

    for (size_t size; left > 0; at += size, left -= size) {
        struct row *row = &binding->rows[binding->count];
        const char *text = (const char *)at + ROW_HEAD;

        size = read_row(at, left);
        if (size == 0) {
            PyErr_SetString(PyExc_ValueError, "that is no table of operations");
            return -1;
        }
        if (at[0] == PROBE_KINDS) {
            component = agent_component(text, size - ROW_HEAD);
            continue;
        }
        row->kind = at[0];
        row->operation = agent_operation_of(component, text, size - ROW_HEAD);
        if (row->operation == OPERATIONS_NONE) {
            PyErr_SetString(PyExc_MemoryError, "too many operations");
            return -1;
        }
        binding->count++;
    }
    return 0;
}

PyObject *code_bind(struct module_state *state, PyObject *code, PyObject *operations)
{
    size_t size = (size_t)PyBytes_GET_SIZE(operations);
    struct binding binding = {.state = state};
    PyObject *bound = NULL;

    starts_look_for_tasks();
    binding.rows = PyMem_Malloc((size / ROW_HEAD + 1) * sizeof(*binding.rows));
    if (binding.rows == NULL)
        return PyErr_NoMemory();
    if (read_rows(&binding, (const unsigned char *)PyBytes_AS_STRING(operations), size) == 0)
        bound = bind(&binding, code);
    PyMem_Free(binding.rows);
    return bound != NULL ? Py_BuildValue("Nn", bound, binding.count) : NULL;
}

static PyObject *code_bind_method(PyObject *module, PyObject *arguments)
{
    PyObject *code, *operations;

    if (!PyArg_ParseTuple(arguments, "O!O!:bind", &PyCode_Type, &code, &PyBytes_Type, &operations))
        return NULL;
    return code_bind(module_state(module), code, operations);
}

static PyObject *code_is_woven_method(PyObject *module, PyObject *code)
{
    const struct module_state *state = module_state(module);
    PyObject *constants;

    if (!PyCode_Check(code))
        return PyErr_Format(PyExc_TypeError, "code expected, not %.80s", Py_TYPE(code)->tp_name);
    constants = ((PyCodeObject *)code)->co_consts;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(constants); i++)
        if (Py_TYPE(PyTuple_GET_ITEM(constants, i)) == state->probe_type ||
            Py_TYPE(PyTuple_GET_ITEM(constants, i)) == state->suspendable_type)
            Py_RETURN_TRUE;
    Py_RETURN_FALSE;
}

/* The list that the interpreter asks how to treat a warning; a new reference. */
static PyObject *warning_filters(void)
{
    PyObject *modules = PyImport_GetModuleDict();
    PyObject *warnings = modules != NULL ? PyDict_GetItemString(modules, "warnings") : NULL,
             *filters = NULL;

    if (warnings != NULL) {
        filters = PyObject_GetAttrString(warnings, "filters");
        /* It is just being imported, or something else. */
        if (filters == NULL)
            PyErr_Clear();
    }
    if (filters == NULL) {
        warnings = PyImport_ImportModule("_warnings");
        filters = warnings != NULL ? PyObject_GetAttrString(warnings, "filters") : NULL;
        Py_XDECREF(warnings);
    }
    if (filters != NULL && !PyList_Check(filters)) {
        PyErr_SetString(PyExc_TypeError, "warnings.filters is not a list");
        Py_CLEAR(filters);
    }
    return filters;
}

/*
 * compile_quietly(source, filename, flags=0): compiles as an import does. The compiler's warnings
 * are ignored by a filter that is there only while it runs. It runs without letting another thread
 * in, so nobody else's warning is lost.
 */
static PyObject *code_compile_method(PyObject *module, PyObject *arguments)
{
    PyObject *source, *filename, *filters, *ignore, *builtins, *code = NULL;
    PyObject *type, *value, *traceback;
    int flags = 0;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "OO|i:compile_quietly", &source, &filename, &flags))
        return NULL;
    filters = warning_filters();
    ignore = filters != NULL
                 ? Py_BuildValue("(sOOOi)", "ignore", Py_None, PyExc_Warning, Py_None, 0)
                 : NULL;
    builtins = ignore != NULL ? PyImport_AddModule("builtins") : NULL;
    Py_XINCREF(builtins);
    if (builtins != NULL && PyList_Insert(filters, 0, ignore) == 0) {
        /* flags, dont_inherit, optimize */
        code = PyObject_CallMethod(
            builtins, "compile", "OOsiii", source, filename, "exec", flags, 1, -1);
        PyErr_Fetch(&type, &value, &traceback);
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(filters); i++) {
            if (PyList_GET_ITEM(filters, i) == ignore) {
                PyList_SetSlice(filters, i, i + 1, NULL);
                break;
            }
        }
        PyErr_Restore(type, value, traceback);
    }
    Py_XDECREF(builtins);
    Py_XDECREF(ignore);
    Py_XDECREF(filters);
    return code;
}

PyDoc_STRVAR(bind_doc,
    "bind(code, operations)\n\n"
    "(the code with probes in the place of its placeholders, how many operations "
    "there are), of what weave() gives.\n"
    "Code that was just compiled or unmarshalled is changed in place.");

PyDoc_STRVAR(
    is_woven_doc, "is_woven(code)\n\nWhether the code has probes among its own constants.");

PyDoc_STRVAR(compile_doc, "compile_quietly(source, filename, flags=0)\n\n"
                          "The code of a module (or what else the flags of compile() say), without "
                          "the compiler's warnings.");

PyMethodDef code_methods[] = {
    {"bind", code_bind_method, METH_VARARGS, bind_doc},
    {"is_woven", code_is_woven_method, METH_O, is_woven_doc},
    {"compile_quietly", code_compile_method, METH_VARARGS, compile_doc},
    {NULL, NULL, 0, NULL},
};
