/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/cause.h"

#include <string.h>

#include "agent/core/agent.h"

#define CAUSE_ARGUMENT_MAX 4000 /* characters of a text that is made part of a cause */

/* Whether its repr() runs no code but the interpreter's own, and not much of that. */
static int is_plain(PyObject *value)
{
    if (PyUnicode_CheckExact(value))
        return PyUnicode_GET_LENGTH(value) <= CAUSE_ARGUMENT_MAX;
    if (PyBytes_CheckExact(value))
        return PyBytes_GET_SIZE(value) <= CAUSE_ARGUMENT_MAX;
    if (PyLong_CheckExact(value))
        return _PyLong_NumBits(value) < 1024;
    return value == Py_None || PyBool_Check(value) || PyFloat_CheckExact(value);
}

/* Whether repr(exception) is harmless: inherited from BaseException, all arguments plain. */
static int has_plain_repr(PyObject *exception)
{
    PyObject *arguments = ((PyBaseExceptionObject *)exception)->args;

    if (Py_TYPE(exception)->tp_repr != ((PyTypeObject *)PyExc_BaseException)->tp_repr)
        return 0;
    if (arguments == NULL || !PyTuple_CheckExact(arguments) || PyTuple_GET_SIZE(arguments) > 8)
        return 0;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(arguments); i++)
        if (!is_plain(PyTuple_GET_ITEM(arguments, i)))
            return 0;
    return 1;
}

/*
 * What BaseException.__repr__ gives, without the check of the recursion depth in it, which would
 * fail just where a RecursionError comes from. A new reference, or NULL with an exception.
 */
static PyObject *plain_repr(const char *name, PyObject *arguments)
{
    PyObject *text = PyUnicode_FromFormat("%s(", name);

    for (Py_ssize_t i = 0; text != NULL && i < PyTuple_GET_SIZE(arguments); i++) {
        PyObject *argument = PyTuple_GET_ITEM(arguments, i),
                 *repr = Py_TYPE(argument)->tp_repr(argument);

        if (repr == NULL)
            Py_CLEAR(text);
        else
            Py_SETREF(text, PyUnicode_FromFormat(i == 0 ? "%U%U" : "%U, %U", text, repr));
        Py_XDECREF(repr);
    }
    if (text != NULL)
        Py_SETREF(text, PyUnicode_FromFormat("%U)", text));
    return text;
}

uint32_t cause_of(PyObject *exception)
{
    const char *name = Py_TYPE(exception)->tp_name, *dot = strrchr(name, '.'), *text = NULL;
    Py_ssize_t size = 0;
    PyObject *repr = NULL;
    uint32_t cause;

    if (dot != NULL)
        name = dot + 1;
    if (PyExceptionInstance_Check(exception) && has_plain_repr(exception)) {
        repr = plain_repr(name, ((PyBaseExceptionObject *)exception)->args);
        if (repr != NULL)
            text = PyUnicode_AsUTF8AndSize(repr, &size);
        if (text == NULL)
            PyErr_Clear(); /* out of memory, or a lone surrogate */
    }
    cause = text != NULL ? agent_cause(text, (size_t)size) : agent_cause(name, strlen(name));
    Py_XDECREF(repr);
    return cause;
}
