/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/quiet.h"

#if PY_VERSION_HEX >= 0x030B0000
static void stop_tracing(PyThreadState *thread)
{
    PyThreadState_EnterTracing(thread);
}

static void resume_tracing(PyThreadState *thread)
{
    PyThreadState_LeaveTracing(thread);
}
#else
static void set_tracing(PyThreadState *thread, int change)
{
    int traced;

    thread->tracing += change;
    traced = thread->tracing == 0 && (thread->c_tracefunc != NULL || thread->c_profilefunc != NULL);
#if PY_VERSION_HEX >= 0x030A0000
    thread->cframe->use_tracing = traced ? 255 : 0;
#else
    thread->use_tracing = traced;
#endif
}

static void stop_tracing(PyThreadState *thread)
{
    set_tracing(thread, 1);
}

static void resume_tracing(PyThreadState *thread)
{
    set_tracing(thread, -1);
}
#endif

/* Calls that are going on, of all threads. */
struct call {
    struct call *outer;
    PyThreadState *thread;
};

static struct call *calls;

int quiet_is_inside(void)
{
    PyThreadState *thread = PyThreadState_Get();

    for (struct call *call = calls; call != NULL; call = call->outer)
        if (call->thread == thread)
            return 1;
    return 0;
}

static void end(struct call *call)
{
    for (struct call **at = &calls; *at != NULL; at = &(*at)->outer)
        if (*at == call) {
            *at = call->outer;
            return;
        }
}

PyObject *quiet_module(const char *name)
{
    PyObject *text = PyUnicode_FromString(name), *module = NULL;

    if (text != NULL)
        module = PyImport_GetModule(text);
    if (text != NULL && module == NULL && !PyErr_Occurred())
        PyErr_SetObject(PyExc_ImportError, text);
    Py_XDECREF(text);
    return module;
}

PyObject *quiet_method(
    PyObject *object, const char *name, PyObject *first, PyObject *second, PyObject *third)
{
    PyThreadState *thread = PyThreadState_Get();
    struct call call = {calls, thread};
    PyObject *method, *result = NULL;

    calls = &call;
    stop_tracing(thread);
    method = PyObject_GetAttrString(object, name);
    if (method != NULL)
        result = PyObject_CallFunctionObjArgs(method, first, second, third, NULL);
    Py_XDECREF(method);
    if (result == NULL && PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear();
        Py_INCREF(Py_None);
        result = Py_None;
    }
    resume_tracing(thread);
    end(&call);
    return result;
}
