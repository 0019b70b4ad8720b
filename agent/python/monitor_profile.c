/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/monitor.h"

#if PY_VERSION_HEX < 0x030C0000

#include <opcode.h>

#include "agent/python/monitor_builtin.h"
#include "agent/python/monitor_code.h"
#include "agent/python/monitor_failure.h"
#include "agent/python/monitor_hook.h"
#include "agent/python/monitor_raise.h"
#include "agent/python/monitor_task.h"

static int with_c_functions;

static inline PyObject *code_of(PyFrameObject *frame)
{
#if PY_VERSION_HEX >= 0x030B0000
    PyObject *code = (PyObject *)PyFrame_GetCode(frame);

    Py_DECREF(code); /* the frame has it */
    return code;
#else
    return (PyObject *)frame->f_code;
#endif
}

/* Whether the generator, coroutine or asynchronous generator that has just left the interpreter
 * will be gone on with. */
static int is_suspended(const frame_t *frame)
{
#if PY_VERSION_HEX >= 0x030B0000
    return ((PyGenObject *)frame_generator(frame))->gi_frame_state == FRAME_SUSPENDED;
#elif PY_VERSION_HEX >= 0x030A0000
    return frame->f_state == FRAME_SUSPENDED;
#else
    return frame->f_stacktop != NULL;
#endif
}

/* Whether the frame of a coroutine or asynchronous generator begins to run for the first time. */
static int is_new(const frame_t *frame)
{
#if PY_VERSION_HEX >= 0x030B0000
    const _Py_CODEUNIT *at = frame->prev_instr;
    int opcode = _Py_OPCODE(*at);

    return (opcode == RESUME || opcode == RESUME_QUICK) && _Py_OPARG(*at) == 0;
#else
    return frame->f_lasti == -1;
#endif
}

/* 0, or -1 with an exception of the program's, see monitor_code_decide. */
static int on_call(PyObject *code)
{
    const struct monitor_operation *operation = monitor_code_known(code);
    enum monitor_kind kind;

    if (__builtin_expect(operation == NULL, 0)) {
        operation = monitor_code_decide(code, PyEval_GetGlobals());
        if (operation == NULL)
            return PyErr_Occurred() ? -1 : 0;
    }
    if (operation == &monitor_code_left)
        return 0;
    kind = monitor_kind_of(code);
    if (kind == MONITOR_FUNCTION) {
        monitor_enter(operation);
    } else if (kind == MONITOR_GENERATOR) {
        monitor_task_enter_generator(operation, frame_running());
    } else {
        if (is_new(frame_running()))
            monitor_task_begin(operation, kind, frame_running());
        else
            monitor_task_go_on(operation, kind, frame_running());
        monitor_raise_look();
    }
    return 0;
}

/* An exception ends the call; `cause` if it was seen, else NULL. */
static void fail(const struct monitor_operation *operation, enum monitor_kind kind,
    const struct monitor_cause *cause)
{
    struct monitor_task_end end = {0};

    if (kind != MONITOR_FUNCTION)
        end = monitor_task_ending(frame_running());
    if (cause != NULL) {
        monitor_failure_now(operation, kind, end, *cause);
    } else {
        monitor_failure_expect(operation, kind, end);
        monitor_raise_look();
    }
}

/* value: what is returned or yielded; NULL when an exception ends the call, see fail. */
static void on_return(PyObject *code, PyObject *value, const struct monitor_cause *cause)
{
    const struct monitor_operation *operation = monitor_code_operation(code);
    enum monitor_kind kind = monitor_kind_of(code);

    if (operation == NULL)
        return;
    if (value == NULL)
        fail(operation, kind, cause);
    else if (kind == MONITOR_FUNCTION)
        monitor_leave(operation);
    else if (monitor_kind_rests(kind) && is_suspended(frame_running()) &&
             !monitor_task_is_yield(value))
        monitor_task_rest(frame_running());
    else
        monitor_task_leave(operation, kind, monitor_task_ending(frame_running()));
}

