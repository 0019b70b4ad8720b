/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/environment.h"

#include <stdlib.h>
#include <string.h>

#include "agent/python/interpose.h"

#define NAME "KIEKER_START"
#define LIST_AT 5 /* of the environment among fork_exec's arguments, */
#define DICT_AT 2 /* and among those of the others, */
#define ARGUMENTS_MAX 32

/* NAME=VALUE, for good once it is set. */
static char *entry;

static PyCFunction fork_exec, execve_, posix_spawn_, posix_spawnp_;

typedef PyObject *(*fast_call)(
    PyObject *module, PyObject *const *arguments, Py_ssize_t count, PyObject *names);

static int begins_with(PyObject *bytes, const char *text)
{
    return PyBytes_Check(bytes) && strncmp(PyBytes_AS_STRING(bytes), text, strlen(text)) == 0;
}

/* Whether PATH=VALUE, or VALUE alone, is that of this process: who gives it on gives the
 * environment on, others mean a new one. */
static int is_our_path(PyObject *value, const char *before)
{
    const char *path = getenv("PATH");

    return path != NULL && begins_with(value, before) &&
           strcmp(PyBytes_AS_STRING(value) + strlen(before), path) == 0;
}

/* The list with our entry; NULL, without an exception, when it stays as it is. */
static PyObject *with_entry(PyObject *list)
{
    PyObject *longer, *ours;
    int given_on = 0;

    if (!PyList_CheckExact(list))
        return NULL;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        if (begins_with(PyList_GET_ITEM(list, i), NAME "="))
            return NULL;
        given_on |= is_our_path(PyList_GET_ITEM(list, i), "PATH=");
    }
    if (!given_on)
        return NULL;
    longer = PyList_GetSlice(list, 0, PyList_GET_SIZE(list));
    ours = PyBytes_FromString(entry);
    if (longer == NULL || ours == NULL || PyList_Append(longer, ours) != 0)
        Py_CLEAR(longer);
    Py_XDECREF(ours);
    PyErr_Clear();
    return longer;
}

/* What a key, given as text or as bytes, has as its value, in bytes; NULL without an exception. */
static PyObject *value_of(PyObject *dict, const char *key)
{
    PyObject *bytes = PyBytes_FromString(key), *found = NULL, *value = NULL;

    if (bytes != NULL)
        found = PyDict_GetItemWithError(dict, bytes);
    if (found == NULL && !PyErr_Occurred())
        found = PyDict_GetItemString(dict, key);
    if (found != NULL && (PyUnicode_Check(found) || PyBytes_Check(found)))
        PyUnicode_FSConverter(found, &value);
    Py_XDECREF(bytes);
    PyErr_Clear();
    return value;
}

/* The same for what is a dict, or os.environ; others would have to be asked by code of the program.
 */
static PyObject *with_item(PyObject *mapping)
{
    PyObject *data, *copy = NULL, *there, *path, *value;

    if (PyDict_CheckExact(mapping)) {
        Py_INCREF(mapping);
        data = mapping;
    } else if (strcmp(Py_TYPE(mapping)->tp_name, "_Environ") == 0)
        data = PyObject_GetAttrString(mapping, "_data");
    else
        return NULL;
    if (data == NULL || !PyDict_CheckExact(data)) {
        PyErr_Clear();
        Py_XDECREF(data);
        return NULL;
    }
    there = value_of(data, NAME);
    path = value_of(data, "PATH");
    if (there == NULL && path != NULL && is_our_path(path, "")) {
        copy = PyDict_Copy(data);
        value = PyUnicode_DecodeFSDefault(entry + strlen(NAME "="));
        if (copy == NULL || value == NULL || PyDict_SetItemString(copy, NAME, value) != 0)
            Py_CLEAR(copy);
        Py_XDECREF(value);
        PyErr_Clear();
    }
    Py_XDECREF(there);
    Py_XDECREF(path);
    Py_DECREF(data);
    return copy;
}

/* Calls the original with another argument at that place, if make has another. */
static PyObject *call_fast(PyCFunction original, PyObject *module, PyObject *const *arguments,
    Py_ssize_t count, PyObject *names, Py_ssize_t at, PyObject *(*make)(PyObject *))
{
    PyObject *changed[ARGUMENTS_MAX], *other = NULL, *result;
    Py_ssize_t all = count + (names == NULL ? 0 : PyTuple_GET_SIZE(names));

    if (at < count && all <= ARGUMENTS_MAX)
        other = make(arguments[at]);
    if (other != NULL) {
        memcpy(changed, arguments, (size_t)all * sizeof(*changed));
        changed[at] = other;
        arguments = changed;
    }
    result = ((fast_call)(void (*)(void))original)(module, arguments, count, names);
    Py_XDECREF(other);
    return result;
}

