/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record, as every source gives it: its type, and its fields still as they lie in the source's
 * bytes. A record is lent: it and what its accessors point to last until the source is asked for
 * the next one.
 */
#ifndef KIEKER_RECORD_RECORD_H
#define KIEKER_RECORD_RECORD_H

#include "record/bytes.h"
#include "record/registry.h"
#include "record/types.h"

#define RECORD_NOT_LOGGED (-1) /* the logging timestamp of a client that sets none */

struct record {
    const struct record_type *type;
    const unsigned char *fields; /* `size` bytes */
    uint32_t size;
    int64_t logged; /* logging timestamp, in the stream's time unit, or RECORD_NOT_LOGGED */
    struct registry *registry;
};

static inline int64_t record_i64(const struct record *record, unsigned field)
{
    return (int64_t)bytes_get64(record->fields + record->type->offset[field]);
}

static inline int32_t record_i32(const struct record *record, unsigned field)
{
    return (int32_t)bytes_get32(record->fields + record->type->offset[field]);
}

/* The registry's entry of a string field; NULL when the client never announced that id. */
static inline struct registry_entry *record_string(const struct record *record, unsigned field)
{
    return registry_get(record->registry, record_i32(record, field));
}

/* Goes through all fields in order, arrays included: start with all zero but `record`. */
struct record_cursor {
    const struct record *record;
    unsigned field;          /* of `type->fields`, of what the last call gave */
    unsigned element;        /* in an array */
    uint32_t elements;       /* of the array; one without elements is given once, with `at` NULL */
    const unsigned char *at; /* the value's bytes */
    unsigned next_field, next_element;
    const unsigned char *next;
};

/* 1 with `field`, `element` and `at` set; 0 when there is no further value. */
int record_next_value(struct record_cursor *cursor);

#endif
