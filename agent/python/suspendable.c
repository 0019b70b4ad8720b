/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/suspendable.h"

#include "agent/core/fiber.h"
#include "agent/python/async.h"
#include "agent/python/delegate.h"
#include "agent/python/frames.h"
#include "agent/python/probe.h"
#include "agent/python/starts.h"

static struct module_state *state_of(PyObject *self)
{
    return (struct module_state *)PyType_GetModuleState(Py_TYPE(self));
}

static void record_enter(const struct probe *probe)
{
    if (!probe_is_off(probe))
        probe_enter(probe->operation);
}

static void record_leave(const struct probe *probe)
{
    if (!probe_is_off(probe))
        probe_leave(probe->operation);
}

/* Whether what runs the frame, through other coroutines if need be, is active on the fiber. */
static int is_awaited(const struct fiber *fiber, const frame_t *frame)
{
    const void *top = fiber != NULL ? fiber_top(fiber) : NULL;

    if (top == NULL)
        return 0;
    for (frame = frame_back(frame); frame != NULL && frame_is_suspendable(frame);
         frame = frame_back(frame))
        if (frame == top)
            return 1;
    return 0;
}

/* The fiber of a coroutine or asynchronous generator that is not awaited by an observed one. */
static void begin_fiber(const struct probe *probe, frame_t *frame)
{
    uint64_t split = 0;

    if (probe->kind == PROBE_COROUTINE) {
        starts_look_for_tasks();
        split = starts_take_task(frame_generator(frame));
        if (split == 0)
            split = fiber_split();
    }
    fiber_begin(frame, split);
}

/* A stretch begins: the frame is active from now on. */
static void begin(const struct probe *probe, frame_t *frame)
{
    struct fiber *fiber;

    if (probe->kind != PROBE_GENERATOR && !is_awaited(fiber_current(), frame))
        begin_fiber(probe, frame);
    record_enter(probe);
    fiber = fiber_current();
    if (fiber != NULL)
        fiber_push(fiber, frame);
}

/* A stretch ends, by the exception if there is one. Whether one had begun. */
static int end(struct probe *probe, frame_t *frame, PyObject *exception)
{
    struct fiber *fiber = fiber_current();

    if (fiber == NULL || !fiber_pop(fiber, frame))
        return 0;
    if (exception != NULL)
        probe_fail(probe, exception);
    else
        record_leave(probe);
    if (fiber->root == frame)
        fiber_end(fiber);
    return 1;
}

static int is_active(const frame_t *frame)
{
    const struct fiber *fiber = fiber_current();

    return fiber != NULL && fiber_has(fiber, frame);
}

/* Whether it is a probe that an operator was asked for, not what stands on its right. */
static int is_probe(PyObject *self)
{
    return Py_TYPE(self)->tp_dealloc == probe_dealloc;
}

static PyObject *on_enter(PyObject *self)
{
    if (agent_is_running())
        begin((struct probe *)self, frame_running());
    Py_RETURN_NONE;
}

static PyObject *on_leave(PyObject *self)
{
    end((struct probe *)self, frame_running(), NULL);
    Py_RETURN_NONE;
}

/* What ends because nobody wants it any more has not failed. */
static PyObject *on_failed(PyObject *self)
{
    struct probe *probe = (struct probe *)self;
    PyObject *type, *value, *traceback, *exception;

    PyErr_Fetch(&type, &value, &traceback);
    exception = probe_handled_exception();
    if (exception == NULL || !agent_is_running() ||
        PyErr_GivenExceptionMatches(exception, PyExc_GeneratorExit)) {
        end(probe, frame_running(), NULL);
    } else {
        if (!is_active(frame_running()))
            begin(probe, frame_running());
        end(probe, frame_running(), exception);
    }
    Py_XDECREF(exception);
    PyErr_Restore(type, value, traceback);
    Py_RETURN_NONE;
}

