/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/monitor_hook.h"

#if PY_VERSION_HEX < 0x030C0000

#include <string.h>

#include "agent/python/interpose.h"

PROBE_THREAD struct monitor_hook monitor_hook;

static Py_tracefunc taken_for;

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

/* All threads that have no profiler yet. */
static void take_threads(void)
{
    PyThreadState *thread = PyInterpreterState_ThreadHead(PyInterpreterState_Get());

    for (; thread != NULL; thread = PyThreadState_Next(thread))
        if (thread->c_profilefunc == NULL)
            set_profiler(thread, taken_for);
}

int monitor_hook_is_taken(void)
{
    return PyThreadState_Get()->c_profilefunc == taken_for;
}

/* Whatever profiler the program has set in this thread since goes behind the monitor. */
static void take_back(void)
{
    PyThreadState *thread = PyThreadState_Get();

    if (thread->c_profilefunc == taken_for)
        return;
    monitor_hook.profiler = thread->c_profilefunc;
    set_profiler(thread, taken_for);
}

/* Without the monitor the program's profiler would not see the return from what has set it. */
static int is_silent(int what, PyObject *callable)
{
    PyCFunction silent = monitor_hook.silent;

    monitor_hook.silent = NULL;
    return silent != NULL && (what == PyTrace_C_RETURN || what == PyTrace_C_EXCEPTION) &&
           PyCFunction_Check(callable) && ((PyCFunctionObject *)callable)->m_ml->ml_meth == silent;
}

int monitor_hook_forward(PyObject *object, PyFrameObject *frame, int what, PyObject *argument)
{
    int failed;

    if (is_silent(what, argument) || monitor_hook.profiler == NULL)
        return 0;
    failed = monitor_hook.profiler(object, frame, what, argument);
    take_back(); /* it can have ended itself */
    return failed;
}

/* The program has set its profiler in this thread, or none, by calling that C function. */
static void after_setting(PyCFunction by)
{
    Py_tracefunc before = monitor_hook.profiler;

    if (monitor_hook_is_taken())
        return; /* it could not */
    take_back();
    monitor_hook.silent = before == NULL && monitor_hook.profiler != NULL ? by : NULL;
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

void monitor_hook_before(PyObject *callable)
{
    PyCFunctionObject *builtin = (PyCFunctionObject *)callable;

    if (!PyCFunction_Check(callable))
        return;
    if (builtin->m_ml->ml_name[0] == 'e')
        watch(&enable, (PyCFunction)(void (*)(void))on_enable, builtin);
    else if (builtin->m_ml->ml_name[0] == 'd')
        watch(&disable, on_disable, builtin);
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

void monitor_hook_take(Py_tracefunc hook)
{
    taken_for = hook;
    interpose("sys", "setprofile", on_setprofile, &setprofile);
    interpose("_thread", "start_new_thread", on_start_thread, &start_thread);
    interpose("_thread", "start_new", on_start_new, &start_new);
    take_threads();
}

#else
typedef int monitor_hook_is_not_compiled;
#endif
