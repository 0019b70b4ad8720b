/* SPDX-License-Identifier: Apache-2.0 */
/* Record types: which there are, and where on the wire each field of theirs lies. */
#ifndef KIEKER_RECORD_TYPES_H
#define KIEKER_RECORD_TYPES_H

#include <stddef.h>
#include <stdint.h>

#define RECORD_FIELDS_MAX 64 /* of one type */

enum record_id {
#define RECORD(id, role, name, fields) RECORD_##id,
#include "record/types.def"
    RECORD_TYPES /* how many */
};

/*
 * How a field is written (big-endian). A string is the 32-bit registry id of its text. An array is
 * its 32-bit count, then its elements.
 */
enum record_field_type {
    FIELD_BOOL, /* 1 byte, true only if it is 1 */
    FIELD_I8,
    FIELD_CHAR, /* a UTF-16 unit, 2 bytes */
    FIELD_I16,
    FIELD_I32,
    FIELD_I64,
    FIELD_F32,
    FIELD_F64,
    FIELD_STR,
    FIELD_ENUM, /* 4 bytes, the number of the literal */
    FIELD_TYPES,
    FIELD_ARRAY = 16, /* added to one of these */
    FIELD_STRS = FIELD_STR | FIELD_ARRAY
};

static inline int field_is_array(enum record_field_type type)
{
    return (type & FIELD_ARRAY) != 0;
}

/* The type of an array's elements; of any other field, its own. */
static inline enum record_field_type field_element(enum record_field_type type)
{
    return (enum record_field_type)(type & ~FIELD_ARRAY);
}

/* Bytes of a value that is no array, or of an array's element. */
unsigned field_width(enum record_field_type element);

/* What a record means to the assembling of traces. */
enum record_role {
    ROLE_OTHER,          /* nothing: it is kept as it came */
    ROLE_METADATA,       /* KiekerMetadataRecord: about the stream */
    ROLE_TRACE_METADATA, /* announces a trace */
    ROLE_BEFORE,         /* a call begins; fields start as in BeforeOperationEvent */
    ROLE_AFTER,          /* a call ends; fields start as in AfterOperationEvent */
    ROLE_FAILED, /* a call ends by an exception; fields start as in AfterOperationFailedEvent */
    ROLE_CALL,   /* a caller says that it calls; fields start as in CallOperationEvent */
    ROLE_REMOTE, /* BeforeReceivedRemoteEvent: says by which trace its own was called */
    ROLE_TRACE_EVENT, /* takes an order index of its trace, begins and ends no call */
    ROLE_THREAD,      /* ThreadMetaData: on which host a thread is */
    ROLE_EXECUTION    /* OperationExecutionRecord: a whole call, sent when it returns */
};

/* Of what kind the calls are that records of the roles BEFORE, AFTER, FAILED and CALL speak of. */
enum record_form {
    FORM_OPERATION,
    FORM_CONSTRUCTOR,
    FORM_THREAD,   /* of a thread, not of a trace: its id lies where the trace's would */
    FORM_DATABASE, /* a statement; the fields lie elsewhere, see STATEMENT_SIGNATURE */
};

