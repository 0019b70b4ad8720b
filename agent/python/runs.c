/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/runs.h"

#include "agent/python/interpose.h"

#define FLAGS (METH_FASTCALL | METH_KEYWORDS)

typedef PyObject *(*fast_call)(
    PyObject *module, PyObject *const *arguments, Py_ssize_t count, PyObject *names);

static PyCFunction compile_;

/* weave(source, code), in the interpreter in which it was given. */
static PyObject *weave;
static PyInterpreterState *interpreter;

/* Whether it is runpy that calls. */
static int is_run(void)
{
    PyFrameObject *frame = PyEval_GetFrame();
    PyCodeObject *code;
    PyObject *runpy;
    int found = 0;

    if (frame == NULL)
        return 0;
    code = PyFrame_GetCode(frame);
    if (PyUnicode_CompareWithASCIIString(code->co_name, "_get_code_from_file") == 0) {
        runpy = PyUnicode_FromString("runpy");
        found = runpy != NULL && PyUnicode_Contains(code->co_filename, runpy) == 1;
        Py_XDECREF(runpy);
        PyErr_Clear();
    }
    Py_DECREF(code);
    return found;
}

static PyObject *on_compile(
    PyObject *module, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    PyObject *code = ((fast_call)(void (*)(void))compile_)(module, arguments, count, names);
    PyObject *woven;

    if (code == NULL || count < 1 || !PyCode_Check(code) || !is_run() ||
        PyInterpreterState_Get() != interpreter)
        return code;
    woven = PyObject_CallFunctionObjArgs(weave, arguments[0], code, NULL);
    if (woven == NULL || !PyCode_Check(woven)) {
        PyErr_Clear();
        Py_XDECREF(woven);
        return code;
    }
    Py_DECREF(code);
    return woven;
}

PyDoc_STRVAR(watch_runs_doc,
    "watch_runs(weave)\n\n"
    "From now on scripts that runpy.run_path runs have the code that weave(source, code) gives.");

static PyObject *watch_runs(PyObject *module, PyObject *function)
{
    (void)module;
    if (interpose_flags("builtins", "compile") == FLAGS) {
        Py_INCREF(function);
        Py_XSETREF(weave, function);
        interpreter = PyInterpreterState_Get();
        interpose("builtins", "compile", (PyCFunction)(void (*)(void))on_compile, &compile_);
    }
    Py_RETURN_NONE;
}

PyMethodDef runs_methods[] = {
    {"watch_runs", watch_runs, METH_O, watch_runs_doc},
    {NULL, NULL, 0, NULL},
};
