/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/interpose.h"

#include <string.h>

/* A module that is loaded is taken without asking the program's own __import__. */
static PyObject *find_module(const char *name)
{
    PyObject *text = PyUnicode_FromString(name), *module = NULL;

    if (text != NULL)
        module = PyImport_GetModule(text);
    Py_XDECREF(text);
    return module != NULL || PyErr_Occurred() ? module : PyImport_ImportModule(name);
}

/* The builtin's row in its module's table, which lives as long as the process; NULL without an
 * exception. What the program has put in its place has another name or is no builtin. */
static PyMethodDef *find(const char *module_name, const char *name)
{
    PyObject *module = find_module(module_name), *builtin = NULL;
    PyMethodDef *row = NULL;

    if (module != NULL)
        builtin = PyObject_GetAttrString(module, name);
    if (builtin != NULL && PyCFunction_Check(builtin)) {
        row = ((PyCFunctionObject *)builtin)->m_ml;
        if (strcmp(row->ml_name, name) != 0 || PyCFunction_GET_SELF(builtin) != module)
            row = NULL;
    }
    PyErr_Clear();
    Py_XDECREF(builtin);
    Py_XDECREF(module);
    return row;
}

/* The interpreter reads ml_meth at each call, in specialised instructions, too. */
int interpose(const char *module, const char *name, PyCFunction instead, PyCFunction *original)
{
    PyMethodDef *row = find(module, name);

    if (row == NULL)
        return -1;
    if (row->ml_meth != instead) {
        *original = row->ml_meth;
        row->ml_meth = instead;
    }
    return 0;
}

int interpose_flags(const char *module, const char *name)
{
    const PyMethodDef *row = find(module, name);

    return row == NULL ? -1 : row->ml_flags;
}
