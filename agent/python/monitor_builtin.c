/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/monitor_builtin.h"

#include <string.h>

#include "record/map.h"

/* Places in `operations` by the address of the row in a method table: these are static, or last as
 * long as their module does. */
static struct map by_row;

static struct monitor_operation **operations;
static uint32_t count, capacity;

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

/* So that the next time they are found; otherwise they are made again. */
static void keep(const PyMethodDef *row, struct monitor_operation *operation)
{
    if (count == capacity) {
        uint32_t wanted = capacity == 0 ? 64 : 2 * capacity;
        struct monitor_operation **more =
            PyMem_RawRealloc(operations, wanted * sizeof(*operations));

        if (more == NULL)
            return;
        operations = more;
        capacity = wanted;
    }
    operations[count] = operation;
    if (map_put(&by_row, (uintptr_t)row, count) == 0)
        count++;
}

static struct monitor_operation *make(PyObject *callable, const PyMethodDef *row)
{
    PyObject *name = PyUnicode_FromString(row->ml_name),
             *component = name != NULL ? component_of(callable, row) : NULL;
    struct monitor_operation *operation = NULL;

    if (component != NULL)
        operation = monitor_operation_new(name, component);
    PyErr_Clear();
    Py_XDECREF(name);
    Py_XDECREF(component);
    return operation;
}

const struct monitor_operation *monitor_builtin_operation(PyObject *callable)
{
    static struct monitor_operation last; /* of those that are not kept */
    const PyMethodDef *row = row_of(callable);
    struct monitor_operation *made;
    uint32_t found;

    if (row == NULL)
        return NULL;
    found = map_get(&by_row, (uintptr_t)row);
    if (__builtin_expect(found != MAP_NONE, 1))
        return operations[found];
    made = make(callable, row);
    if (made == NULL)
        return NULL;
    /* All types have the same row for __new__. */
    if (strcmp(row->ml_name, "__new__") != 0) {
        keep(row, made);
        return made;
    }
    last = *made;
    PyMem_RawFree(made);
    return &last;
}
