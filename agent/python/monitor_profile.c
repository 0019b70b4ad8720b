/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/monitor.h"

#if PY_VERSION_HEX < 0x030C0000

#include <frameobject.h>
#include <string.h>

#include "agent/core/operations.h"
#include "agent/core/probe.h"
#include "agent/core/say.h"
#include "agent/python/interpose.h"
#include "agent/python/monitor_builtin.h"
#include "agent/python/monitor_code.h"
#include "agent/python/monitor_failure.h"

/*
 * The profiling hook of each thread is taken, with the program's own profiler, if it has one,
 * behind it. A thread's hook is a C function and an object for it; the object is what
 * sys.getprofile() gives, so it stays the program's, or none.
 */
struct chain {
    Py_tracefunc profiler; /* the program's own, or NULL */
    PyCFunction silent;    /* the return from this is not to be shown to it */
    Py_tracefunc tracer;   /* the program's tracing hook, while ours is in its place */
    int is_tracing;
};

static PROBE_THREAD struct chain chain;

static int with_c_functions;

static int on_event(PyObject *object, PyFrameObject *frame, int what, PyObject *argument);

/* Written as it stands: PyEval_SetProfile raises an audit event, which programs see. */
static void set_profiler(PyThreadState *thread, Py_tracefunc profiler)
{
    thread->c_profilefunc = profiler;
    if (thread->tracing > 0)
        return; /* the interpreter does the rest when the hook that is running returns */
#if PY_VERSION_HEX >= 0x030B0000
    thread->cframe->use_tracing = 255;
#elif PY_VERSION_HEX >= 0x030A0000
    thread->cframe->use_tracing = 1;
#else
    thread->use_tracing = 1;
#endif
}

/* All threads that have no profiler yet get the monitor. */
static void take_threads(void)
{
    PyThreadState *thread = PyInterpreterState_ThreadHead(PyInterpreterState_Get());

    for (; thread != NULL; thread = PyThreadState_Next(thread))
        if (thread->c_profilefunc == NULL)
            set_profiler(thread, on_event);
}

/* Whatever profiler the program has set in this thread since is put behind the monitor. */
static void take_back(void)
{
    PyThreadState *thread = PyThreadState_Get();

    if (thread->c_profilefunc == on_event)
        return;
    chain.profiler = thread->c_profilefunc;
    set_profiler(thread, on_event);
}

/*
 * The tracing hook, which alone shows an exception, for as long as a failure waits for one. It is
 * the next to be called, and goes at once.
 */
static void stop_tracing(void)
{
    PyThreadState *thread = PyThreadState_Get();

    chain.is_tracing = 0;
    thread->c_tracefunc = chain.tracer;
}

static int on_trace(PyObject *object, PyFrameObject *frame, int what, PyObject *argument)
{
    Py_tracefunc tracer = chain.tracer;

    stop_tracing();
    monitor_failure_settle(
        what == PyTrace_EXCEPTION && PyTuple_Check(argument) ? PyTuple_GetItem(argument, 1) : NULL);
    return tracer != NULL ? tracer(object, frame, what, argument) : 0;
}

static void expect_failure(uint32_t operation)
{
    PyThreadState *thread = PyThreadState_Get();

    monitor_failure_expect(operation);
    chain.tracer = thread->c_tracefunc;
    chain.is_tracing = 1;
    thread->c_tracefunc = on_trace;
}

/* No exception was shown: whoever called the function, in C, has taken it. */
static void give_up_failure(void)
{
    if (chain.is_tracing && PyThreadState_Get()->c_tracefunc == on_trace)
        stop_tracing();
    chain.is_tracing = 0;
    monitor_failure_settle(NULL);
}

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

/* 0, or -1 with an exception of the program's, see monitor_code_decide. */
static int on_call(PyObject *code)
{
    uintptr_t known = monitor_code_known(code);

    if (__builtin_expect(known == MONITOR_UNDECIDED, 0)) {
        known = monitor_code_decide(code, PyEval_GetGlobals());
        if (known == MONITOR_UNDECIDED && PyErr_Occurred())
            return -1;
    }
    if (known >= MONITOR_OBSERVED)
        probe_enter((uint32_t)(known - MONITOR_OBSERVED));
    return 0;
}

/* value: what is returned or yielded; NULL when an exception ends the call. */
static void on_return(PyObject *code, PyObject *value)
{
    uintptr_t known = monitor_code_known(code);

    if (known < MONITOR_OBSERVED)
        return;
    if (value == NULL)
        expect_failure((uint32_t)(known - MONITOR_OBSERVED));
    else
        probe_leave((uint32_t)(known - MONITOR_OBSERVED));
}

static void on_builtin(PyObject *code, int what, PyObject *callable)
{
    uint32_t operation;

    if (!with_c_functions || monitor_code_known(code) < MONITOR_OBSERVED)
        return;
    operation = monitor_builtin_operation(callable);
    if (operation == OPERATIONS_NONE)
        return;
    if (what == PyTrace_C_CALL)
        probe_enter(operation);
    else if (what == PyTrace_C_RETURN)
        probe_leave(operation);
    else
        expect_failure(operation);
}

