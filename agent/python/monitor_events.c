/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/monitor.h"

#if PY_VERSION_HEX >= 0x030C0000

#include <structmember.h>

#include "agent/core/agent.h"
#include "agent/core/probe.h"
#include "agent/python/cause.h"
#include "agent/python/monitor_builtin.h"
#include "agent/python/monitor_code.h"
#include "agent/python/monitor_failure.h"

/*
 * Callbacks of sys.monitoring. They are called within whatever the program does at that moment:
 * nothing but an exception of the program's own (see monitor_code_decide) may come out of them.
 * Objects with a vectorcall function rather than builtins, since calling those takes a level of
 * the recursion limit.
 */
struct callback {
    PyObject_HEAD vectorcallfunc call;
};

/* What a callback gives: sys.monitoring.DISABLE for a place in code that is not observed. */
static PyObject *disable;

/* The operation of code that something begins in; OPERATIONS_NONE, and what the callback has to
 * give in *result, when it is not observed. */
static inline uint32_t begun_operation(PyObject *code, PyObject **result)
{
    uintptr_t known = monitor_code_known(code);

    if (__builtin_expect(known == MONITOR_UNDECIDED, 0)) {
        known = monitor_code_decide(code, PyEval_GetGlobals());
        if (known == MONITOR_UNDECIDED) {
            *result = PyErr_Occurred() ? NULL : Py_None;
            return OPERATIONS_NONE;
        }
    }
    if (known == MONITOR_LEFT) {
        *result = Py_NewRef(disable);
        return OPERATIONS_NONE;
    }
    return (uint32_t)(known - MONITOR_OBSERVED);
}

/* PY_START and PY_RESUME: (code, offset). */
static PyObject *on_begin(PyObject *self, PyObject *const *arguments, size_t count, PyObject *names)
{
    PyObject *result = Py_None;
    uint32_t operation = begun_operation(arguments[0], &result);

    (void)self, (void)count, (void)names;
    if (operation == OPERATIONS_NONE)
        return result;
    probe_enter(operation);
    Py_RETURN_NONE;
}

/* PY_THROW: (code, offset, exception). It cannot be disabled. */
static PyObject *on_throw(PyObject *self, PyObject *const *arguments, size_t count, PyObject *names)
{
    PyObject *result = on_begin(self, arguments, count, names);

    if (result == disable)
        Py_SETREF(result, Py_None);
    return result;
}

/* PY_RETURN and PY_YIELD: (code, offset, value). */
static PyObject *on_end(PyObject *self, PyObject *const *arguments, size_t count, PyObject *names)
{
    uintptr_t known = monitor_code_known(arguments[0]);

    (void)self, (void)count, (void)names;
    if (known < MONITOR_OBSERVED)
        return Py_NewRef(known == MONITOR_LEFT ? disable : Py_None);
    probe_leave((uint32_t)(known - MONITOR_OBSERVED));
    Py_RETURN_NONE;
}

/* PY_UNWIND: (code, offset, exception). It cannot be disabled. */
static PyObject *on_unwind(
    PyObject *self, PyObject *const *arguments, size_t count, PyObject *names)
{
    uintptr_t known = monitor_code_known(arguments[0]);
    uint32_t operation = (uint32_t)(known - MONITOR_OBSERVED);

    (void)self, (void)count, (void)names;
    if (known < MONITOR_OBSERVED)
        Py_RETURN_NONE;
    if (agent_is_running())
        probe_failed(operation, cause_of(arguments[2]));
    probe_leave(operation);
    Py_RETURN_NONE;
}

/* CALL: (code, offset, callable, first argument). Python functions have events of their own. */
static PyObject *on_call(PyObject *self, PyObject *const *arguments, size_t count, PyObject *names)
{
    PyObject *result = Py_None;
    uint32_t operation;

    (void)self, (void)count, (void)names;
    if (begun_operation(arguments[0], &result) == OPERATIONS_NONE)
        return result;
    operation = monitor_builtin_operation(arguments[2]);
    if (operation != OPERATIONS_NONE)
        probe_enter(operation);
    Py_RETURN_NONE;
}

/* C_RETURN and C_RAISE: (code, offset, callable, first argument). They come only where CALL
 * does. */
