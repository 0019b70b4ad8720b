/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/delegate.h"

#include "agent/python/awaitable.h"

struct delegate {
    PyObject_HEAD PyObject *value; /* what stands in the program */
    PyObject *iterator;            /* what it is gone on with by; NULL: it has ended */
    frame_t *frame;                /* of the function that awaits; NULL once it does so no more */
    struct fiber *fiber;           /* which rests meanwhile; NULL: a generator's */
    struct probe *probe;           /* the generator's */
    int is_suspended;
};

static void suspend(struct delegate *delegate)
{
    struct fiber *here;

    delegate->is_suspended = 1;
    if (delegate->fiber != NULL) {
        fiber_suspend(delegate->fiber);
        return;
    }
    here = fiber_current();
    if (here != NULL && fiber_pop(here, delegate->frame) && !probe_is_off(delegate->probe))
        probe_leave(delegate->probe->operation);
}

static void resume(struct delegate *delegate)
{
    if (!delegate->is_suspended)
        return;
    delegate->is_suspended = 0;
    if (delegate->fiber != NULL) {
        fiber_resume(delegate->fiber);
        return;
    }
    if (!agent_is_running())
        return;
    if (!probe_is_off(delegate->probe))
        probe_enter(delegate->probe->operation);
    if (fiber_current() != NULL)
        fiber_push(fiber_current(), delegate->frame);
}

/* The iterator has yielded (then the function is suspended), or ended. Gives back the result. */
static PyObject *conclude(struct delegate *delegate, PyObject *yielded)
{
    if (yielded != NULL)
        suspend(delegate);
    else
        delegate->frame = NULL;
    return yielded;
}

static PyObject *delegate_send(PyObject *self, PyObject *value)
{
    struct delegate *delegate = (struct delegate *)self;
    PyObject *result;

    resume(delegate);
    if (awaitable_send(delegate->iterator, value, &result) == AWAITABLE_ENDED) {
        conclude(delegate, NULL);
        awaitable_stop(result);
        return NULL;
    }
    return conclude(delegate, result);
}

static PyObject *delegate_next(PyObject *self)
{
    return delegate_send(self, Py_None);
}

#if PY_VERSION_HEX >= 0x030A0000
static PySendResult am_send(PyObject *self, PyObject *value, PyObject **result)
{
    struct delegate *delegate = (struct delegate *)self;
    PySendResult how;

    resume(delegate);
    how = PyIter_Send(delegate->iterator, value, result);
    conclude(delegate, how == PYGEN_NEXT ? *result : NULL);
    return how;
}
#endif

/*
 * While the iterator is thrown into, the interpreter lets the function's frame run it, as long as
 * it is a generator; so that what it calls finds the whole stack below it.
 */
static PyObject *throw_into(struct delegate *delegate, PyObject *method, PyObject *arguments)
{
    PyThreadState *thread = PyThreadState_Get();
    frame_t *frame = delegate->frame, *before = FRAME_CURRENT(thread), *back;
    PyObject *result;

    if (frame == NULL || frame == before || !frame_generator_runs(frame) ||
        !awaitable_has_frames(delegate->iterator))
        return PyObject_Call(method, arguments, NULL);
    back = frame_link(frame, before);
    FRAME_CURRENT(thread) = frame;
    result = PyObject_Call(method, arguments, NULL);
    FRAME_CURRENT(thread) = before;
    frame_link(frame, back);
    return result;
}

/* A method of the iterator; NULL, without an exception, when it has none. */
static PyObject *method_of(struct delegate *delegate, const char *name)
{
    PyObject *method = PyObject_GetAttrString(delegate->iterator, name);

    if (method == NULL && PyErr_ExceptionMatches(PyExc_AttributeError))
        PyErr_Clear();
    return method;
}

/*
 * More than one argument, type, value and traceback, is an old way of naming an exception, of which
 * generators and coroutines warn: the program has been told so already.
 */
static PyObject *delegate_throw(PyObject *self, PyObject *arguments)
{
    struct delegate *delegate = (struct delegate *)self;
    PyObject *method, *exception, *alone, *result = NULL;

    resume(delegate);
    method = method_of(delegate, "throw");
    if (method == NULL && PyErr_Occurred())
        return conclude(delegate, NULL);
    if (method != NULL &&
        (PyTuple_GET_SIZE(arguments) == 1 || !awaitable_has_frames(delegate->iterator))) {
        result = throw_into(delegate, method, arguments);
        Py_DECREF(method);
        return conclude(delegate, result);
    }
    exception = awaitable_exception(arguments);
    alone = exception != NULL ? PyTuple_Pack(1, exception) : NULL;
    if (alone != NULL && method != NULL)
        result = throw_into(delegate, method, alone);
    else if (alone != NULL)
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_XDECREF(alone);
    Py_XDECREF(exception);
    Py_XDECREF(method);
    return conclude(delegate, result);
}

