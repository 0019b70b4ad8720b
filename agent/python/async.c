/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/async.h"

#include "agent/python/delegate.h"

/* Both types: a manager has __aenter__ and __aexit__, bound; an iterable the object, then its
 * iterator. */
struct stand_in {
    PyObject_HEAD PyObject *first, *second;
    struct fiber *fiber;
};

static PyObject *stand_in_new(
    PyTypeObject *type, PyObject *first, PyObject *second, struct fiber *fiber)
{
    struct stand_in *made = PyObject_GC_New(struct stand_in, type);

    if (made == NULL)
        return NULL;
    Py_INCREF(first);
    Py_XINCREF(second);
    made->first = first;
    made->second = second;
    made->fiber = fiber;
    fiber_hold(fiber);
    PyObject_GC_Track((PyObject *)made);
    return (PyObject *)made;
}

static int traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((struct stand_in *)self)->first);
    Py_VISIT(((struct stand_in *)self)->second);
    return 0;
}

static int clear(PyObject *self)
{
    Py_CLEAR(((struct stand_in *)self)->first);
    Py_CLEAR(((struct stand_in *)self)->second);
    return 0;
}

static void dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    fiber_release(((struct stand_in *)self)->fiber);
    clear(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

/* What the fiber's root is to await instead of the object, whose reference is taken. */
static PyObject *delegated(PyObject *self, PyObject *awaitable)
{
    struct module_state *state = PyType_GetModuleState(Py_TYPE(self));
    PyObject *delegate;

    if (awaitable == NULL)
        return NULL;
    delegate = delegate_await(state, ((struct stand_in *)self)->fiber, awaitable);
    Py_DECREF(awaitable);
    return delegate;
}

static PyObject *manager_enter(PyObject *self, PyObject *unused)
{
    (void)unused;
    return delegated(self, PyObject_CallObject(((struct stand_in *)self)->first, NULL));
}

static PyObject *manager_exit(PyObject *self, PyObject *arguments)
{
    return delegated(self, PyObject_CallObject(((struct stand_in *)self)->second, arguments));
}

static PyObject *iterable_iterator(PyObject *self)
{
    struct stand_in *iterable = (struct stand_in *)self;
    PyObject *iterator = Py_TYPE(iterable->first)->tp_as_async->am_aiter(iterable->first), *made;
    const PyAsyncMethods *methods;

    if (iterator == NULL)
        return NULL;
    methods = Py_TYPE(iterator)->tp_as_async;
    if (methods == NULL || methods->am_anext == NULL)
        return iterator;
    made = stand_in_new(Py_TYPE(self), iterator, NULL, iterable->fiber);
    Py_DECREF(iterator);
    return made;
}

/* The pending exception becomes the cause of what the interpreter says when it cannot await what
 * __anext__ gave. */
static void blame_next(PyTypeObject *given)
{
    PyObject *type, *cause, *traceback, *exception;

    PyErr_Fetch(&type, &cause, &traceback);
    PyErr_NormalizeException(&type, &cause, &traceback);
    if (traceback != NULL)
        PyException_SetTraceback(cause, traceback);
    PyErr_Format(PyExc_TypeError, "'async for' received an invalid object from __anext__: %.100s",
        given->tp_name);
    Py_DECREF(type);
    Py_XDECREF(traceback);
    PyErr_Fetch(&type, &exception, &traceback);
    PyErr_NormalizeException(&type, &exception, &traceback);
    Py_INCREF(cause);
    PyException_SetCause(exception, cause);
    PyException_SetContext(exception, cause);
    PyErr_Restore(type, exception, traceback);
}

static PyObject *iterable_next(PyObject *self)
{
    PyObject *iterator = ((struct stand_in *)self)->first, *next, *instead;

    next = Py_TYPE(iterator)->tp_as_async->am_anext(iterator);
    if (next == NULL)
        return NULL;
    Py_INCREF(next);
    instead = delegated(self, next);
    if (instead == NULL)
        blame_next(Py_TYPE(next));
    Py_DECREF(next);
    return instead;
}

/* A method as `async with` finds it, in the object's type alone. NULL without an exception when it
 * has none. */
static PyObject *special(PyObject *value, const char *name)
{
    PyObject *text = PyUnicode_InternFromString(name), *found;
    descrgetfunc get;

    if (text == NULL)
        return NULL;
    found = _PyType_Lookup(Py_TYPE(value), text);
    Py_DECREF(text);
    if (found == NULL)
        return NULL;
    Py_INCREF(found);
    get = Py_TYPE(found)->tp_descr_get;
    if (get != NULL) {
        PyObject *bound = get(found, value, (PyObject *)Py_TYPE(value));

        Py_DECREF(found);
        return bound;
    }
    return found;
}

static int has(PyObject *value, const char *name)
{
    PyObject *text = PyUnicode_InternFromString(name);
    int found = text != NULL && _PyType_Lookup(Py_TYPE(value), text) != NULL;

    Py_XDECREF(text);
    return found;
}

PyObject *async_with(struct module_state *state, struct fiber *fiber, PyObject *value)
{
    PyObject *enter, *leave, *made = NULL;

    if (!has(value, "__aenter__") || !has(value, "__aexit__")) {
        Py_INCREF(value);
        return value;
    }
    enter = special(value, "__aenter__");
    leave = enter != NULL ? special(value, "__aexit__") : NULL;
    if (leave != NULL)
        made = stand_in_new(state->manager_type, enter, leave, fiber);
    Py_XDECREF(enter);
    Py_XDECREF(leave);
    return made;
}

PyObject *async_for(struct module_state *state, struct fiber *fiber, PyObject *value)
{
    const PyAsyncMethods *methods = Py_TYPE(value)->tp_as_async;

    if (methods == NULL || methods->am_aiter == NULL) {
        Py_INCREF(value);
        return value;
    }
    return stand_in_new(state->iterable_type, value, NULL, fiber);
}

static PyMethodDef manager_methods[] = {
    {"__aenter__", manager_enter, METH_NOARGS, NULL},
    {"__aexit__", manager_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot manager_slots[] = {
    {Py_tp_dealloc, (void *)dealloc},
    {Py_tp_traverse, (void *)traverse},
    {Py_tp_clear, (void *)clear},
    {Py_tp_methods, manager_methods},
    {0, NULL},
};

static PyType_Slot iterable_slots[] = {
    {Py_tp_dealloc, (void *)dealloc},
    {Py_tp_traverse, (void *)traverse},
    {Py_tp_clear, (void *)clear},
    {Py_am_aiter, (void *)iterable_iterator},
    {Py_am_anext, (void *)iterable_next},
    {0, NULL},
};

static PyTypeObject *make_type(PyObject *module, const char *name, PyType_Slot *slots)
{
    PyType_Spec spec = {
        .name = name,
        .basicsize = sizeof(struct stand_in),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC
#if PY_VERSION_HEX >= 0x030A0000
                 | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE
#endif
        ,
        .slots = slots,
    };
    PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);

#if PY_VERSION_HEX < 0x030A0000
    if (type != NULL)
        type->tp_new = NULL;
#endif
    return type;
}

PyTypeObject *async_make_manager_type(PyObject *module)
{
    return make_type(module, "kieker._kieker.AsyncManager", manager_slots);
}

PyTypeObject *async_make_iterable_type(PyObject *module)
{
    return make_type(module, "kieker._kieker.AsyncIterable", iterable_slots);
}
