/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/module.h"

#include <fnmatch.h>
#include <string.h>

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "agent/core/agent.h"
#include "agent/core/say.h"
#include "agent/python/around.h"
#include "agent/python/async.h"
#include "agent/python/cached.h"
#include "agent/python/code.h"
#include "agent/python/delegate.h"
#include "agent/python/environment.h"
#include "agent/python/monitor.h"
#include "agent/python/imports.h"
#include "agent/python/loading.h"
#include "agent/python/probes.h"
#include "agent/python/process.h"
#include "agent/python/program.h"
#include "agent/python/records.h"
#include "agent/python/runs.h"
#include "agent/python/starts.h"
#include "agent/python/suspendable.h"

/* A probe that waits long lets other Python threads run. */
static void *on_wait(void)
{
    return PyEval_SaveThread();
}

static void on_waited(void *token)
{
    PyEval_RestoreThread(token);
}

static int is_patience(double seconds)
{
    return seconds >= 0 && seconds < 1e6;
}

PyDoc_STRVAR(start_doc,
    "start(writer, when_full, run, program, record='events', patience=60.0)\n\n"
    "Starts the agent of this process; when_full is 'block' or 'drop', record 'events' or "
    "'executions', patience the\n"
    "seconds for which a collector that has gone away is waited for. Raises ValueError when an "
    "option is wrong,\n"
    "RuntimeError when it has been started before.");

static PyObject *start(PyObject *module, PyObject *arguments)
{
    struct agent_options options = {.language = "python",
        .on_wait = on_wait,
        .on_waited = on_waited,
        .on_forked = process_on_forked};
    PyObject *run = NULL, *program = NULL, *result = NULL;
    const char *when_full, *what = "events";
    double patience = 60.0;
    char error[SAY_MAX];

    /* Names as they were on the command line, in whatever encoding. */
    if (!PyArg_ParseTuple(arguments, "ssO&O&|sd:start", &options.writer, &when_full,
            PyUnicode_FSConverter, &run, PyUnicode_FSConverter, &program, &what, &patience))
        return NULL;
    options.patience = is_patience(patience) ? (uint64_t)(patience * 1e9) : 0;
    options.run = PyBytes_AS_STRING(run);
    options.program = PyBytes_AS_STRING(program);
    options.when_full = strcmp(when_full, "drop") == 0 ? AGENT_DROP : AGENT_BLOCK;
    options.record = strcmp(what, "executions") == 0 ? AGENT_EXECUTIONS : AGENT_EVENTS;
    process_watch();
    if (options.when_full == AGENT_BLOCK && strcmp(when_full, "block") != 0)
        PyErr_Format(PyExc_ValueError, "when_full must be block or drop, not %s", when_full);
    else if (options.record == AGENT_EVENTS && strcmp(what, "events") != 0)
        PyErr_Format(PyExc_ValueError, "record must be events or executions, not %s", what);
    else if (!is_patience(patience))
        PyErr_SetString(PyExc_ValueError, "patience must be a number of seconds");
    else if (agent_start(&options, error, sizeof(error)) != 0)
        PyErr_SetString(agent_is_running() ? PyExc_RuntimeError : PyExc_ValueError, error);
    else
        result = Py_None;
    if (result != NULL)
        starts_watch(module_state(module));
    Py_XINCREF(result);
    Py_DECREF(run);
    Py_DECREF(program);
    return result;
}

PyDoc_STRVAR(stop_doc, "stop(patience)\n\n"
                       "Ends the recording: what was recorded is sent, for at most that many "
                       "seconds. Nothing if it does not run.");

static PyObject *stop(PyObject *module, PyObject *patience)
{
    double seconds = PyFloat_AsDouble(patience);

    (void)module;
    if (seconds == -1.0 && PyErr_Occurred())
        return NULL;
    if (!is_patience(seconds))
        return PyErr_Format(
            PyExc_ValueError, "patience must be a number of seconds, not %R", patience);
    Py_BEGIN_ALLOW_THREADS agent_stop((uint64_t)(seconds * 1e9));
    Py_END_ALLOW_THREADS Py_RETURN_NONE;
}

PyDoc_STRVAR(is_running_doc, "is_running()\n\nWhether the agent has been started and not stopped.");

static PyObject *is_running(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    return PyBool_FromLong(agent_is_running());
}

PyDoc_STRVAR(stats_doc, "stats()\n\nThe agent's counters so far: a dict of int.");

static PyObject *stats(PyObject *module, PyObject *unused)
{
    struct agent_stats stats;
    PyObject *all = PyDict_New();
    static const struct {
        const char *name;
        size_t at;
    } rows[] = {
#define COUNTER(name, doc) {#name, offsetof(struct agent_stats, name)},
        AGENT_COUNTERS(COUNTER)
#undef COUNTER
    };

    (void)module, (void)unused;
    agent_stats(&stats);
    for (size_t i = 0; all != NULL && i < sizeof(rows) / sizeof(rows[0]); i++) {
        PyObject *value = PyLong_FromUnsignedLongLong(*(uint64_t *)((char *)&stats + rows[i].at));

        if (value == NULL || PyDict_SetItemString(all, rows[i].name, value) != 0)
            Py_CLEAR(all);
        Py_XDECREF(value);
    }
    return all;
}

PyDoc_STRVAR(activate_doc,
    "activate(pattern, on)\n\nSwitches the operations whose component.operation fits the "
    "pattern on or off, those of now and of\nlater; how many there are. The latest pattern that "
    "fits holds.");

static PyObject *activate(PyObject *module, PyObject *arguments)
{
    const char *pattern;
    char error[512];
    int on, found;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "sp:activate", &pattern, &on))
        return NULL;
    found = agent_activate(pattern, on, error, sizeof(error));
    if (found < 0)
        return PyErr_Format(PyExc_ValueError, "%s", error);
    return PyLong_FromLong(found);
}

