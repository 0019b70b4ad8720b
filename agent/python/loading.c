/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/loading.h"

#include <frameobject.h>
#include <structmember.h>

#include "agent/python/quiet.h"

struct getter {
    PyObject_HEAD PyObject *hook; /* kieker.hook.Hook */
    PyObject *loader;
    PyObject *spec; /* None for a loader of many modules */
};

static PyTypeObject *getter_type;

/* The code of the import system's own function that asks for code. */
static PyObject *exec_module_code;

/* Whether the frame that asks for code is about to execute it as a module. */
static int is_asked_by_import(void)
{
    PyFrameObject *frame = PyEval_GetFrame();
    PyCodeObject *code;
    int is;

    if (frame == NULL)
        return 0;
    code = PyFrame_GetCode(frame);
    /* The latter is how runpy gets the code of what it runs. */
    is = (PyObject *)code == exec_module_code ||
         PyUnicode_CompareWithASCIIString(code->co_name, "_get_module_details") == 0;
    Py_DECREF(code);
    return is;
}

/* What the loader gives without the agent. */
static PyObject *get_plain(struct getter *self, PyObject *arguments, PyObject *names)
{
    PyObject *method = PyObject_GetAttrString((PyObject *)Py_TYPE(self->loader), "get_code");
    PyObject *own = method != NULL ? PyTuple_Pack(1, self->loader) : NULL, *all, *code = NULL;

    all = own != NULL ? PySequence_Concat(own, arguments) : NULL;
    if (all != NULL)
        code = PyObject_Call(method, all, names);
    Py_XDECREF(all);
    Py_XDECREF(own);
    Py_XDECREF(method);
    return code;
}

/* Takes the getter off its loader, unless that has other modules yet to load. */
static void leave(struct getter *self)
{
    if (self->spec != Py_None && PyObject_DelAttrString(self->loader, "get_code") != 0)
        PyErr_Clear();
}

/* The woven code; what is needed in between, the plain code, is made as without the agent:
 * warnings, errors and its own bytecode file are what they always were. */
static PyObject *get_woven(struct getter *self, PyObject *arguments, PyObject *names)
{
    PyObject *name = PyTuple_GET_ITEM(arguments, 0), *code, *woven;

    woven = quiet_method(self->hook, "find_code", (PyObject *)self, name, NULL);
    if (woven != Py_None)
        return woven;
    Py_DECREF(woven);
    code = get_plain(self, arguments, names);
    if (code == NULL || !PyCode_Check(code))
        return code;
    woven = quiet_method(self->hook, "make_code", (PyObject *)self, name, code);
    if (woven != Py_None) {
        Py_DECREF(code);
        return woven;
    }
    Py_DECREF(woven);
    return code;
}

static PyObject *getter_call(PyObject *object, PyObject *arguments, PyObject *names)
{
    struct getter *self = (struct getter *)object;
    PyObject *code;

    if (PyTuple_GET_SIZE(arguments) != 1 || !PyUnicode_Check(PyTuple_GET_ITEM(arguments, 0)) ||
        !is_asked_by_import())
        return get_plain(self, arguments, names);
    Py_INCREF(self);
    leave(self);
    code = get_woven(self, arguments, names);
    Py_DECREF(self);
    return code;
}

static PyObject *getter_compare(PyObject *one, PyObject *other, int how)
{
    if ((how != Py_EQ && how != Py_NE) || Py_TYPE(one) != Py_TYPE(other))
        Py_RETURN_NOTIMPLEMENTED;
    return PyBool_FromLong(how == Py_EQ);
}

static Py_hash_t getter_hash(PyObject *self)
{
    return (Py_hash_t)Py_TYPE(self) >> 4;
}

/* When the loader is made again from what pickle has written, this gives its method. */
static PyObject *getter_reduce(PyObject *object, PyObject *unused)
{
    PyObject *getattr = PyDict_GetItemString(PyEval_GetBuiltins(), "getattr");

    (void)unused;
    return Py_BuildValue("O(Os)", getattr, ((struct getter *)object)->loader, "get_code");
}

static int getter_traverse(PyObject *object, visitproc visit, void *arg)
{
    struct getter *self = (struct getter *)object;

    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->hook);
    Py_VISIT(self->loader);
    Py_VISIT(self->spec);
    return 0;
}

static int getter_clear(PyObject *object)
{
    struct getter *self = (struct getter *)object;

    Py_CLEAR(self->hook);
    Py_CLEAR(self->loader);
    Py_CLEAR(self->spec);
    return 0;
}

static void getter_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    PyObject_GC_UnTrack(object);
    getter_clear(object);
    PyObject_GC_Del(object);
    Py_DECREF(type);
}

