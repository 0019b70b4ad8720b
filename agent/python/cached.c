/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/cached.h"

#include <fcntl.h>
#include <marshal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/python/code.h"
#include "agent/python/quiet.h"

/* A file that is larger is none of ours. */
#define SIZE_MAX_OF_FILE (1L << 30)

/* A builtin that is needed, kept for good: a program may take modules out of sys.modules. */
static PyObject *fix_filename;

/* The whole file, to be freed; NULL, without an exception, when it cannot be had. */
static char *read_file(const char *path, int own, size_t *size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    char *bytes = NULL;

    if (file < 0)
        return NULL;
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0 &&
        status.st_size < SIZE_MAX_OF_FILE &&
        (!own || ((status.st_uid == geteuid() || status.st_uid == 0) && !(status.st_mode & 022))))
        bytes = malloc(status.st_size);
    *size = 0;
    while (bytes != NULL && *size < (size_t)status.st_size) {
        ssize_t got = read(file, bytes + *size, status.st_size - *size);

        if (got <= 0)
            break;
        *size += got;
    }
    close(file);
    if (bytes != NULL && *size != (size_t)status.st_size) {
        free(bytes);
        bytes = NULL;
    }
    return bytes;
}

static void put_number(unsigned char *at, uint64_t number)
{
    for (int i = 0; i < 8; i++)
        at[i] = (unsigned char)(number >> 8 * i);
}

static PyObject *make_head(PyObject *prefix, uint64_t size, uint64_t stamp, PyObject *name)
{
    PyObject *text = PyUnicode_AsEncodedString(name, "utf-8", "surrogatepass"), *head = NULL;
    Py_ssize_t before = PyBytes_GET_SIZE(prefix), after;

    if (text == NULL)
        return NULL;
    after = PyBytes_GET_SIZE(text) + 1;
    head = PyBytes_FromStringAndSize(NULL, before + 16 + after);
    if (head != NULL) {
        unsigned char *at = (unsigned char *)PyBytes_AS_STRING(head);

        memcpy(at, PyBytes_AS_STRING(prefix), before);
        put_number(at + before, size);
        put_number(at + before + 8, stamp);
        memcpy(at + before + 16, PyBytes_AS_STRING(text), after);
    }
    Py_DECREF(text);
    return head;
}

static int prepare(void)
{
    PyObject *imp;

    if (fix_filename != NULL)
        return 0;
    imp = quiet_module("_imp");
    fix_filename = imp != NULL ? PyObject_GetAttrString(imp, "_fix_co_filename") : NULL;
    Py_XDECREF(imp);
    return fix_filename == NULL ? -1 : 0;
}

/* A file may have been moved together with its source. */
static int set_place(PyObject *code, PyObject *source)
{
    PyObject *done;

    if (PyUnicode_Compare(((PyCodeObject *)code)->co_filename, source) == 0)
        return PyErr_Occurred() ? -1 : 0;
    done = PyObject_CallFunctionObjArgs(fix_filename, code, source, NULL);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* (the bound code in the bytes behind the head, number of operations), or NULL with an exception.
 */
static PyObject *unpack(
    struct module_state *state, const char *bytes, size_t size, PyObject *source)
{
    PyObject *found = PyMarshal_ReadObjectFromString(bytes, size), *code, *bound = NULL;

    if (found != NULL && PyTuple_CheckExact(found) && PyTuple_GET_SIZE(found) == 2 &&
        PyCode_Check(PyTuple_GET_ITEM(found, 0)) &&
        PyBytes_CheckExact(PyTuple_GET_ITEM(found, 1))) {
        code = PyTuple_GET_ITEM(found, 0);
        if (set_place(code, source) == 0)
            bound = code_bind(state, code, PyTuple_GET_ITEM(found, 1));
    }
    if (bound == NULL && !PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "not what weave.py gives");
    Py_XDECREF(found);
    return bound;
}

static PyObject *read_code(struct module_state *state, PyObject *path, int own, PyObject *prefix,
    uint64_t size, uint64_t stamp, PyObject *name, PyObject *source)
{
    PyObject *encoded = NULL, *head = make_head(prefix, size, stamp, name), *code = NULL;
    char *bytes = NULL;
    size_t length = 0;

    if (head != NULL && PyUnicode_FSConverter(path, &encoded))
        bytes = read_file(PyBytes_AS_STRING(encoded), own, &length);
    if (bytes != NULL && length > (size_t)PyBytes_GET_SIZE(head) &&
        memcmp(bytes, PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head)) == 0) {
        /* Code cannot be garbage while it is being made; looking for some takes a tenth of the
         * time. */
#if PY_VERSION_HEX >= 0x030A0000
        int collecting = PyGC_Disable();
#endif
        code =
            unpack(state, bytes + PyBytes_GET_SIZE(head), length - PyBytes_GET_SIZE(head), source);
#if PY_VERSION_HEX >= 0x030A0000
        if (collecting)
            PyGC_Enable();
#endif
    }
    free(bytes);
    Py_XDECREF(encoded);
    Py_XDECREF(head);
    if (code != NULL || (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_Exception)))
        return code;
    PyErr_Clear();
    Py_RETURN_NONE;
}

PyDoc_STRVAR(head_doc, "cached_head(prefix, size, stamp, name)\n\n"
                       "The head of a file of woven code.");

static PyObject *head_method(PyObject *module, PyObject *arguments)
{
    unsigned long long size, stamp;
    PyObject *prefix, *name;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "SKKU:cached_head", &prefix, &size, &stamp, &name))
        return NULL;
    return make_head(prefix, size, stamp, name);
}

PyDoc_STRVAR(read_doc, "cached_read(path, own, prefix, size, stamp, name, source)\n\n"
                       "(the code in a file of woven code, with its probes, and the number of its "
                       "operations), or None when the file is\n"
                       "not there or not valid for that.\n"
                       "own: it must belong to this user.");

static PyObject *read_method(PyObject *module, PyObject *arguments)
{
    PyObject *path, *prefix, *name, *source;
    unsigned long long size, stamp;
    int own;

    if (!PyArg_ParseTuple(arguments, "UpSKKUU:cached_read", &path, &own, &prefix, &size, &stamp,
            &name, &source) ||
        prepare() != 0)
        return NULL;
    return read_code(module_state(module), path, own, prefix, size, stamp, name, source);
}

PyMethodDef cached_methods[] = {
    {"cached_head", head_method, METH_VARARGS, head_doc},
    {"cached_read", read_method, METH_VARARGS, read_doc},
    {NULL, NULL, 0, NULL},
};