static PyObject *on_yield(PyObject *self, PyObject *value)
{
    if (!is_probe(self))
        Py_RETURN_NOTIMPLEMENTED;
    if (agent_is_running() && !end((struct probe *)self, frame_running(), NULL)) {
        /* It had been gone on with by throw(), unseen. */
        begin((struct probe *)self, frame_running());
        end((struct probe *)self, frame_running(), NULL);
    }
    Py_INCREF(value);
    return value;
}

static PyObject *on_sent(PyObject *self, PyObject *value)
{
    if (!is_probe(self))
        Py_RETURN_NOTIMPLEMENTED;
    if (agent_is_running())
        begin((struct probe *)self, frame_running());
    Py_INCREF(value);
    return value;
}

static PyObject *on_thrown(PyObject *self, PyObject *other)
{
    (void)other;
    if (!is_probe(self))
        Py_RETURN_NOTIMPLEMENTED;
    if (agent_is_running() && !is_active(frame_running()))
        begin((struct probe *)self, frame_running());
    Py_RETURN_NONE;
}

/* The fiber of which the running frame is the root, a comprehension's counted as its function's. */
static struct fiber *rooted_fiber(void)
{
    struct fiber *fiber = fiber_current();
    const frame_t *frame = frame_running();

    if (fiber == NULL || fiber->root == NULL)
        return NULL;
    while (frame != NULL && frame != fiber->root && frame_is_comprehension(frame))
        frame = frame_back(frame);
    return frame == fiber->root ? fiber : NULL;
}

static PyObject *on_delegate(PyObject *self, PyObject *value)
{
    struct fiber *fiber;

    if (!is_probe(self))
        Py_RETURN_NOTIMPLEMENTED;
    if (!agent_is_running()) {
        Py_INCREF(value);
        return value;
    }
    if (((struct probe *)self)->kind == PROBE_GENERATOR)
        return delegate_yield_from(state_of(self), (struct probe *)self, frame_running(), value);
    fiber = rooted_fiber();
    if (fiber != NULL)
        return delegate_await(state_of(self), fiber, value);
    Py_INCREF(value);
    return value;
}

static PyObject *on_with(PyObject *self, PyObject *value)
{
    struct fiber *fiber = rooted_fiber();

    if (!is_probe(self))
        Py_RETURN_NOTIMPLEMENTED;
    if (fiber != NULL)
        return async_with(state_of(self), fiber, value);
    Py_INCREF(value);
    return value;
}

static PyObject *on_for(PyObject *self, PyObject *value)
{
    struct fiber *fiber = rooted_fiber();

    if (!is_probe(self))
        Py_RETURN_NOTIMPLEMENTED;
    if (fiber != NULL)
        return async_for(state_of(self), fiber, value);
    Py_INCREF(value);
    return value;
}

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)(uintptr_t) "A probe of the agent: a constant in the code of an observed "
                                    "generator or coroutine."},
    {Py_tp_dealloc, (void *)probe_dealloc},
    {Py_tp_repr, (void *)probe_repr},
    {Py_tp_methods, probe_methods},
    {Py_nb_negative, (void *)on_enter},
    {Py_nb_invert, (void *)on_leave},
    {Py_nb_positive, (void *)on_failed},
    {Py_nb_or, (void *)on_yield},
    {Py_nb_matrix_multiply, (void *)on_sent},
    {Py_nb_and, (void *)on_thrown},
    {Py_nb_rshift, (void *)on_delegate},
    {Py_nb_remainder, (void *)on_with},
    {Py_nb_floor_divide, (void *)on_for},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "kieker._kieker.SuspendableProbe",
    .basicsize = sizeof(struct probe),
    .flags = Py_TPFLAGS_DEFAULT
#if PY_VERSION_HEX >= 0x030A0000
             | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE
#endif
    ,
    .slots = slots,
};

PyTypeObject *suspendable_make_type(PyObject *module)
{
    PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);

#if PY_VERSION_HEX < 0x030A0000
    if (type != NULL)
        type->tp_new = NULL;
#endif
    return type;
}
