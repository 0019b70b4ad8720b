/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/imports.h"

#include <frameobject.h>

#include "agent/core/say.h"
#include "agent/python/interpose.h"
#include "agent/python/quiet.h"
#include "agent/python/starts.h"

/* A search for a module that is going on. A finder behind ours may ask all finders, ours included,
 * for the module that it is asked for: then those behind that one are asked. */
struct search {
    struct search *outer;
    PyThreadState *thread;
    PyObject *name;
    PyObject *finder; /* which is being asked */
};

static struct search *searches;

/* The watch; everything is borrowed from what lives as long, but for finder and list. */
static struct {
    PyInterpreterState *interpreter;
    PyObject *finder;
    PyCFunction acquire_lock;
    PyObject *builtins_key;
    const void *import_seen; /* builtins.__import__ as it was last */
    int report;              /* say what is seen, and change nothing */
    int said, said_import;
    PyObject *behind; /* the finders that were behind it at first */
    uint64_t put_back, moved, import_replaced;
    /* Where the finder belongs by the program's order, while it is in front of that. */
    PyObject *list;
    Py_ssize_t place;
    int is_behind; /* it was found behind others the last time */
} watch;

static Py_ssize_t place_in(PyObject *list, PyObject *finder)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++)
        if (PyList_GET_ITEM(list, i) == finder)
            return i;
    return -1;
}

/* Puts the finder back where the program's order has it, after it has been moved to the front. */
static void restore_order(void)
{
    PyObject *list = watch.list, *finder = watch.finder;
    Py_ssize_t place = watch.place;
    PyObject *type, *value, *traceback;

    PyErr_Fetch(&type, &value, &traceback);
    watch.list = NULL;
    if (list != NULL && PyList_GET_SIZE(list) > 0 && PyList_GET_ITEM(list, 0) == finder &&
        PyList_Insert(list, place + 1, finder) == 0)
        PyList_SetSlice(list, 0, 1, NULL);
    Py_XDECREF(list);
    PyErr_Restore(type, value, traceback);
}

static PyObject *ask(PyObject *finder, PyObject *name, PyObject *path, PyObject *target)
{
    PyObject *method = PyObject_GetAttrString(finder, "find_spec"), *spec;

    if (method == NULL) {
        /* A finder of the old kind is left to the import system. */
        if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
            PyErr_Clear();
            Py_INCREF(Py_Ellipsis);
            return Py_Ellipsis;
        }
        return NULL;
    }
    spec = PyObject_CallFunctionObjArgs(method, name, path, target, NULL);
    Py_DECREF(method);
    return spec;
}

/* Asks the finders of the list behind that one, or all when it is NULL, but never ours; the spec,
 * None, or NULL with an exception. */
static PyObject *ask_behind(PyObject *list, PyObject *own, PyObject *behind, PyObject *name,
    PyObject *path, PyObject *target)
{
    struct search search = {searches, PyThreadState_Get(), name, NULL};
    PyObject *all = PyList_AsTuple(list), *spec = NULL;
    int reached = behind == NULL;

    if (all == NULL)
        return NULL;
    searches = &search;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(all); i++) {
        search.finder = PyTuple_GET_ITEM(all, i);
        if (reached && search.finder != own) {
            spec = ask(search.finder, name, path, target);
            if (spec != Py_None)
                break;
            Py_CLEAR(spec);
        }
        reached = reached || search.finder == behind;
    }
    /* Other threads may have begun or ended searches meanwhile. */
    for (struct search **at = &searches; *at != NULL; at = &(*at)->outer)
        if (*at == &search) {
            *at = search.outer;
            break;
        }
    Py_DECREF(all);
    if (spec == Py_Ellipsis || (spec == NULL && !PyErr_Occurred())) {
        Py_XDECREF(spec);
        Py_RETURN_NONE;
    }
    return spec;
}

/* The finder that is being asked for that module in this thread, or NULL. */
static PyObject *asked_for(PyObject *name)
{
    PyThreadState *thread = PyThreadState_Get();

    for (struct search *search = searches; search != NULL; search = search->outer)
        if (search->thread == thread && PyUnicode_Check(name) && PyUnicode_Check(search->name) &&
            PyUnicode_Compare(search->name, name) == 0)
            return search->finder;
    return NULL;
}

PyDoc_STRVAR(find_spec_doc, "Finds what the finders behind this one find.");