PyDoc_STRVAR(operation_calls_doc,
    "operation_calls()\n\nThe operations of which calls have been recorded so far: a list of "
    "(component, operation, calls).");

static PyObject *operation_calls(PyObject *module, PyObject *unused)
{
    PyObject *all = PyList_New(0);
    uint32_t count = agent_operations();

    (void)module, (void)unused;
    for (uint32_t i = 0; all != NULL && i < count; i++) {
        uint64_t calls = atomic_load(&agent_operation_get(i)->calls);
        const struct text *name, *component;
        PyObject *row;

        if (calls == 0)
            continue;
        agent_operation_names(i, &name, &component);
        row = Py_BuildValue("(s#s#K)", component->bytes, (Py_ssize_t)component->size, name->bytes,
            (Py_ssize_t)name->size, (unsigned long long)calls);
        if (row == NULL || PyList_Append(all, row) != 0)
            Py_CLEAR(all);
        Py_XDECREF(row);
    }
    return all;
}

PyDoc_STRVAR(matches_doc, "matches(name, pattern)\n\nWhether the shell pattern fits all of the "
                          "name; * also matches dots.");

static PyObject *matches(PyObject *module, PyObject *arguments)
{
    PyObject *texts[2], *bytes[2] = {NULL, NULL}, *result = NULL;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "UU:matches", &texts[0], &texts[1]))
        return NULL;
    /* A name need not be valid Unicode; it may still be asked for. */
    for (int i = 0; i < 2; i++)
        bytes[i] = PyUnicode_AsEncodedString(texts[i], "utf-8", "surrogatepass");
    if (bytes[0] != NULL && bytes[1] != NULL)
        result = PyBool_FromLong(
            fnmatch(PyBytes_AS_STRING(bytes[1]), PyBytes_AS_STRING(bytes[0]), FNM_NOESCAPE) == 0);
    Py_XDECREF(bytes[0]);
    Py_XDECREF(bytes[1]);
    return result;
}

PyDoc_STRVAR(say_doc, "say(text)\n\nWrites one line of the agent to the process's standard error.");

static PyObject *say_method(PyObject *module, PyObject *text)
{
    const char *line = PyUnicode_AsUTF8(text);

    (void)module;
    if (line == NULL)
        return NULL;
    say("%s", line);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"start", start, METH_VARARGS, start_doc},
    {"stop", stop, METH_O, stop_doc},
    {"is_running", is_running, METH_NOARGS, is_running_doc},
    {"stats", stats, METH_NOARGS, stats_doc},
    {"activate", activate, METH_VARARGS, activate_doc},
    {"operation_calls", operation_calls, METH_NOARGS, operation_calls_doc},
    {"matches", matches, METH_VARARGS, matches_doc},
    {"say", say_method, METH_O, say_doc},
    {NULL, NULL, 0, NULL},
};

/* What the other files add. */
static PyMethodDef *const more_methods[] = {
    around_methods,
    cached_methods,
    code_methods,
    environment_methods,
    monitor_methods,
    imports_methods,
    loading_methods,
    probes_methods,
    program_methods,
    records_methods,
    runs_methods,
};

static int on_exec(PyObject *module)
{
    struct module_state *state = module_state(module);

    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "kieker observes the main interpreter alone");
        return -1;
    }
    for (size_t i = 0; i < sizeof(more_methods) / sizeof(more_methods[0]); i++)
        if (PyModule_AddFunctions(module, more_methods[i]) != 0)
            return -1;

    state->probe_type = probes_make_type(module);
    if (state->probe_type == NULL || PyModule_AddType(module, state->probe_type) != 0)
        return -1;
    state->suspendable_type = suspendable_make_type(module);
    state->delegate_type = delegate_make_type(module);
    state->manager_type = async_make_manager_type(module);
    state->iterable_type = async_make_iterable_type(module);
    state->starter_type = starts_make_type(module);
    if (state->suspendable_type == NULL || state->delegate_type == NULL ||
        state->manager_type == NULL || state->iterable_type == NULL || state->starter_type == NULL)
        return -1;
    if (PyModule_AddObject(module, "PLACEHOLDER",
            PyUnicode_FromStringAndSize(CODE_PLACEHOLDER, CODE_PLACEHOLDER_SIZE)) != 0)
        return -1;
    return PyModule_AddStringConstant(module, "__version__", PACKAGE_VERSION);
}

static int on_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct module_state *state = module_state(module);

    Py_VISIT(state->probe_type);
    Py_VISIT(state->suspendable_type);
    Py_VISIT(state->delegate_type);
    Py_VISIT(state->manager_type);
    Py_VISIT(state->iterable_type);
    Py_VISIT(state->starter_type);
    return 0;
}

static int on_clear(PyObject *module)
{
    struct module_state *state = module_state(module);

    Py_CLEAR(state->probe_type);
    Py_CLEAR(state->suspendable_type);
    Py_CLEAR(state->delegate_type);
    Py_CLEAR(state->manager_type);
    Py_CLEAR(state->iterable_type);
    Py_CLEAR(state->starter_type);
    return 0;
}

static void on_free(void *module)
{
    on_clear(module);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)on_exec},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "kieker._kieker",
    .m_doc = "The part of the agent that is written in C.",
    .m_size = sizeof(struct module_state),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = on_traverse,
    .m_clear = on_clear,
    .m_free = on_free,
};

PyMODINIT_FUNC PyInit__kieker(void);

PyMODINIT_FUNC PyInit__kieker(void)
{
    return PyModuleDef_Init(&definition);
}