/* Role and form in one number, as types.def has them. */
enum {
    ROLE_FORM_BITS = 8,
    ROLE_CONSTRUCTOR_BEFORE = FORM_CONSTRUCTOR << ROLE_FORM_BITS | ROLE_BEFORE,
    ROLE_CONSTRUCTOR_AFTER = FORM_CONSTRUCTOR << ROLE_FORM_BITS | ROLE_AFTER,
    ROLE_CONSTRUCTOR_FAILED = FORM_CONSTRUCTOR << ROLE_FORM_BITS | ROLE_FAILED,
    ROLE_CONSTRUCTOR_CALL = FORM_CONSTRUCTOR << ROLE_FORM_BITS | ROLE_CALL,
    ROLE_THREAD_BEFORE = FORM_THREAD << ROLE_FORM_BITS | ROLE_BEFORE,
    ROLE_THREAD_AFTER = FORM_THREAD << ROLE_FORM_BITS | ROLE_AFTER,
    ROLE_THREAD_FAILED = FORM_THREAD << ROLE_FORM_BITS | ROLE_FAILED,
    ROLE_DATABASE_BEFORE = FORM_DATABASE << ROLE_FORM_BITS | ROLE_BEFORE,
    ROLE_DATABASE_AFTER = FORM_DATABASE << ROLE_FORM_BITS | ROLE_AFTER,
    ROLE_DATABASE_FAILED = FORM_DATABASE << ROLE_FORM_BITS | ROLE_FAILED
};
#define ROLE_OF(number) ((enum record_role)((number) & ((1 << ROLE_FORM_BITS) - 1)))
#define FORM_OF(number) ((enum record_form)((unsigned)(number) >> ROLE_FORM_BITS))

struct record_field {
    const char *name; /* Kieker's spelling */
    enum record_field_type type;
    const char *literals; /* of an enumeration, by number, with spaces between; NULL: not known */
};

struct record_type {
    const char *name;   /* the full Java class name */
    const char *stored; /* what it is stored under: its name or, if it was added, its layout */
    enum record_role role;
    enum record_form form;
    const struct record_field *fields;
    unsigned field_count;
    unsigned size; /* bytes of the fields; of an array its count alone */
    int arrays;    /* whether there are arrays, which make a record longer than `size` */
    int timestamp; /* the field that is its time, or -1 */
    uint16_t
        offset[RECORD_FIELDS_MAX]; /* where a field begins; right up to and with the first array */
};

/* Positions of fields that the assembling reads, in the types of the role that has them. */
enum { EVENT_TIMESTAMP, EVENT_TRACE, EVENT_ORDER, EVENT_OPERATION, EVENT_CLASS, EVENT_CAUSE };
enum { CALL_CALLEE_OPERATION = EVENT_CLASS + 1, CALL_CALLEE_CLASS };
enum { REMOTE_CALLER_TRACE = EVENT_TIMESTAMP + 1, REMOTE_CALLER_ORDER };
enum { THREAD_HOST, THREAD_ID };
enum {
    STATEMENT_SIGNATURE = EVENT_TIMESTAMP + 1,
    STATEMENT_TRACE,
    STATEMENT_ORDER,
    STATEMENT_CAUSE
};
enum { META_TRACE, META_THREAD, META_SESSION, META_HOST, META_PARENT_TRACE, META_PARENT_ORDER };
enum {
    EXEC_OPERATION,
    EXEC_SESSION,
    EXEC_TRACE,
    EXEC_TIN,
    EXEC_TOUT,
    EXEC_HOST,
    EXEC_EOI,
    EXEC_ESS
};

/* The type of that id; never NULL. Any thread. */
const struct record_type *record_type(enum record_id id);

/* The type with that class name (of `length` bytes), also by a name that an older Kieker gave it;
 * NULL if there is none. Any thread. */
const struct record_type *record_type_find(const char *name, size_t length);

/* The field of that name and type, if its offset is known; else -1. Any thread. */
int record_type_field(
    const struct record_type *type, const char *name, enum record_field_type field);

/* Works out `size`, `arrays`, `timestamp` and `offset` of a type that has its fields; `stored` is
 * its name unless it is set. */
void record_type_measure(struct record_type *type);

/* The id of a type that record_type() or record_type_find() gave; RECORD_TYPES for one that was
 * added. */
enum record_id record_type_id(const struct record_type *type);

#define RECORD_ADDED_MAX 4096

/*
 * Adds a type while the program begins, before other threads look for types: it is copied, its
 * strings are lent for good, and it is measured. 0 also when it is
 * there already with the same fields; -1 when one of that name has others, or there are too many.
 */
int record_type_add(const struct record_type *type);

#endif
