/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/monitor.h"

#if PY_VERSION_HEX >= 0x030C0000

#include <structmember.h>

#include "agent/python/monitor_builtin.h"
#include "agent/python/monitor_code.h"
#include "agent/python/monitor_failure.h"
#include "agent/python/monitor_task.h"

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

/* The operation of code that something begins in; NULL, and what the callback has to give in
 * *result, when it is not observed. */
static inline const struct monitor_operation *begun(PyObject *code, PyObject **result)
{
    const struct monitor_operation *operation = monitor_code_known(code);

    if (__builtin_expect(operation == NULL, 0)) {
        operation = monitor_code_decide(code, PyEval_GetGlobals());
        if (operation == NULL) {
            *result = PyErr_Occurred() ? NULL : Py_None;
            return NULL;
        }
    }
    if (operation != &monitor_code_left)
        return operation;
    *result = Py_NewRef(disable);
    return NULL;
}

/* PY_START: (code, offset). */
static PyObject *on_start(PyObject *self, PyObject *const *arguments, size_t count, PyObject *names)
{
    PyObject *result = Py_None;
    const struct monitor_operation *operation = begun(arguments[0], &result);
    enum monitor_kind kind = monitor_kind_of(arguments[0]);

    (void)self, (void)count, (void)names;
    if (operation == NULL)
        return result;
    if (monitor_kind_rests(kind))
        monitor_task_begin(operation, kind, frame_running());
    else
        monitor_enter(operation);
    Py_RETURN_NONE;
}

/* PY_RESUME: (code, offset). */
static PyObject *on_resume(
    PyObject *self, PyObject *const *arguments, size_t count, PyObject *names)
{
    PyObject *result = Py_None;
    const struct monitor_operation *operation = begun(arguments[0], &result);
    enum monitor_kind kind = monitor_kind_of(arguments[0]);

    (void)self, (void)count, (void)names;
    if (operation == NULL)
        return result;
    if (monitor_kind_rests(kind))
        monitor_task_go_on(operation, kind, frame_running());
    else
        monitor_enter(operation);
    Py_RETURN_NONE;
}

/* PY_THROW: (code, offset, exception). It cannot be disabled. */
static PyObject *on_throw(PyObject *self, PyObject *const *arguments, size_t count, PyObject *names)
{
    PyObject *result = Py_None;
    const struct monitor_operation *operation = begun(arguments[0], &result);
    enum monitor_kind kind = monitor_kind_of(arguments[0]);

    (void)self, (void)count, (void)names;
    if (operation == NULL) {
        if (result == disable)
            Py_SETREF(result, Py_None);
        return result;
    }
    if (monitor_kind_rests(kind))
        monitor_task_go_on(operation, kind, frame_running());
    else
        monitor_task_enter_generator(operation, frame_running());
    Py_RETURN_NONE;
}

/* The operation of code that something ends in; NULL when it is not observed. */
static inline const struct monitor_operation *ended(PyObject *code, PyObject **result)
{
    const struct monitor_operation *operation = monitor_code_known(code);

    *result = operation == &monitor_code_left ? Py_NewRef(disable) : Py_None;
    return operation != &monitor_code_left ? operation : NULL;
}

static void leave(const struct monitor_operation *operation, PyObject *code)
{
    enum monitor_kind kind = monitor_kind_of(code);

    if (kind == MONITOR_FUNCTION || (kind == MONITOR_GENERATOR && monitor_tasks == 0))
        monitor_leave(operation);
    else
        monitor_task_leave(operation, kind, monitor_task_ending(frame_running()));
}

/* PY_RETURN: (code, offset, value). */
static PyObject *on_return(
    PyObject *self, PyObject *const *arguments, size_t count, PyObject *names)
{
    PyObject *result;
    const struct monitor_operation *operation = ended(arguments[0], &result);

    (void)self, (void)count, (void)names;
    if (operation == NULL)
        return result;
    leave(operation, arguments[0]);
    Py_RETURN_NONE;
}

/* PY_YIELD: (code, offset, value). */
static PyObject *on_yield(PyObject *self, PyObject *const *arguments, size_t count, PyObject *names)
{
    PyObject *result;
    const struct monitor_operation *operation = ended(arguments[0], &result);

    (void)self, (void)count, (void)names;
    if (operation == NULL)
        return result;
    if (monitor_kind_rests(monitor_kind_of(arguments[0])) && !monitor_task_is_yield(arguments[2]))
        monitor_task_rest(frame_running());
    else
        leave(operation, arguments[0]);
    Py_RETURN_NONE;
}

/* PY_UNWIND: (code, offset, exception). It cannot be disabled. */
static PyObject *on_unwind(
    PyObject *self, PyObject *const *arguments, size_t count, PyObject *names)
{
    const struct monitor_operation *operation = monitor_code_operation(arguments[0]);

    (void)self, (void)count, (void)names;
    if (operation != NULL)
        monitor_failure_now(operation, monitor_kind_of(arguments[0]),
            monitor_task_ending(frame_running()), monitor_cause_of(arguments[2]));
    Py_RETURN_NONE;
}

/* CALL: (code, offset, callable, first argument). Python functions have events of their own. */
static PyObject *on_call(PyObject *self, PyObject *const *arguments, size_t count, PyObject *names)
{
    PyObject *result = Py_None;
    const struct monitor_operation *operation = begun(arguments[0], &result);

    (void)self, (void)count, (void)names;
    if (operation == NULL)
        return result;
    operation = monitor_builtin_operation(arguments[2]);
    if (operation != NULL)
        monitor_enter(operation);
    Py_RETURN_NONE;
}

/* C_RETURN and C_RAISE: (code, offset, callable, first argument). They come only where CALL
 * does. */
static inline const struct monitor_operation *ended_builtin(PyObject *const *arguments)
{
    if (monitor_code_operation(arguments[0]) == NULL)
        return NULL;
    return monitor_builtin_operation(arguments[2]);
}

static PyObject *on_c_return(
    PyObject *self, PyObject *const *arguments, size_t count, PyObject *names)
{
    const struct monitor_operation *operation = ended_builtin(arguments);

    (void)self, (void)count, (void)names;
    if (operation != NULL)
        monitor_leave(operation);
    Py_RETURN_NONE;
}

/* The exception comes with the RAISE that follows at once. */
static PyObject *on_c_raise(
    PyObject *self, PyObject *const *arguments, size_t count, PyObject *names)
{
    const struct monitor_operation *operation = ended_builtin(arguments);

    (void)self, (void)count, (void)names;
    if (operation != NULL)
        monitor_failure_expect(operation, MONITOR_FUNCTION, (struct monitor_task_end){0});
    Py_RETURN_NONE;
}

/* RAISE: (code, offset, exception). It cannot be disabled. */
static PyObject *on_raise(PyObject *self, PyObject *const *arguments, size_t count, PyObject *names)
{
    (void)self, (void)count, (void)names;
    if (monitor_failures.count > 0)
        monitor_failure_settle(monitor_cause_of(arguments[2]));
    Py_RETURN_NONE;
}

static const struct event {
    const char *name;
    vectorcallfunc call;
    int is_of_c; /* wanted for functions in C only */
} events[] = {
    {"PY_START", on_start, 0},
    {"PY_RESUME", on_resume, 0},
    {"PY_THROW", on_throw, 0},
    {"PY_RETURN", on_return, 0},
    {"PY_YIELD", on_yield, 0},
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
