/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/program.h"

/*
 * The frames below the program's first one are the agent's, and the interpreter has counted them.
 * The program must not find them: not by sys._getframe, in a stack trace, as the target of a
 * warning's stacklevel, nor by an earlier RecursionError.
 */
struct hidden {
    void *frame;
    int depth;
};

static struct hidden hide_frames(PyThreadState *thread)
{
    struct hidden hidden;

#if PY_VERSION_HEX >= 0x030D0000
    hidden.frame = thread->current_frame;
    thread->current_frame = NULL;
#elif PY_VERSION_HEX >= 0x030B0000
    hidden.frame = thread->cframe->current_frame;
    thread->cframe->current_frame = NULL;
#else
    hidden.frame = thread->frame;
    thread->frame = NULL;
#endif
#if PY_VERSION_HEX >= 0x030C0000
    hidden.depth = thread->py_recursion_limit - thread->py_recursion_remaining;
    thread->py_recursion_remaining += hidden.depth;
#elif PY_VERSION_HEX >= 0x030B0000
    hidden.depth = thread->recursion_limit - thread->recursion_remaining;
    thread->recursion_remaining += hidden.depth;
#else
    hidden.depth = thread->recursion_depth;
    thread->recursion_depth = 0;
#endif
    return hidden;
}

static void show_frames(PyThreadState *thread, struct hidden hidden)
{
#if PY_VERSION_HEX >= 0x030D0000
    thread->current_frame = hidden.frame;
#elif PY_VERSION_HEX >= 0x030B0000
    thread->cframe->current_frame = hidden.frame;
#else
    thread->frame = hidden.frame;
#endif
#if PY_VERSION_HEX >= 0x030C0000
    thread->py_recursion_remaining -= hidden.depth;
#elif PY_VERSION_HEX >= 0x030B0000
    thread->recursion_remaining -= hidden.depth;
#else
    thread->recursion_depth += hidden.depth;
#endif
}

/* Makes the interpreter end as one does that nobody kept from being interrupted: killed by SIGINT,
 * after its usual end. */
static void end_by_interrupt(void)
{
    PyObject *names = PyDict_New(), *result = NULL;

    if (names != NULL && PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins()) == 0)
        result = PyRun_String("raise KeyboardInterrupt", Py_file_input, names, names);
    Py_XDECREF(result);
    Py_XDECREF(names);
    PyErr_Clear();
}

/*
 * What becomes of the program's end: True for a normal one. An uncaught exception is shown as the
 * interpreter shows it, and False returned; SystemExit is left to the interpreter.
 */
static PyObject *conclude(PyThreadState *thread, struct hidden hidden, PyObject *result)
{
    int interrupted;

    if (result != NULL) {
        show_frames(thread, hidden);
        return Py_BuildValue("(N)", result);
    }
    if (PyErr_ExceptionMatches(PyExc_SystemExit)) {
        show_frames(thread, hidden);
        return NULL;
    }
    interrupted = PyErr_ExceptionMatches(PyExc_KeyboardInterrupt);
    PyErr_PrintEx(1);
    show_frames(thread, hidden);
    if (interrupted)
        end_by_interrupt();
    Py_RETURN_NONE;
}

static PyObject *program_run_method(PyObject *module, PyObject *arguments)
{
    PyThreadState *thread = PyThreadState_Get();
    PyObject *function, *values;
    struct hidden hidden;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "OO!:run", &function, &PyTuple_Type, &values))
        return NULL;
    hidden = hide_frames(thread);
    return conclude(thread, hidden, PyObject_CallObject(function, values));
}

static PyObject *program_run_code_method(PyObject *module, PyObject *arguments)
{
    PyThreadState *thread = PyThreadState_Get();
    PyObject *code, *globals;
    struct hidden hidden;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "O!O!:run_code", &PyCode_Type, &code, &PyDict_Type, &globals))
        return NULL;
    hidden = hide_frames(thread);
    return conclude(thread, hidden, PyEval_EvalCode(code, globals, globals));
}

/*
 * What is wrong with a file the interpreter tells in other words when it reads the file itself. It
 * cannot be asked for code, but for the file to be run, of which nothing is when it is wrong.
 */
static PyObject *run_wrong_file(PyObject *path, PyObject *globals)
{
    PyCompilerFlags flags = {.cf_flags = 0, .cf_feature_version = PY_MINOR_VERSION};
    PyObject *bytes = PyUnicode_EncodeFSDefault(path);
    FILE *file = bytes != NULL ? fopen(PyBytes_AS_STRING(bytes), "rb") : NULL;
    PyObject *result = NULL;

    if (file != NULL)
        result = PyRun_FileExFlags(
            file, PyBytes_AS_STRING(bytes), Py_file_input, globals, globals, 1, &flags);
    else if (bytes != NULL)
        PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
    Py_XDECREF(bytes);
    return result;
}

static PyObject *program_compile_file_method(PyObject *module, PyObject *arguments)
{
    PyObject *source, *path, *globals, *builtins, *code, *result;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "OUO!:compile_file", &source, &path, &PyDict_Type, &globals))
        return NULL;
    builtins = PyImport_ImportModule("builtins");
    if (builtins == NULL)
        return NULL;
    /* flags, dont_inherit */
    code = PyObject_CallMethod(builtins, "compile", "OOsii", source, path, "exec", 0, 1);
    if (code == NULL &&
        (PyErr_ExceptionMatches(PyExc_SyntaxError) || PyErr_ExceptionMatches(PyExc_ValueError))) {
        PyErr_Clear();
        result = run_wrong_file(path, globals);
        /* It was mended meanwhile, and has run. */
        if (result != NULL)
            code = PyObject_CallMethod(builtins, "compile", "sOs", "", path, "exec");
        Py_XDECREF(result);
    }
    Py_DECREF(builtins);
    return code;
}

PyDoc_STRVAR(run_doc, "run(function, arguments)\n\n"
                      "Calls the function with a tuple of arguments, on a stack that seems empty. "
                      "Returns (result,), or None after an\n"
                      "uncaught exception, which has then been shown; SystemExit is raised.");

PyDoc_STRVAR(run_code_doc, "run_code(code, globals)\n\nRuns the code, as run does a function.");

PyDoc_STRVAR(compile_file_doc,
    "compile_file(source, path, globals)\n\nThe code of a main script, whose text is given. "
    "Raises what the interpreter raises that reads the file itself.");

PyMethodDef program_methods[] = {
    {"run", program_run_method, METH_VARARGS, run_doc},
    {"run_code", program_run_code_method, METH_VARARGS, run_code_doc},
    {"compile_file", program_compile_file_method, METH_VARARGS, compile_file_doc},
    {NULL, NULL, 0, NULL},
};
