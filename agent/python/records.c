/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/records.h"

#include "agent/core/loose.h"
#include "agent/core/stream.h"
#include "record/bytes.h"
#include "record/types.h"

/* A record's values on their way to loose_put. */
struct packer {
    const struct record_type *type;
    const char *field; /* the one whose turn it is, for messages */
    unsigned char *at, *end;
};

static int refuse_type(const struct packer *packer, const char *wanted, PyObject *value)
{
    PyErr_Format(PyExc_TypeError, "%s of %s must be %s, not %.100s", packer->field,
        packer->type->name, wanted, Py_TYPE(value)->tp_name);
    return -1;
}

/* Room for so many bytes more. 0, or -1 with an exception. */
static int need(const struct packer *packer, size_t size)
{
    if ((size_t)(packer->end - packer->at) >= size)
        return 0;
    PyErr_Format(PyExc_ValueError, "a %s can take no more than %u bytes", packer->type->name,
        STREAM_LOOSE_MAX);
    return -1;
}

static int pack_bool(struct packer *packer, PyObject *value)
{
    if (!PyBool_Check(value))
        return refuse_type(packer, "a bool", value);
    if (need(packer, 1) != 0)
        return -1;
    *packer->at++ = value == Py_True;
    return 0;
}

static int pack_integer(struct packer *packer, PyObject *value, int is_wide)
{
    long long number;
    int overflow;

    if (!PyLong_Check(value))
        return refuse_type(packer, "an int", value);
    number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (number == -1 && PyErr_Occurred())
        return -1;
    if (overflow != 0 || (!is_wide && number != (int32_t)number)) {
        PyErr_Format(PyExc_ValueError, "%s of %s must be an integer of %d bits", packer->field,
            packer->type->name, is_wide ? 64 : 32);
        return -1;
    }
    if (need(packer, 8) != 0)
        return -1;
    packer->at = is_wide ? bytes_put64(packer->at, (uint64_t)number)
                         : bytes_put32(packer->at, (uint32_t)number);
    return 0;
}

static int pack_float(struct packer *packer, PyObject *value)
{
    double number;
    uint64_t bits;

    if (!PyFloat_Check(value) && !PyLong_Check(value))
        return refuse_type(packer, "a float", value);
    number = PyFloat_Check(value) ? PyFloat_AS_DOUBLE(value) : PyLong_AsDouble(value);
    if ((number == -1.0 && PyErr_Occurred()) || need(packer, 8) != 0)
        return -1;
    memcpy(&bits, &number, sizeof(bits));
    packer->at = bytes_put64(packer->at, bits);
    return 0;
}

static int pack_bytes(struct packer *packer, const char *bytes, Py_ssize_t size)
{
    if (need(packer, 4 + (size_t)size) != 0)
        return -1;
    packer->at = bytes_put32(packer->at, (uint32_t)size);
    memcpy(packer->at, bytes, (size_t)size);
    packer->at += size;
    return 0;
}

static int pack_text(struct packer *packer, PyObject *value, const char *wanted)
{
    PyObject *bytes;
    Py_ssize_t size;
    const char *text;
    int packed;

    if (!PyUnicode_Check(value))
        return refuse_type(packer, wanted, value);
    text = PyUnicode_AsUTF8AndSize(value, &size);
    if (text != NULL)
        return pack_bytes(packer, text, size);
    PyErr_Clear(); /* a lone surrogate, most likely */
    bytes = PyUnicode_AsEncodedString(value, "utf-8", "backslashreplace");
    if (bytes == NULL)
        return -1;
    packed = pack_bytes(packer, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
    Py_DECREF(bytes);
    return packed;
}

static int pack_texts(struct packer *packer, PyObject *value)
{
    Py_ssize_t size;

    if (!PyList_Check(value) && !PyTuple_Check(value))
        return refuse_type(packer, "a list of str", value);
    size = PySequence_Fast_GET_SIZE(value);
    if (need(packer, 4 + 4 * (size_t)size) != 0)
        return -1;
    packer->at = bytes_put32(packer->at, (uint32_t)size);
    for (Py_ssize_t i = 0; i < size; i++)
        if (pack_text(packer, PySequence_Fast_GET_ITEM(value, i), "a list of str") != 0)
            return -1;
    return 0;
}

static int pack(struct packer *packer, enum record_field_type type, PyObject *value)
{
    switch (type) {
    case FIELD_BOOL:
        return pack_bool(packer, value);
    case FIELD_I32:
    case FIELD_I64:
        return pack_integer(packer, value, type == FIELD_I64);
    case FIELD_F64:
        return pack_float(packer, value);
    case FIELD_STR:
        return pack_text(packer, value, "a str");
    default: /* FIELD_STRS: Kieker's own types have no others */
        return pack_texts(packer, value);
    }
}

static int pack_all(struct packer *packer, PyObject *values)
{
    const struct record_type *type = packer->type;

    if (PyTuple_GET_SIZE(values) != (Py_ssize_t)type->field_count) {
        PyErr_Format(PyExc_ValueError, "%s has %u fields, not %zd", type->name, type->field_count,
            PyTuple_GET_SIZE(values));
        return -1;
    }
    for (unsigned i = 0; i < type->field_count; i++) {
        packer->field = type->fields[i].name;
        if (pack(packer, type->fields[i].type, PyTuple_GET_ITEM(values, i)) != 0)
            return -1;
    }
    return 0;
}

PyDoc_STRVAR(record_doc,
    "record(class_name, values)\n\n"
    "Hands a record over: of the type that Kieker calls by that full class name, with a tuple of\n"
    "bool, int, float, str and list of str, one for each of its fields. True, or False when it was\n"
    "dropped (and counted) or nothing is recorded. ValueError or TypeError when it is no such record.");

static PyObject *record(PyObject *module, PyObject *arguments)
{
    struct packer packer;
    unsigned char *bytes;
    PyObject *name, *values, *result = NULL;
    Py_ssize_t length;
    const char *text;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "UO!:record", &name, &PyTuple_Type, &values))
        return NULL;
    text = PyUnicode_AsUTF8AndSize(name, &length);
    packer.type = text != NULL ? record_type_find(text, (size_t)length) : NULL;
    if (packer.type == NULL) {
        PyErr_Clear();
        return PyErr_Format(PyExc_ValueError, "no type of record is called %R", name);
    }
    bytes = PyMem_Malloc(STREAM_LOOSE_MAX);
    if (bytes == NULL)
        return PyErr_NoMemory();
    packer.at = bytes;
    packer.end = bytes + STREAM_LOOSE_MAX;
    if (pack_all(&packer, values) == 0)
        result = PyBool_FromLong(
            loose_put(record_type_id(packer.type), bytes, (size_t)(packer.at - bytes)) == 0);
    PyMem_Free(bytes);
    return result;
}

PyMethodDef records_methods[] = {
    {"record", record, METH_VARARGS, record_doc},
    {NULL, NULL, 0, NULL},
};