static uint32_t ended_builtin(PyObject *const *arguments)
{
    return monitor_code_known(arguments[0]) >= MONITOR_OBSERVED
               ? monitor_builtin_operation(arguments[2])
               : OPERATIONS_NONE;
}

static PyObject *on_c_return(
    PyObject *self, PyObject *const *arguments, size_t count, PyObject *names)
{
    uint32_t operation = ended_builtin(arguments);

    (void)self, (void)count, (void)names;
    if (operation != OPERATIONS_NONE)
        probe_leave(operation);
    Py_RETURN_NONE;
}

/* The exception comes with the RAISE that follows at once. */
static PyObject *on_c_raise(
    PyObject *self, PyObject *const *arguments, size_t count, PyObject *names)
{
    uint32_t operation = ended_builtin(arguments);

    (void)self, (void)count, (void)names;
    if (operation != OPERATIONS_NONE)
        monitor_failure_expect(operation);
    Py_RETURN_NONE;
}

/* RAISE: (code, offset, exception). It cannot be disabled. */
static PyObject *on_raise(PyObject *self, PyObject *const *arguments, size_t count, PyObject *names)
{
    (void)self, (void)count, (void)names;
    monitor_failure_settle(arguments[2]);
    Py_RETURN_NONE;
}

static const struct event {
    const char *name;
    vectorcallfunc call;
    int is_of_c; /* wanted for functions in C only */
} events[] = {
    {"PY_START", on_begin, 0},
    {"PY_RESUME", on_begin, 0},
    {"PY_THROW", on_throw, 0},
    {"PY_RETURN", on_end, 0},
    {"PY_YIELD", on_end, 0},
    {"PY_UNWIND", on_unwind, 0},
    {"CALL", on_call, 1},
    {"C_RETURN", on_c_return, 1},
    {"C_RAISE", on_c_raise, 1},
    {"RAISE", on_raise, 1},
};

static void callback_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_Free(self);
    Py_DECREF(type);
}

static PyMemberDef callback_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(struct callback, call), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot callback_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t) "What sys.monitoring calls for the agent."},
    {Py_tp_dealloc, (void *)callback_dealloc},
    {Py_tp_call, (void *)PyVectorcall_Call},
    {Py_tp_members, callback_members},
    {0, NULL},
};

static PyType_Spec callback_spec = {
    .name = "kieker._kieker.Callback",
    .basicsize = sizeof(struct callback),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = callback_slots,
};

/* [(event's name, callback)...]; a new reference, or NULL with an exception. */
static PyObject *make_callbacks(PyTypeObject *type, int c_functions)
{
    PyObject *pairs = PyList_New(0);

    for (size_t i = 0; pairs != NULL && i < sizeof(events) / sizeof(events[0]); i++) {
        struct callback *callback;
        PyObject *pair;

        if (events[i].is_of_c && !c_functions)
            continue;
        callback = PyObject_New(struct callback, type);
        if (callback != NULL)
            callback->call = events[i].call;
        pair = callback != NULL ? Py_BuildValue("(sN)", events[i].name, callback) : NULL;
        if (pair == NULL || PyList_Append(pairs, pair) != 0)
            Py_CLEAR(pairs);
        Py_XDECREF(pair);
    }
    return pairs;
}

static PyObject *callbacks_method(PyObject *module, PyObject *arguments)
{
    PyObject *select, *disabled, *type, *pairs;
    int c_functions;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOp:monitor_callbacks", &select, &disabled, &c_functions) ||
        monitor_code_init(select) != 0)
        return NULL;
    disable = Py_NewRef(disabled);
    type = PyType_FromSpec(&callback_spec);
    if (type == NULL)
        return NULL;
    pairs = make_callbacks((PyTypeObject *)type, c_functions);
    Py_DECREF(type);
    return pairs;
}

PyDoc_STRVAR(callbacks_doc,
    "monitor_callbacks(select, disable, c_functions)\n\n"
    "What is to be registered with sys.monitoring: a list of (event's name, callback). "
    "select(globals, file) gives the\n"
    "component of code, or None when it is not observed; disable is sys.monitoring.DISABLE.");

PyMethodDef monitor_methods[] = {
    {"monitor_callbacks", callbacks_method, METH_VARARGS, callbacks_doc},
    {NULL, NULL, 0, NULL},
};

#else
typedef int monitor_events_is_not_compiled;
#endif
