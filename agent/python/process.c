/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/process.h"

#include <unistd.h>

#include "agent/core/agent.h"
#include "agent/core/endings.h"
#include "agent/python/interpose.h"

/* How long an end that is to be immediate is put off for records that are still to be sent. The
 * interpreter's lock is kept meanwhile: nothing of the program is to happen that would not have
 * happened without the agent. */
#define PATIENCE_NS 2000000000u

static PyCFunction original_exit, original_execv, original_execve, original_signal;

static PyObject *call_keywords(PyCFunction function, PyObject *self, PyObject *const *arguments,
    Py_ssize_t count, PyObject *names)
{
    return ((_PyCFunctionFastWithKeywords)(void (*)(void))function)(self, arguments, count, names);
}

static PyObject *call_fast(
    PyCFunction function, PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    return ((_PyCFunctionFast)(void (*)(void))function)(self, arguments, count);
}

static PyObject *exit_instead(
    PyObject *self, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    Py_ssize_t given = count + (names != NULL ? PyTuple_GET_SIZE(names) : 0);
    int may_end = given == 1 && PyIndex_Check(arguments[0]);
    int has_ended = may_end && agent_stop(PATIENCE_NS);
    PyObject *result = call_keywords(original_exit, self, arguments, count, names);

    /* It has raised. */
    if (has_ended)
        agent_resume();
    return result;
}

/* 0 when there is no such program: os.execvp tries one directory after the other. */
static int may_exec(PyObject *path)
{
    PyObject *bytes;
    int found;

    if (!PyUnicode_CheckExact(path))
        return !PyBytes_CheckExact(path) || access(PyBytes_AS_STRING(path), X_OK) == 0;
    bytes = PyUnicode_EncodeFSDefault(path);
    PyErr_Clear();
    found = bytes != NULL && access(PyBytes_AS_STRING(bytes), X_OK) == 0;
    Py_XDECREF(bytes);
    return found;
}

static PyObject *execv_instead(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    int may_end = count == 2 && may_exec(arguments[0]);
    int has_ended = may_end && agent_stop(PATIENCE_NS);
    PyObject *result = call_fast(original_execv, self, arguments, count);

    if (has_ended)
        agent_resume();
    return result;
}

static PyObject *execve_instead(
    PyObject *self, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    Py_ssize_t given = count + (names != NULL ? PyTuple_GET_SIZE(names) : 0);
    /* With names the path may be any of them. */
    int may_end = given == 3 && (count < 3 || may_exec(arguments[0]));
    int has_ended = may_end && agent_stop(PATIENCE_NS);
    PyObject *result = call_keywords(original_execve, self, arguments, count, names);

    if (has_ended)
        agent_resume();
    return result;
}

static PyObject *signal_instead(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    PyObject *result = call_fast(original_signal, self, arguments, count);

    /* What it has taken was a valid number. */
    if (result != NULL && PyLong_Check(arguments[0]) && agent_is_running())
        endings_watch_one((int)PyLong_AsLong(arguments[0]));
    return result;
}

/*
 * Python warns of a fork with several threads, and counts them at the end of these, when its own
 * hooks, which may be observed, have run.
 */
static PyCFunction original_fork, original_forkpty, original_fork_exec;

static PyObject *fork_instead(PyObject *self, PyObject *unused)
{
    PyObject *result;

    agent_hold();
    result = original_fork(self, unused);
    agent_let_go();
    return result;
}

static PyObject *forkpty_instead(PyObject *self, PyObject *unused)
{
    PyObject *result;

    agent_hold();
    result = original_forkpty(self, unused);
    agent_let_go();
    return result;
}

static PyObject *fork_exec_instead(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    PyObject *result;

    agent_hold();
    result = call_fast(original_fork_exec, self, arguments, count);
    agent_let_go();
    return result;
}

static void take_place(
    const char *module, const char *name, int flags, void (*instead)(void), PyCFunction *original)
{
    if (interpose_flags(module, name) == flags)
        interpose(module, name, (PyCFunction)instead, original);
}

/* A builtin's hash goes by what it calls: a set that has it must take it anew to find it. */
static void rehash(const char *module_name, const char *set_name)
{
    PyObject *name = PyUnicode_FromString(module_name), *module, *set = NULL, *list = NULL;

    module = name != NULL ? PyImport_GetModule(name) : NULL;
    if (module != NULL)
        set = PyObject_GetAttrString(module, set_name);
    if (set != NULL && Py_TYPE(set) == &PySet_Type)
        list = PySequence_List(set);
    if (list != NULL && PySet_Clear(set) == 0)
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++)
            if (PySet_Add(set, PyList_GET_ITEM(list, i)) != 0)
                PyErr_Clear();
    PyErr_Clear();
    Py_XDECREF(list);
    Py_XDECREF(set);
    Py_XDECREF(module);
    Py_XDECREF(name);
}

void process_watch(void)
{
    take_place("posix", "_exit", METH_FASTCALL | METH_KEYWORDS, (void (*)(void))exit_instead,
        &original_exit);
    take_place("posix", "execv", METH_FASTCALL, (void (*)(void))execv_instead, &original_execv);
    take_place("posix", "execve", METH_FASTCALL | METH_KEYWORDS, (void (*)(void))execve_instead,
        &original_execve);
    take_place("posix", "fork", METH_NOARGS, (void (*)(void))fork_instead, &original_fork);
    take_place("posix", "forkpty", METH_NOARGS, (void (*)(void))forkpty_instead, &original_forkpty);
    /* With keywords or a tuple, as it was, it belongs to a Python that does not count. */
    take_place("_posixsubprocess", "fork_exec", METH_FASTCALL, (void (*)(void))fork_exec_instead,
        &original_fork_exec);
    take_place(
        "_signal", "signal", METH_FASTCALL, (void (*)(void))signal_instead, &original_signal);
    rehash("os", "supports_fd");
}

static int wake(void *unused)
{
    (void)unused;
    agent_wake();
    return 0;
}

/* After a fork in a C library's code: the sender's thread may come again when the interpreter goes
 * on. */
void process_on_forked(void)
{
    Py_AddPendingCall(wake, NULL);
}