static PyMethodDef getter_methods[] = {
    {"__reduce__", getter_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef getter_members[] = {
    {"loader", T_OBJECT, offsetof(struct getter, loader), READONLY, NULL},
    {"spec", T_OBJECT, offsetof(struct getter, spec), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot getter_slots[] = {
    {Py_tp_doc, (void *)"get_code of a loader, with probes for the import system."},
    {Py_tp_call, getter_call},
    {Py_tp_richcompare, getter_compare},
    {Py_tp_hash, getter_hash},
    {Py_tp_methods, getter_methods},
    {Py_tp_members, getter_members},
    {Py_tp_traverse, getter_traverse},
    {Py_tp_clear, getter_clear},
    {Py_tp_dealloc, getter_dealloc},
    {0, NULL},
};

static PyType_Spec getter_spec = {
    .name = "kieker._kieker.get_code",
    .basicsize = sizeof(struct getter),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = getter_slots,
};

/* Makes what all getters share. */
static int prepare(void)
{
    PyObject *external, *basics, *method;

    if (getter_type != NULL)
        return 0;
    external = quiet_module("_frozen_importlib_external");
    basics = external != NULL ? PyObject_GetAttrString(external, "_LoaderBasics") : NULL;
    method = basics != NULL ? PyObject_GetAttrString(basics, "exec_module") : NULL;
    exec_module_code = method != NULL ? PyObject_GetAttrString(method, "__code__") : NULL;
    Py_XDECREF(method);
    Py_XDECREF(basics);
    Py_XDECREF(external);
    if (exec_module_code != NULL)
        getter_type = (PyTypeObject *)PyType_FromSpec(&getter_spec);
    return getter_type == NULL ? -1 : 0;
}

PyDoc_STRVAR(put_doc,
    "loading_put(hook, loader, spec)\n\n"
    "Gives the loader's modules woven code: hook.find_code(getter, name) before the plain code is made,\n"
    "or hook.make_code(getter, name, code) after. The getter has the attributes loader and spec;\n"
    "spec is None for a loader of many modules. None from both is for plain code.");

static PyObject *put_method(PyObject *module, PyObject *arguments)
{
    PyObject *hook, *loader, *spec;
    struct getter *getter;
    int done;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOO:loading_put", &hook, &loader, &spec) || prepare() != 0)
        return NULL;
    getter = PyObject_GC_New(struct getter, getter_type);
    if (getter == NULL)
        return NULL;
    Py_INCREF(hook);
    getter->hook = hook;
    Py_INCREF(loader);
    getter->loader = loader;
    Py_INCREF(spec);
    getter->spec = spec;
    PyObject_GC_Track(getter);
    done = PyObject_SetAttrString(loader, "get_code", (PyObject *)getter);
    Py_DECREF(getter);
    if (done != 0)
        return NULL;
    Py_RETURN_NONE;
}

#if PY_VERSION_HEX < 0x030A0000
/* In the place of zipimport._get_module_code; self is (hook, the original). */
static PyObject *get_archived(PyObject *self, PyObject *arguments)
{
    PyObject *found = PyObject_Call(PyTuple_GET_ITEM(self, 1), arguments, NULL), *woven, *instead;
    PyFrameObject *frame = PyEval_GetFrame();

    /* (code, is_package, path); asked by load_module, or for somebody to look at. */
    if (found == NULL || frame == NULL || !PyTuple_Check(found) || PyTuple_GET_SIZE(found) != 3 ||
        PyTuple_GET_SIZE(arguments) != 2 ||
        PyUnicode_CompareWithASCIIString(frame->f_code->co_name, "load_module") != 0)
        return found;
    woven = quiet_method(PyTuple_GET_ITEM(self, 0), "make_archived", PyTuple_GET_ITEM(arguments, 0),
        PyTuple_GET_ITEM(arguments, 1), PyTuple_GET_ITEM(found, 0));
    if (woven == NULL || woven == Py_None) {
        Py_XDECREF(woven);
        if (woven == NULL)
            Py_CLEAR(found);
        return found;
    }
    instead = PyTuple_Pack(3, woven, PyTuple_GET_ITEM(found, 1), PyTuple_GET_ITEM(found, 2));
    Py_DECREF(woven);
    Py_DECREF(found);
    return instead;
}

PyDoc_STRVAR(zip_doc, "loading_zip(hook)\n\n"
                      "Has hook.make_archived(loader, name, code) asked for each module that is "
                      "loaded from an archive.");

static PyObject *zip_method(PyObject *module, PyObject *hook)
{
    static PyMethodDef definition = {"_get_module_code", get_archived, METH_VARARGS, NULL};
    PyObject *zipimport = PyImport_ImportModule("zipimport"), *own = NULL, *function = NULL;
    int done = -1;

    (void)module;
    if (zipimport != NULL)
        function = PyObject_GetAttrString(zipimport, "_get_module_code");
    if (function != NULL)
        own = Py_BuildValue("ON", hook, function);
    function = own != NULL ? PyCFunction_New(&definition, own) : NULL;
    if (function != NULL)
        done = PyObject_SetAttrString(zipimport, "_get_module_code", function);
    Py_XDECREF(function);
    Py_XDECREF(own);
    Py_XDECREF(zipimport);
    if (done != 0)
        return NULL;
    Py_RETURN_NONE;
}
#endif

PyMethodDef loading_methods[] = {
    {"loading_put", put_method, METH_VARARGS, put_doc},
#if PY_VERSION_HEX < 0x030A0000
    {"loading_zip", zip_method, METH_O, zip_doc},
#endif
    {NULL, NULL, 0, NULL},
};
