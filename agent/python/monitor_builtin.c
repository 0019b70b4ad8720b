/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/monitor_builtin.h"

#include <string.h>

#include "agent/core/operations.h"
#include "agent/python/probes.h"
#include "record/map.h"

/* Operations by the address of their row in a method table: these are static, or last as long as
 * their module does. */
static struct map by_row;

/* The method's row, as the type's own dictionary has it; NULL when there is none. */
static const PyMethodDef *row_in(PyTypeObject *type, const char *name)
{
    const PyMethodDef *row = NULL;
    PyObject *names, *found;

#if PY_VERSION_HEX >= 0x030C0000
    names = PyType_GetDict(type);
#else
    names = type->tp_dict;
    Py_XINCREF(names);
#endif
    found = names != NULL ? PyDict_GetItemString(names, name) : NULL;
    if (found == NULL)
        PyErr_Clear();
    else if (Py_IS_TYPE(found, &PyMethodDescr_Type) || Py_IS_TYPE(found, &PyClassMethodDescr_Type))
        row = ((PyMethodDescrObject *)found)->d_method;
    Py_XDECREF(names);
    return row;
}

/* The type that has the method, of those that an object of this type inherits from. */
static PyTypeObject *definer(PyTypeObject *type, const PyMethodDef *row)
{
    PyObject *bases = type->tp_mro;

    for (Py_ssize_t i = 0; bases != NULL && i < PyTuple_GET_SIZE(bases); i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(bases, i);

        if (row_in(base, row->ml_name) == row)
            return base;
    }
    return type;
}

static PyObject *name_of_type(const PyTypeObject *type)
{
    return PyUnicode_FromFormat(
        strchr(type->tp_name, '.') != NULL ? "%s" : "builtins.%s", type->tp_name);
}

/* A new reference, or NULL with an exception. */
static PyObject *component_of(PyObject *callable, const PyMethodDef *row)
{
    PyCFunctionObject *function = (PyCFunctionObject *)callable;

    if (Py_IS_TYPE(callable, &PyMethodDescr_Type))
        return name_of_type(PyDescr_TYPE(callable));
    if (function->m_module != NULL && PyUnicode_CheckExact(function->m_module)) {
        Py_INCREF(function->m_module);
        return function->m_module;
    }
    if (function->m_self == NULL)
        return PyUnicode_FromString("builtins");
    if (PyModule_Check(function->m_self))
        return PyModule_GetNameObject(function->m_self);
    return name_of_type(definer(PyType_Check(function->m_self) ? (PyTypeObject *)function->m_self
                                                               : Py_TYPE(function->m_self),
        row));
}

static const PyMethodDef *row_of(PyObject *callable)
{
    if (PyCFunction_CheckExact(callable) || Py_IS_TYPE(callable, &PyCMethod_Type))
        return ((PyCFunctionObject *)callable)->m_ml;
    if (Py_IS_TYPE(callable, &PyMethodDescr_Type))
        return ((PyMethodDescrObject *)callable)->d_method;
    return NULL;
}

static uint32_t add(PyObject *callable, const PyMethodDef *row)
{
    PyObject *name = PyUnicode_FromString(row->ml_name),
             *component = name != NULL ? component_of(callable, row) : NULL;
    uint32_t operation = component != NULL ? probes_operation(name, component) : OPERATIONS_NONE;

    Py_XDECREF(name);
    Py_XDECREF(component);
    if (operation == OPERATIONS_NONE)
        PyErr_Clear();
    /* All types have the same row for __new__. */
    else if (strcmp(row->ml_name, "__new__") != 0)
        map_put(&by_row, (uintptr_t)row, operation);
    return operation;
}

uint32_t monitor_builtin_operation(PyObject *callable)
{
    const PyMethodDef *row = row_of(callable);
    uint32_t operation;

    if (row == NULL)
        return OPERATIONS_NONE;
    operation = map_get(&by_row, (uintptr_t)row);
    return operation != MAP_NONE ? operation : add(callable, row);
}