static void on_builtin(PyObject *code, int what, PyObject *callable)
{
    const struct monitor_operation *operation;

    if (!with_c_functions || monitor_code_operation(code) == NULL)
        return;
    operation = monitor_builtin_operation(callable);
    if (operation == NULL)
        return;
    if (what == PyTrace_C_CALL)
        monitor_enter(operation);
    else if (what == PyTrace_C_RETURN)
        monitor_leave(operation);
    else
        fail(operation, MONITOR_FUNCTION, NULL);
}

/* The program's own profiler, called behind the monitor, may end a call by an exception as soon as
 * it has begun. */
static int forward(PyObject *object, PyFrameObject *frame, int what, PyObject *argument)
{
    int failed = monitor_hook_forward(object, frame, what, argument);

#if PY_VERSION_HEX < 0x030B0000
    /* Then there is no event for its end. */
    if (failed && what == PyTrace_CALL)
        on_return(code_of(frame), NULL, NULL);
#endif
    return failed;
}

/* Whether this event is the end of a call that an exception ends which was seen. */
static int has_cause(int what, const PyObject *argument, struct monitor_cause *cause)
{
    int is_seen =
        what == PyTrace_RETURN && argument == NULL && monitor_raise_seen(frame_running(), cause);

    /* Whatever still waits for its exception: C code has taken it, unless it is passing it on. */
    if (what != PyTrace_C_EXCEPTION) {
        monitor_raise_stop();
        if (monitor_failures.count > 0)
            monitor_failure_settle(monitor_cause_of(NULL));
    }
    return is_seen;
}

static int on_event(PyObject *object, PyFrameObject *frame, int what, PyObject *argument)
{
    PyObject *code = code_of(frame);
    struct monitor_cause cause;
    int failed = 0, is_seen = 0;

    if (__builtin_expect(monitor_raise_is_looking, 0))
        is_seen = has_cause(what, argument, &cause);
    if (what == PyTrace_CALL) {
        failed = on_call(code);
    } else if (what == PyTrace_RETURN) {
        on_return(code, argument, is_seen ? &cause : NULL);
    } else {
        if (what == PyTrace_C_CALL)
            monitor_hook_before(argument);
        on_builtin(code, what, argument);
    }
    if (__builtin_expect(monitor_hook.profiler != NULL || monitor_hook.silent != NULL, 0))
        failed |= forward(object, frame, what, argument);
    return failed;
}

static PyObject *profile_method(PyObject *module, PyObject *arguments)
{
    PyObject *select;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "Op:monitor_profile", &select, &with_c_functions) ||
        monitor_code_init(select) != 0)
        return NULL;
    monitor_hook_take(on_event);
    Py_RETURN_NONE;
}

static PyObject *adopt_method(PyObject *module, PyObject *arguments)
{
    PyObject *code, *globals, *qualname;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "O!O!U:monitor_adopt", &PyCode_Type, &code, &PyDict_Type,
            &globals, &qualname) ||
        monitor_code_adopt(code, globals, qualname) != 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *is_displaced_method(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    return PyBool_FromLong(!monitor_hook_is_taken());
}

PyDoc_STRVAR(profile_doc,
    "monitor_profile(select, c_functions)\n\n"
    "Observes by the profiling hook of all threads. select(globals, file) gives the component of "
    "code, or None when it is\n"
    "not observed.");
PyDoc_STRVAR(adopt_doc, "monitor_adopt(code, globals, qualname)\n\n"
                        "Tells the qualified name of a function that exists already.");
PyDoc_STRVAR(is_displaced_doc,
    "monitor_is_displaced()\n\nWhether something else has taken this thread's profiling hook.");

PyMethodDef monitor_methods[] = {
    {"monitor_profile", profile_method, METH_VARARGS, profile_doc},
    {"monitor_adopt", adopt_method, METH_VARARGS, adopt_doc},
    {"monitor_is_displaced", is_displaced_method, METH_NOARGS, is_displaced_doc},
    {NULL, NULL, 0, NULL},
};

#else
typedef int monitor_profile_is_not_compiled;
#endif
