/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/around.h"

/*
 * Calls a function of the agent unseen by the program's tracers and profilers; what it raises is
 * forgotten, unless it is no error: a signal's handler, the one of Ctrl-C for example, can raise
 * that at any time, and means the program. Then -1 with that exception.
 */
static int call_unseen(PyObject *function, PyObject *argument)
{
    PyThreadState *thread = PyThreadState_Get();
    PyObject *type, *value, *traceback, *result;

    PyErr_Fetch(&type, &value, &traceback);
#if PY_VERSION_HEX >= 0x030B0000
    PyThreadState_EnterTracing(thread);
#else
    /* The interpreter's own word for "this is a tracer's code". */
    thread->tracing++;
#endif
    result = PyObject_CallFunctionObjArgs(function, argument, NULL);
#if PY_VERSION_HEX >= 0x030B0000
    PyThreadState_LeaveTracing(thread);
#else
    thread->tracing--;
#endif
    if (result == NULL && !PyErr_ExceptionMatches(PyExc_Exception)) {
        Py_XDECREF(type);
        Py_XDECREF(value);
        Py_XDECREF(traceback);
        return -1;
    }
    if (result == NULL)
        PyErr_Clear();
    Py_XDECREF(result);
    PyErr_Restore(type, value, traceback);
    return 0;
}

/* self is (before, function, after). */
static PyObject *call(PyObject *self, PyObject *argument)
{
    PyObject *result = NULL;

    if (call_unseen(PyTuple_GET_ITEM(self, 0), argument) == 0)
        result = PyObject_CallFunctionObjArgs(PyTuple_GET_ITEM(self, 1), argument, NULL);
    if (call_unseen(PyTuple_GET_ITEM(self, 2), argument) != 0)
        Py_CLEAR(result);
    return result;
}

PyDoc_STRVAR(around_doc,
    "around(before, function, after)\n\n"
    "A function of one argument that gives or raises what function(argument) does, with a call of "
    "before(argument)\n"
    "and after(argument) around it, whose results and errors count for nothing. It leaves no frame "
    "of its own in a\n"
    "traceback, and tracers do not see the two.");

static PyObject *around(PyObject *module, PyObject *arguments)
{
    static PyMethodDef definition = {"exec_module", call, METH_O, NULL};

    (void)module;
    if (PyTuple_GET_SIZE(arguments) != 3)
        return PyErr_Format(PyExc_TypeError, "before, function and after expected");
    return PyCFunction_New(&definition, arguments);
}

PyMethodDef around_methods[] = {
    {"around", around, METH_VARARGS, around_doc},
    {NULL, NULL, 0, NULL},
};