static PyObject *on_fork_exec(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    return call_fast(fork_exec, module, arguments, count, NULL, LIST_AT, with_entry);
}

static PyObject *on_fork_exec_tuple(PyObject *module, PyObject *arguments)
{
    PyObject *other = NULL, *changed = NULL, *result;

    if (PyTuple_GET_SIZE(arguments) > LIST_AT)
        other = with_entry(PyTuple_GET_ITEM(arguments, LIST_AT));
    if (other != NULL)
        changed = PyTuple_GetSlice(arguments, 0, LIST_AT);
    if (changed != NULL && _PyTuple_Resize(&changed, PyTuple_GET_SIZE(arguments)) == 0) {
        for (Py_ssize_t i = LIST_AT; i < PyTuple_GET_SIZE(arguments); i++) {
            PyObject *item = i == LIST_AT ? other : PyTuple_GET_ITEM(arguments, i);

            Py_INCREF(item);
            PyTuple_SET_ITEM(changed, i, item);
        }
    }
    PyErr_Clear();
    result = fork_exec(module, changed != NULL ? changed : arguments);
    Py_XDECREF(changed);
    Py_XDECREF(other);
    return result;
}

#define ON(name, original)                                                                         \
    static PyObject *name(                                                                         \
        PyObject *module, PyObject *const *arguments, Py_ssize_t count, PyObject *names)           \
    {                                                                                              \
        return call_fast(original, module, arguments, count, names, DICT_AT, with_item);           \
    }

ON(on_execve, execve_)
ON(on_posix_spawn, posix_spawn_)
ON(on_posix_spawnp, posix_spawnp_)

/* Which builtins take an environment, and how they are called in the Pythons that are known: in
 * another they stay as they are, and only children with an unchanged environment are reached. */
static void take_places(void)
{
    static const struct {
        const char *module, *name;
        int flags;
        PyCFunction instead, *original;
    } rows[] = {
        {"_posixsubprocess", "fork_exec", METH_VARARGS, on_fork_exec_tuple, &fork_exec},
        {"_posixsubprocess", "fork_exec", METH_FASTCALL, (PyCFunction)(void (*)(void))on_fork_exec,
            &fork_exec},
        {"posix", "execve", METH_FASTCALL | METH_KEYWORDS, (PyCFunction)(void (*)(void))on_execve,
            &execve_},
        {"posix", "posix_spawn", METH_FASTCALL | METH_KEYWORDS,
            (PyCFunction)(void (*)(void))on_posix_spawn, &posix_spawn_},
        {"posix", "posix_spawnp", METH_FASTCALL | METH_KEYWORDS,
            (PyCFunction)(void (*)(void))on_posix_spawnp, &posix_spawnp_},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (interpose_flags(rows[i].module, rows[i].name) == rows[i].flags)
            interpose(rows[i].module, rows[i].name, rows[i].instead, rows[i].original);
}

PyDoc_STRVAR(pass_on_doc, "pass_on(value)\n\n"
                          "Sets KIEKER_START in the environment of this process's children, not in "
                          "os.environ. Once is enough: the first\n"
                          "value stays.");

static PyObject *pass_on(PyObject *module, PyObject *text)
{
    PyObject *value = NULL;
    char *made;

    (void)module;
    if (!PyUnicode_FSConverter(text, &value))
        return NULL;
    if (entry == NULL) {
        made = malloc(strlen(NAME "=") + (size_t)PyBytes_GET_SIZE(value) + 1);
        if (made == NULL) {
            Py_DECREF(value);
            return PyErr_NoMemory();
        }
        strcpy(made, NAME "=");
        strcat(made, PyBytes_AS_STRING(value));
        setenv(NAME, PyBytes_AS_STRING(value), 1);
        entry = made;
        take_places();
    }
    Py_DECREF(value);
    Py_RETURN_NONE;
}

PyMethodDef environment_methods[] = {
    {"pass_on", pass_on, METH_O, pass_on_doc},
    {NULL, NULL, 0, NULL},
};