static PyObject *delegate_close(PyObject *self, PyObject *unused)
{
    struct delegate *delegate = (struct delegate *)self;
    PyObject *method, *result = NULL;

    (void)unused;
    resume(delegate);
    method = method_of(delegate, "close");
    if (method != NULL) {
        result = PyObject_CallObject(method, NULL);
        Py_DECREF(method);
    } else {
        /* So does the interpreter: the generator is closed all the same. */
        if (PyErr_Occurred())
            PyErr_WriteUnraisable(delegate->value);
        Py_INCREF(Py_None);
        result = Py_None;
    }
    delegate->frame = NULL;
    return result;
}

/* What the interpreter itself calls is the delegate's; all else is asked of the value. */
static PyObject *getattro(PyObject *self, PyObject *name)
{
    static const char *const own[] = {"send", "throw", "close"};

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (PyUnicode_CompareWithASCIIString(name, own[i]) == 0)
            return PyObject_GenericGetAttr(self, name);
    return PyObject_GetAttr(((struct delegate *)self)->value, name);
}

static PyObject *repr(PyObject *self)
{
    return PyObject_Repr(((struct delegate *)self)->value);
}

static PyObject *get_self(PyObject *self)
{
    Py_INCREF(self);
    return self;
}

static int traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((struct delegate *)self)->value);
    Py_VISIT(((struct delegate *)self)->iterator);
    Py_VISIT(((struct delegate *)self)->probe);
    return 0;
}

static int clear(PyObject *self)
{
    Py_CLEAR(((struct delegate *)self)->value);
    Py_CLEAR(((struct delegate *)self)->iterator);
    Py_CLEAR(((struct delegate *)self)->probe);
    return 0;
}

static void dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    if (((struct delegate *)self)->fiber != NULL)
        fiber_release(((struct delegate *)self)->fiber);
    clear(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"send", delegate_send, METH_O, NULL},
    {"throw", delegate_throw, METH_VARARGS, NULL},
    {"close", delegate_close, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)(uintptr_t) "What an observed function awaits or yields from, in place of "
                                    "the object that it names."},
    {Py_tp_dealloc, (void *)dealloc},
    {Py_tp_traverse, (void *)traverse},
    {Py_tp_clear, (void *)clear},
    {Py_tp_getattro, (void *)getattro},
    {Py_tp_repr, (void *)repr},
    {Py_tp_iter, (void *)get_self},
    {Py_tp_iternext, (void *)delegate_next},
    {Py_tp_methods, methods},
    {Py_am_await, (void *)get_self},
#if PY_VERSION_HEX >= 0x030A0000
    {Py_am_send, (void *)am_send},
#endif
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "kieker._kieker.Delegate",
    .basicsize = sizeof(struct delegate),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC
#if PY_VERSION_HEX >= 0x030A0000
             | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE
#endif
    ,
    .slots = slots,
};

PyTypeObject *delegate_make_type(PyObject *module)
{
    PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);

#if PY_VERSION_HEX < 0x030A0000
    if (type != NULL)
        type->tp_new = NULL;
#endif
    return type;
}

/* Takes the reference to the iterator; NULL for it means that the value itself will do, or that
 * there is an exception. */
static PyObject *make(struct module_state *state, PyObject *value, PyObject *iterator,
    frame_t *frame, struct fiber *fiber, struct probe *probe)
{
    struct delegate *delegate;

    if (iterator == NULL) {
        if (PyErr_Occurred())
            return NULL;
        Py_INCREF(value);
        return value;
    }
    delegate = PyObject_GC_New(struct delegate, state->delegate_type);
    if (delegate == NULL) {
        Py_DECREF(iterator);
        return NULL;
    }
    Py_INCREF(value);
    Py_XINCREF(probe);
    delegate->value = value;
    delegate->iterator = iterator;
    delegate->frame = frame;
    delegate->fiber = fiber;
    delegate->probe = probe;
    delegate->is_suspended = 0;
    if (fiber != NULL)
        fiber_hold(fiber);
    PyObject_GC_Track((PyObject *)delegate);
    return (PyObject *)delegate;
}

PyObject *delegate_await(struct module_state *state, struct fiber *fiber, PyObject *value)
{
    return make(state, value, awaitable_iterator(value), frame_running(), fiber, NULL);
}

PyObject *delegate_yield_from(
    struct module_state *state, struct probe *probe, frame_t *frame, PyObject *value)
{
    return make(state, value, awaitable_yield_from(value), frame, NULL, probe);
}
