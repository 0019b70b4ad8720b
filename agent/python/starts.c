/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/starts.h"

#include "agent/core/fiber.h"
#include "agent/python/interpose.h"
#include "record/map.h"

/* What a thread calls first, in place of the program's function. */
struct starter {
    PyObject_HEAD PyObject *function;
    uint64_t split;
};

static struct module_state *module;

/* By the address of a coroutine that has been made a task and not begun yet: its split, of which
 * 2^32 go by before a number comes again. */
static struct map tasks;

/* Takes the call of the starter itself out of the thread's depth of recursion, or puts it back. */
static void hide_call(int hidden)
{
#if PY_VERSION_HEX < 0x030B0000
    PyThreadState_Get()->recursion_depth -= hidden;
#elif PY_VERSION_HEX < 0x030C0000
    PyThreadState_Get()->recursion_remaining += hidden;
#else
    (void)hidden; /* calls of C functions are counted apart */
#endif
}

static PyObject *starter_call(PyObject *self, PyObject *arguments, PyObject *keywords)
{
    PyObject *function = ((struct starter *)self)->function, *result;

    fiber_start_thread(((struct starter *)self)->split);
    hide_call(1);
    result = PyObject_Call(function, arguments, keywords);
    hide_call(-1);
#if PY_VERSION_HEX < 0x030D0000
    /* As the interpreter would report it, with the function itself. */
    if (result == NULL && !PyErr_ExceptionMatches(PyExc_SystemExit)) {
        _PyErr_WriteUnraisableMsg("in thread started by", function);
        Py_INCREF(Py_None);
        result = Py_None;
    }
#endif
    return result;
}

/* An uncaught exception of a thread is reported with the function's name. */
static PyObject *starter_repr(PyObject *self)
{
    return PyObject_Repr(((struct starter *)self)->function);
}

static int starter_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((struct starter *)self)->function);
    return 0;
}

static int starter_clear(PyObject *self)
{
    Py_CLEAR(((struct starter *)self)->function);
    return 0;
}