static PyObject *find_spec(PyObject *self, PyObject *arguments, PyObject *names)
{
    static char *keywords[] = {(char *)"name", (char *)"path", (char *)"target", NULL};
    PyObject *name, *path = Py_None, *target = Py_None, *list, *asked, *wanted, *spec;
    int moved = watch.list != NULL && self == watch.finder;

    if (!PyArg_ParseTupleAndKeywords(
            arguments, names, "O|OO:find_spec", keywords, &name, &path, &target))
        return NULL;
    /* What the agent needs itself is not observed. */
    if (quiet_is_inside())
        Py_RETURN_NONE;
    wanted = quiet_method(self, "may_have", name, NULL, NULL);
    list = PySys_GetObject("meta_path");
    if (wanted == NULL || (wanted != Py_True && !moved) || list == NULL || !PyList_Check(list)) {
        Py_XDECREF(wanted);
        if (wanted == NULL)
            return NULL;
        Py_RETURN_NONE;
    }
    Py_INCREF(list);
    asked = asked_for(name);
    /* Without a search of this thread for it, those behind this one are asked; or all, when it is
     * only for now that these are behind. */
    spec = ask_behind(list, self, asked != NULL ? asked : moved ? NULL : self, name, path, target);
    if (moved)
        restore_order();
    if (spec != NULL && spec != Py_None && wanted == Py_True) {
        PyObject *done = quiet_method(self, "_prepare", spec, NULL, NULL);

        if (done == NULL)
            Py_CLEAR(spec);
        Py_XDECREF(done);
    }
    Py_DECREF(list);
    Py_DECREF(wanted);
    return spec;
}

static PyObject *invalidate_caches(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    Py_RETURN_NONE;
}

/* Whether that many frames below the running one is a function of that name. */
static int is_called_by(const char *name, int below)
{
    PyFrameObject *frame = PyEval_GetFrame();
    PyCodeObject *code;
    int is;

    Py_XINCREF(frame);
    while (frame != NULL && below-- > 0)
        Py_SETREF(frame, PyFrame_GetBack(frame));
    if (frame == NULL)
        return 0;
    code = PyFrame_GetCode(frame);
    is = PyUnicode_CompareWithASCIIString(code->co_name, name) == 0;
    Py_DECREF(code);
    Py_DECREF(frame);
    return is;
}

/* Whether the lock is taken for a module that is about to be looked for: finders are asked next.
 * It is also taken while they are asked, when the list must stay as it is, and for modules that are
 * there. */
static int is_before_search(void)
{
    return is_called_by("_get_module_lock", 0) && is_called_by("_find_and_load", 2);
}

/* Whether the lock is taken because the import of a module has ended: the finders need not have
 * been asked. */
static int is_behind_search(void)
{
    return is_called_by("cb", 0);
}

/* Whether the program has put one of the finders before ours that were behind it at first, rather
 * than finders of its own. */
static int is_reordered(PyObject *list, Py_ssize_t place)
{
    for (Py_ssize_t i = 0; i < place; i++)
        for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(watch.behind); k++)
            if (PyList_GET_ITEM(list, i) == PyTuple_GET_ITEM(watch.behind, k))
                return 1;
    return 0;
}

static void say_once(const char *what, const char *done)
{
    if (!watch.said)
        say("the program has %s; %s", what,
            watch.report ? "modules that it imports from now on may not be observed" : done);
    watch.said = 1;
}

/* The finder is gone. */
static void on_removed(PyObject *list)
{
    watch.put_back++;
    say_once("taken the agent's finder out of sys.meta_path", "it has been put back");
    if (!watch.report && PyList_Insert(list, 0, watch.finder) != 0)
        PyErr_Clear();
}

/* Others are in front of the finder. With those of the program's own nothing is lost, and many
 * programs have some, so only a report tells of them. */
static void on_behind(PyObject *list, Py_ssize_t place)
{
    if (!watch.is_behind)
        watch.moved++;
    watch.is_behind = 1;
    if (is_reordered(list, place))
        say_once(
            "put other finders of sys.meta_path before the agent's", "that goes on looking first");
    else if (watch.report)
        say_once("put finders of its own before the agent's in sys.meta_path", "");
    if (watch.report || PyList_Insert(list, 0, watch.finder) != 0)
        return;
    if (PyList_SetSlice(list, place + 1, place + 2, NULL) == 0) {
        Py_INCREF(list);
        Py_XSETREF(watch.list, list);
        watch.place = place;
    }
}