/*
 * cProfile's way to set a profiler, enable() and disable() of _lsprof.Profiler, gets another C
 * function when it is called for the first time: the module need not be loaded before.
 */
struct profiler_switch {
    const char *name;
    PyCFunction original;
};

static struct profiler_switch enable = {.name = "enable"}, disable = {.name = "disable"};

static PyObject *on_enable(PyObject *self, PyObject *arguments, PyObject *keywords);
static PyObject *on_disable(PyObject *self, PyObject *unused);

static int is_profiler(PyTypeObject *type)
{
    while (type != NULL && strcmp(type->tp_name, "_lsprof.Profiler") != 0)
        type = type->tp_base;
    return type != NULL;
}

static void watch(struct profiler_switch *which, PyCFunction instead, PyCFunctionObject *builtin)
{
    PyMethodDef *row = builtin->m_ml;

    if (strcmp(row->ml_name, which->name) != 0 || row->ml_meth == instead ||
        builtin->m_self == NULL || !is_profiler(Py_TYPE(builtin->m_self)))
        return;
    which->original = row->ml_meth;
    row->ml_meth = instead;
}

static void before_builtin(PyObject *callable)
{
    PyCFunctionObject *builtin = (PyCFunctionObject *)callable;

    if (!PyCFunction_Check(callable))
        return;
    if (builtin->m_ml->ml_name[0] == 'e')
        watch(&enable, (PyCFunction)(void (*)(void))on_enable, builtin);
    else if (builtin->m_ml->ml_name[0] == 'd')
        watch(&disable, on_disable, builtin);
}

/* Without the monitor the program's profiler would not see the return from what has set it. */
static int is_silent(int what, PyObject *callable)
{
    PyCFunction silent = chain.silent;

    chain.silent = NULL;
    return silent != NULL && (what == PyTrace_C_RETURN || what == PyTrace_C_EXCEPTION) &&
           PyCFunction_Check(callable) && ((PyCFunctionObject *)callable)->m_ml->ml_meth == silent;
}

static int on_event(PyObject *object, PyFrameObject *frame, int what, PyObject *argument)
{
    PyObject *code = code_of(frame);
    int failed = 0;

    if (__builtin_expect(monitor_failure.is_expected, 0))
        give_up_failure();
    if (what == PyTrace_CALL) {
        failed = on_call(code);
    } else if (what == PyTrace_RETURN) {
        on_return(code, argument);
    } else {
        if (what == PyTrace_C_CALL)
            before_builtin(argument);
        on_builtin(code, what, argument);
    }
    if (__builtin_expect(chain.silent != NULL, 0) && is_silent(what, argument))
        return failed;
    if (__builtin_expect(chain.profiler != NULL, 0)) {
        failed |= chain.profiler(object, frame, what, argument);
        take_back(); /* it can have ended itself */
    }
    return failed;
}

/* The program has set its profiler in this thread, or none, by calling that C function: it goes
 * behind the monitor. */
static void after_setting(PyCFunction by)
{
    Py_tracefunc before = chain.profiler;

    if (PyThreadState_Get()->c_profilefunc == on_event)
        return; /* it could not */
    take_back();
    chain.silent = before == NULL && chain.profiler != NULL ? by : NULL;
}

static PyObject *on_enable(PyObject *self, PyObject *arguments, PyObject *keywords)
{
    PyObject *result =
        ((PyCFunctionWithKeywords)(void (*)(void))enable.original)(self, arguments, keywords);

    after_setting((PyCFunction)(void (*)(void))on_enable);
    return result;
}

static PyObject *on_disable(PyObject *self, PyObject *unused)
{
    PyObject *result = disable.original(self, unused);

    after_setting(on_disable);
    return result;
}

static PyCFunction setprofile, start_thread, start_new;

static PyObject *on_setprofile(PyObject *self, PyObject *function)
{
    PyObject *result = setprofile(self, function);

    after_setting(on_setprofile);
    return result;
}

/* The new thread has its state already, and waits for the interpreter's lock. */
static PyObject *on_start_thread(PyObject *self, PyObject *arguments)
{
    PyObject *result = start_thread(self, arguments);

    take_threads();
    return result;
}

static PyObject *on_start_new(PyObject *self, PyObject *arguments)
{
    PyObject *result = start_new(self, arguments);

    take_threads();
    return result;
}

static PyObject *profile_method(PyObject *module, PyObject *arguments)
{
    PyObject *select;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "Op:monitor_profile", &select, &with_c_functions) ||
        monitor_code_init(select) != 0)
        return NULL;
    interpose("sys", "setprofile", on_setprofile, &setprofile);
    interpose("_thread", "start_new_thread", on_start_thread, &start_thread);
    interpose("_thread", "start_new", on_start_new, &start_new);
    take_threads();
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
    return PyBool_FromLong(PyThreadState_Get()->c_profilefunc != on_event);
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