static void starter_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    starter_clear(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyType_Slot slots[] = {
    {Py_tp_dealloc, (void *)starter_dealloc},
    {Py_tp_traverse, (void *)starter_traverse},
    {Py_tp_clear, (void *)starter_clear},
    {Py_tp_call, (void *)starter_call},
    {Py_tp_repr, (void *)starter_repr},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "kieker._kieker.Starter",
    .basicsize = sizeof(struct starter),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC
#if PY_VERSION_HEX >= 0x030A0000
             | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE
#endif
    ,
    .slots = slots,
};

PyTypeObject *starts_make_type(PyObject *of)
{
    PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(of, &spec, NULL);

#if PY_VERSION_HEX < 0x030A0000
    if (type != NULL)
        type->tp_new = NULL;
#endif
    return type;
}

/* The arguments with a starter for the function in front; a new reference, or NULL with an
 * exception. */
static PyObject *with_starter(PyObject *arguments)
{
    struct starter *starter;
    PyObject *copy;
    uint64_t split;

    if (PyTuple_GET_SIZE(arguments) < 1 || !PyCallable_Check(PyTuple_GET_ITEM(arguments, 0)) ||
        (split = fiber_split()) == 0) {
        Py_INCREF(arguments);
        return arguments;
    }
    starter = PyObject_GC_New(struct starter, module->starter_type);
    if (starter == NULL)
        return NULL;
    starter->function = PyTuple_GET_ITEM(arguments, 0);
    Py_INCREF(starter->function);
    starter->split = split;
    PyObject_GC_Track((PyObject *)starter);
    copy = PyTuple_New(PyTuple_GET_SIZE(arguments));
    if (copy == NULL) {
        Py_DECREF(starter);
        return NULL;
    }
    PyTuple_SET_ITEM(copy, 0, (PyObject *)starter);
    for (Py_ssize_t i = 1; i < PyTuple_GET_SIZE(arguments); i++) {
        Py_INCREF(PyTuple_GET_ITEM(arguments, i));
        PyTuple_SET_ITEM(copy, i, PyTuple_GET_ITEM(arguments, i));
    }
    return copy;
}

static PyCFunction original_start, original_start_new, original_start_joinable;

/* METH_VARARGS */
static PyObject *start(PyObject *self, PyObject *arguments)
{
    PyObject *instead = with_starter(arguments),
             *result = instead != NULL ? original_start(self, instead) : NULL;

    Py_XDECREF(instead);
    return result;
}

static PyObject *start_new(PyObject *self, PyObject *arguments)
{
    PyObject *instead = with_starter(arguments),
             *result = instead != NULL ? original_start_new(self, instead) : NULL;

    Py_XDECREF(instead);
    return result;
}

/* METH_VARARGS | METH_KEYWORDS; a function that is given by its name is left as it is. */
static PyObject *start_joinable(PyObject *self, PyObject *arguments, PyObject *keywords)
{
    PyObject *instead = with_starter(arguments), *result = NULL;

    if (instead != NULL)
        result = ((PyCFunctionWithKeywords)(void (*)(void))original_start_joinable)(
            self, instead, keywords);
    Py_XDECREF(instead);
    return result;
}

/* A task's coroutine that goes without having begun is forgotten: another can get its place in
 * memory. Other interpreters, which can have a lock of their own, have no tasks here. */
static destructor original_dealloc;
static PyInterpreterState *interpreter;

static void dealloc_coroutine(PyObject *self)
{
    if (tasks.count > 0 && PyInterpreterState_Get() == interpreter)
        map_remove(&tasks, (uint64_t)(uintptr_t)self);
    original_dealloc(self);
}

static void note_task(PyObject *coroutine, uint64_t split)
{
    if (PyInterpreterState_Get() != interpreter)
        return;
    if (original_dealloc == NULL) {
        original_dealloc = PyCoro_Type.tp_dealloc;
        PyCoro_Type.tp_dealloc = dealloc_coroutine;
    }
    map_put(&tasks, (uint64_t)(uintptr_t)coroutine, (uint32_t)split);
}

static initproc original_init_task;

static int init_task(PyObject *self, PyObject *arguments, PyObject *keywords)
{
    PyObject *coroutine = NULL;
    uint64_t split = 0;

    if (PyTuple_GET_SIZE(arguments) > 0)
        coroutine = PyTuple_GET_ITEM(arguments, 0);
    else if (keywords != NULL)
        coroutine = PyDict_GetItemString(keywords, "coro");
    if (coroutine != NULL && PyCoro_CheckExact(coroutine))
        split = fiber_split();
    if (split != 0 && (uint32_t)split != MAP_NONE)
        note_task(coroutine, split);
    return original_init_task(self, arguments, keywords);
}

uint64_t starts_take_task(PyObject *coroutine)
{
    uint64_t key = (uint64_t)(uintptr_t)coroutine;
    uint32_t split = map_get(&tasks, key);

    if (split == MAP_NONE)
        return 0;
    map_remove(&tasks, key);
    return split;
}

void starts_look_for_tasks(void)
{
    PyObject *modules, *asyncio, *task;

    if (original_init_task != NULL || module == NULL)
        return;
    modules = PyImport_GetModuleDict();
    asyncio = modules != NULL ? PyDict_GetItemString(modules, "_asyncio") : NULL;
    if (asyncio == NULL)
        return;
    task = PyObject_GetAttrString(asyncio, "Task");
    if (task == NULL) {
        PyErr_Clear(); /* it is just being imported */
        return;
    }
    if (PyType_Check(task) && ((PyTypeObject *)task)->tp_init != NULL) {
        original_init_task = ((PyTypeObject *)task)->tp_init;
        ((PyTypeObject *)task)->tp_init = init_task;
    }
    Py_DECREF(task);
}

void starts_watch(struct module_state *state)
{
    if (module != NULL)
        return;
    module = state;
    interpreter = PyInterpreterState_Get();
    interpose("_thread", "start_new_thread", start, &original_start);
    interpose("_thread", "start_new", start_new, &original_start_new);
    interpose("_thread", "start_joinable_thread", (PyCFunction)(void (*)(void))start_joinable,
        &original_start_joinable);
    starts_look_for_tasks();
}