/* The finder is not the first of the list. */
static void on_not_first(PyObject *list)
{
    Py_ssize_t place = place_in(list, watch.finder);

    if (place < 0)
        on_removed(list);
    else
        on_behind(list, place);
}

static void on_import_replaced(PyObject *import)
{
    watch.import_seen = import;
    watch.import_replaced++;
    if (watch.report && !watch.said_import)
        say("the program has replaced builtins.__import__");
    watch.said_import = 1;
}

static PyObject *acquire_lock(PyObject *module, PyObject *unused)
{
    if (PyInterpreterState_Get() == watch.interpreter) {
        PyObject *list = PySys_GetObject("meta_path"), *builtins = PyEval_GetBuiltins(), *import;

        if (watch.list != NULL && is_behind_search())
            restore_order();
        /* An empty list, or something else, is what the program wants the import system to meet. */
        if (list != NULL && PyList_Check(list) && PyList_GET_SIZE(list) > 0) {
            if (PyList_GET_ITEM(list, 0) == watch.finder)
                watch.is_behind = watch.is_behind && watch.list != NULL;
            else if (is_before_search())
                on_not_first(list);
        }
        import = builtins != NULL ? PyDict_GetItemWithError(builtins, watch.builtins_key) : NULL;
        if (import != NULL && import != watch.import_seen)
            on_import_replaced(import);
        PyErr_Clear();
        starts_look_for_tasks();
    }
    return watch.acquire_lock(module, unused);
}

PyDoc_STRVAR(watch_doc, "watch_imports(finder, report)\n\n"
                        "Keeps the finder at the front of sys.meta_path from now on, or if report "
                        "is true only says when it is not.");

static PyObject *watch_method(PyObject *module, PyObject *arguments)
{
    PyObject *finder, *builtins = PyEval_GetBuiltins(), *list = PySys_GetObject("meta_path");

    (void)module;
    if (!PyArg_ParseTuple(arguments, "Op:watch_imports", &finder, &watch.report))
        return NULL;
    if (watch.builtins_key == NULL)
        watch.builtins_key = PyUnicode_InternFromString("__import__");
    if (watch.builtins_key == NULL)
        return NULL;
    watch.import_seen =
        builtins != NULL ? PyDict_GetItemWithError(builtins, watch.builtins_key) : NULL;
    Py_XSETREF(watch.behind, list != NULL ? PySequence_Tuple(list) : PyTuple_New(0));
    if (watch.behind == NULL)
        return NULL;
    Py_INCREF(finder);
    Py_XSETREF(watch.finder, finder);
    watch.interpreter = PyInterpreterState_Get();
    if (interpose("_imp", "acquire_lock", acquire_lock, &watch.acquire_lock) != 0)
        watch.interpreter = NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(counters_doc,
    "watch_counters()\n\n"
    "How often the finder was put back, found behind others, and builtins.__import__ replaced.");

static PyObject *counters_method(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    return Py_BuildValue("{s:K,s:K,s:K}", "hook_put_back", watch.put_back, "hook_moved",
        watch.moved, "import_replaced", watch.import_replaced);
}

static PyMethodDef finder_methods[] = {
    {"find_spec", (PyCFunction)(void (*)(void))find_spec, METH_VARARGS | METH_KEYWORDS,
        find_spec_doc},
    {"invalidate_caches", invalidate_caches, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot finder_slots[] = {
    {Py_tp_doc, (void *)"A finder for sys.meta_path. What derives from it has may_have(name), "
                        "whether the module could be of interest, and _prepare(spec)."},
    {Py_tp_methods, finder_methods},
    {0, NULL},
};

static PyType_Spec finder_spec = {
    .name = "kieker._kieker.Finder",
    .basicsize = sizeof(PyObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = finder_slots,
};

PyDoc_STRVAR(type_doc, "finder_type()\n\nMakes the base class of the agent's finder.");

static PyObject *type_method(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    return PyType_FromSpec(&finder_spec);
}

PyMethodDef imports_methods[] = {
    {"finder_type", type_method, METH_NOARGS, type_doc},
    {"watch_imports", watch_method, METH_VARARGS, watch_doc},
    {"watch_counters", counters_method, METH_NOARGS, counters_doc},
    {NULL, NULL, 0, NULL},
};
