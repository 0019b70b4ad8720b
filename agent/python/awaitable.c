/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/awaitable.h"

/* Whether the coroutine is being awaited already: the interpreter will say so. */
static int is_awaited(PyObject *coroutine)
{
    PyObject *awaits = PyObject_GetAttrString(coroutine, "cr_await");
    int found = awaits != NULL && awaits != Py_None;

    if (awaits == NULL)
        PyErr_Clear();
    Py_XDECREF(awaits);
    return found;
}

static int is_old_coroutine(PyObject *value)
{
    PyCodeObject *code;
    PyObject *found;
    int flags;

    if (!PyGen_CheckExact(value))
        return 0;
    found = PyObject_GetAttrString(value, "gi_code");
    if (found == NULL) {
        PyErr_Clear();
        return 0;
    }
    code = (PyCodeObject *)found;
    flags = code->co_flags;
    Py_DECREF(found);
    return (flags & CO_ITERABLE_COROUTINE) != 0;
}

PyObject *awaitable_iterator(PyObject *value)
{
    PyAsyncMethods *methods = Py_TYPE(value)->tp_as_async;
    PyObject *iterator;

    if (PyCoro_CheckExact(value) ? !is_awaited(value) : is_old_coroutine(value)) {
        Py_INCREF(value);
        return value;
    }
    if (PyCoro_CheckExact(value) || methods == NULL || methods->am_await == NULL)
        return NULL;
    iterator = methods->am_await(value);
    if (iterator == NULL)
        return NULL;
    if (PyCoro_CheckExact(iterator) || is_old_coroutine(iterator)) {
        PyErr_SetString(PyExc_TypeError, "__await__() returned a coroutine");
        Py_CLEAR(iterator);
    } else if (!PyIter_Check(iterator)) {
        PyErr_Format(PyExc_TypeError, "__await__() returned non-iterator of type '%.100s'",
            Py_TYPE(iterator)->tp_name);
        Py_CLEAR(iterator);
    }
    return iterator;
}

PyObject *awaitable_yield_from(PyObject *value)
{
    if (PyCoro_CheckExact(value))
        return NULL;
    if (PyGen_CheckExact(value)) {
        Py_INCREF(value);
        return value;
    }
    return PyObject_GetIter(value);
}

/* The value of a StopIteration that is pending, or NULL for another exception. */
static PyObject *stopped_with(void)
{
    PyObject *type, *exception, *traceback, *value;

    if (!PyErr_Occurred()) {
        Py_INCREF(Py_None);
        return Py_None;
    }
    if (!PyErr_ExceptionMatches(PyExc_StopIteration))
        return NULL;
    PyErr_Fetch(&type, &exception, &traceback);
    PyErr_NormalizeException(&type, &exception, &traceback);
    value = ((PyStopIterationObject *)exception)->value;
    if (value == NULL)
        value = Py_None;
    Py_INCREF(value);
    Py_XDECREF(type);
    Py_XDECREF(exception);
    Py_XDECREF(traceback);
    return value;
}

enum awaitable_sent awaitable_send(PyObject *iterator, PyObject *value, PyObject **result)
{
    if (value == Py_None && PyIter_Check(iterator))
        *result = Py_TYPE(iterator)->tp_iternext(iterator);
    else
        *result = PyObject_CallMethod(iterator, "send", "(O)", value);
    if (*result != NULL)
        return AWAITABLE_YIELDED;
    *result = stopped_with();
    return *result != NULL ? AWAITABLE_ENDED : AWAITABLE_FAILED;
}

void awaitable_stop(PyObject *result)
{
    PyObject *stop = PyObject_CallFunctionObjArgs(PyExc_StopIteration, result, NULL);

    if (stop != NULL)
        PyErr_SetObject(PyExc_StopIteration, stop);
    Py_XDECREF(stop);
    Py_DECREF(result);
}

int awaitable_has_frames(PyObject *iterator)
{
    return PyGen_CheckExact(iterator) || PyCoro_CheckExact(iterator);
}

PyObject *awaitable_exception(PyObject *arguments)
{
    PyObject *type, *value = NULL, *traceback = NULL, *none = NULL;

    if (!PyArg_UnpackTuple(arguments, "throw", 1, 3, &type, &value, &traceback))
        return NULL;
    if (PyExceptionInstance_Check(type)) {
        value = type;
        Py_INCREF(value);
    } else if (PyExceptionClass_Check(type)) {
        Py_INCREF(type);
        Py_XINCREF(value);
        PyErr_NormalizeException(&type, &value, &none);
        Py_XDECREF(type);
        Py_XDECREF(none);
    } else {
        return PyErr_Format(PyExc_TypeError,
            "exceptions must be classes or instances deriving from BaseException, not %s",
            Py_TYPE(type)->tp_name);
    }
    if (value != NULL && traceback != NULL && traceback != Py_None)
        PyException_SetTraceback(value, traceback);
    return value;
}
