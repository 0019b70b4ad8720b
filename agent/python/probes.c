/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/probes.h"

#include "agent/python/cause.h"
#include "agent/python/probe.h"
#include "agent/python/suspendable.h"

PyObject *probe_handled_exception(void)
{
#if PY_VERSION_HEX >= 0x030B0000
    return PyErr_GetHandledException();
#else
    PyObject *type, *value, *traceback;

    PyErr_GetExcInfo(&type, &value, &traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
#endif
}

void probe_fail(struct probe *probe, PyObject *exception)
{
    uint32_t cause;

    if (probe_is_off(probe))
        return;
    if (exception != NULL && exception != Py_None)
        cause = cause_of(exception);
    else
        cause = agent_cause("", 0);
    probe_failed(probe->operation, cause);
    probe_leave(probe->operation);
}

static PyObject *on_enter(PyObject *self)
{
    if (!probe_is_off((struct probe *)self))
        probe_enter(((struct probe *)self)->operation);
    Py_RETURN_NONE;
}

static PyObject *on_leave(PyObject *self)
{
    if (!probe_is_off((struct probe *)self))
        probe_leave(((struct probe *)self)->operation);
    Py_RETURN_NONE;
}

static PyObject *on_failed(PyObject *self)
{
    PyObject *type, *value, *traceback, *exception;

    if (!agent_is_running() || probe_is_off((struct probe *)self))
        Py_RETURN_NONE;
    PyErr_Fetch(&type, &value, &traceback);
    exception = probe_handled_exception();
    probe_fail((struct probe *)self, exception);
    Py_XDECREF(exception);
    PyErr_Restore(type, value, traceback);
    Py_RETURN_NONE;
}

void probe_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_Free(self);
    Py_DECREF(type);
}

PyObject *probe_repr(PyObject *self)
{
    const struct text *name, *component;

    agent_operation_names(((struct probe *)self)->operation, &name, &component);
    return PyUnicode_FromFormat("<kieker probe %s.%s>", component->bytes, name->bytes);
}

/* So that code with probes in it can be pickled by those who pickle code. */
static PyObject *probe_reduce(PyObject *self, PyObject *unused)
{
    const struct text *name, *component;
    PyObject *module, *method;

    (void)unused;
    module = PyImport_ImportModule("kieker._kieker");
    method = module != NULL ? PyObject_GetAttrString(module, "probe") : NULL;
    Py_XDECREF(module);
    if (method == NULL)
        return NULL;
    agent_operation_names(((struct probe *)self)->operation, &name, &component);
    return Py_BuildValue(
        "N(ssI)", method, name->bytes, component->bytes, (unsigned)((struct probe *)self)->kind);
}

PyMethodDef probe_methods[] = {
    {"__reduce__", probe_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

/* For a lambda, which is one expression: (probe << probe) ^ expression. */
static PyObject *on_begin(PyObject *self, PyObject *other)
{
    if (Py_TYPE(self)->tp_dealloc != probe_dealloc || self != other)
        Py_RETURN_NOTIMPLEMENTED;
    if (!probe_is_off((struct probe *)self))
        probe_enter(((struct probe *)self)->operation);
    Py_INCREF(self);
    return self;
}

static PyObject *on_result(PyObject *self, PyObject *value)
{
    if (Py_TYPE(self)->tp_dealloc != probe_dealloc)
        Py_RETURN_NOTIMPLEMENTED;
    if (!probe_is_off((struct probe *)self))
        probe_leave(((struct probe *)self)->operation);
    Py_INCREF(value);
    return value;
}

static PyType_Slot probe_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t) "A probe of the agent: a constant in the code of an observed "
                                    "function."},
    {Py_tp_dealloc, (void *)probe_dealloc},
    {Py_tp_repr, (void *)probe_repr},
    {Py_tp_methods, probe_methods},
    {Py_nb_negative, (void *)on_enter},
    {Py_nb_invert, (void *)on_leave},
    {Py_nb_positive, (void *)on_failed},
    {Py_nb_lshift, (void *)on_begin},
    {Py_nb_xor, (void *)on_result},
    {0, NULL},
};

static PyType_Spec probe_spec = {
    .name = "kieker._kieker.Probe",
    .basicsize = sizeof(struct probe),
    .flags = Py_TPFLAGS_DEFAULT
#if PY_VERSION_HEX >= 0x030A0000
             | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE
#endif
    ,
    .slots = probe_slots,
};

PyTypeObject *probes_make_type(PyObject *module)
{
    PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &probe_spec, NULL);

#if PY_VERSION_HEX < 0x030A0000
    if (type != NULL)
        type->tp_new = NULL;
#endif
    return type;
}

PyObject *probes_new(struct module_state *state, uint32_t operation, unsigned kind)
{
    struct probe *probe = PyObject_New(
        struct probe, kind == PROBE_FUNCTION ? state->probe_type : state->suspendable_type);

    if (probe != NULL) {
        probe->operation = operation;
        probe->kind = kind;
        probe->is_off = &agent_operation_get(operation)->is_off;
    }
    return (PyObject *)probe;
}

uint32_t probes_operation(PyObject *name, PyObject *component)
{
    /* The name of a file need not be valid Unicode. */
    PyObject *name_bytes = PyUnicode_AsEncodedString(name, "utf-8", "backslashreplace");
    PyObject *component_bytes =
        name_bytes != NULL ? PyUnicode_AsEncodedString(component, "utf-8", "backslashreplace")
                           : NULL;
    uint32_t operation = OPERATIONS_NONE;

    if (component_bytes != NULL) {
        operation =
            agent_operation(PyBytes_AS_STRING(name_bytes), (size_t)PyBytes_GET_SIZE(name_bytes),
                PyBytes_AS_STRING(component_bytes), (size_t)PyBytes_GET_SIZE(component_bytes));
        if (operation == OPERATIONS_NONE)
            PyErr_SetString(PyExc_MemoryError, "too many operations");
    }
    Py_XDECREF(name_bytes);
    Py_XDECREF(component_bytes);
    return operation;
}

static PyObject *probes_method(PyObject *module, PyObject *arguments)
{
    PyObject *name, *component;
    uint32_t operation;
    unsigned kind = PROBE_FUNCTION;

    if (!PyArg_ParseTuple(arguments, "UU|I:probe", &name, &component, &kind))
        return NULL;
    if (kind >= PROBE_KINDS)
        return PyErr_Format(PyExc_ValueError, "there is no kind %u of probes", kind);
    operation = probes_operation(name, component);
    return operation == OPERATIONS_NONE ? NULL : probes_new(module_state(module), operation, kind);
}

PyDoc_STRVAR(probe_doc, "probe(operation, component, kind=0)\n\n"
                        "The probe of an operation: -probe says that a call of it begins, ~probe "
                        "that it ends, and +probe that the\n"
                        "exception being handled ends it. kind is 0 for a function, 1 for "
                        "a generator, 2 for a coroutine, 3 for an\nasynchronous generator.");

PyMethodDef probes_methods[] = {
    {"probe", probes_method, METH_VARARGS, probe_doc},
    {NULL, NULL, 0, NULL},
};
