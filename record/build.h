/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records made of values, for what does not come over Kieker's wire: lines of logs, JSON, spans.
 * They look as if they had come over it: their strings have ids in a registry of the builder's.
 */
#ifndef KIEKER_RECORD_BUILD_H
#define KIEKER_RECORD_BUILD_H

#include "record/record.h"

struct build {
    struct record record; /* lent by build_end until build_begin */
    /* its own: */
    struct registry strings;
    struct map ids; /* a text's hash -> its id */
    unsigned char *fields;
    size_t used, capacity;
    unsigned field;    /* of the type: the next value's */
    uint32_t elements; /* that its array still lacks */
};

void build_init(struct build *build);
void build_fini(struct build *build);

/* Begins a record; then one call a value, in the order of the type's fields. */
void build_begin(struct build *build, const struct record_type *type, int64_t logged);

/* The type of the next value (of an array's elements, once its length has been given);
 * FIELD_TYPES: there is no further one. */
enum record_field_type build_next(const struct build *build);

/* The length of the array that is next. */
int build_length(struct build *build, uint32_t elements);

/* The next value; all of them: 0, or -1 when the field cannot have it, or memory is short. Numbers
 * are also booleans (0: false), characters (UTF-16 units) and enumerations. */
int build_integer(struct build *build, int64_t value);
int build_real(struct build *build, double value);
int build_text(struct build *build, const char *text, size_t length);

/* The record; NULL when values are missing. */
const struct record *build_end(struct build *build);

#endif
