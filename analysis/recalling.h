/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of records.h share: putting a record together from what is known of it. Not for
 * others to include. The functions: 0, or -1 with the sentence set.
 */
#ifndef KIEKER_ANALYSIS_RECALLING_H
#define KIEKER_ANALYSIS_RECALLING_H

#include "analysis/records.h"

struct known_operation {
    uint32_t signature, class_signature;
    int known;
};

struct records {
    struct records_texts texts;
    records_sink *sink;
    void *context;
    struct registry strings; /* by name id */
    struct map types;        /* name id -> record_id, or RECORD_TYPES for none */
    LIST(const struct record_type *) known_types;
    LIST(struct record_type *) layouts; /* those of them that were read, and are ours */
    LIST(struct known_operation) operations;
    LIST(uint32_t) open; /* operations of the open calls */
    struct buffer fields;
    struct records_losses losses;
    /* of the trace: */
    int64_t trace, unit;
    struct trace row;
    int64_t order; /* of the record before */
    int lossy;     /* a chunk is lost: calls may be open that are not known */
    char error[200];
};

/* The values that a record has without an extra. */
struct plain {
    int64_t time, trace;
    int32_t order;
    uint32_t strings[4]; /* signature, class signature, cause; of a Call event for the last the
                            callee's signature and class signature */
};

/* Sets the sentence. They return -1. */
int recall_no_memory(struct records *records);
int recall_damaged(struct records *records);
int recall_unknown_type(struct records *records, uint32_t name);

/* NULL: there can be none of that id, or memory is short. */
const struct known_operation *recall_operation_of(struct records *records, uint32_t id);

/* A time in ns as the stream counts it. */
int64_t recall_in_units(const struct records *records, int64_t ns);

/* Append to the record under way: so many bytes of a number, a string, a field as it was coded. */
int recall_put(struct records *records, unsigned width, uint64_t bits);
int recall_put_name(struct records *records, uint32_t name);
int recall_put_coded_field(struct records *records, enum record_field_type type, struct reader *in);

/*
 * Puts a record together from the values whose bits (of a call's fields) are in `known`, or if that
 * is 0 from those that go by their names, and from coded ones; `in` NULL: there are none of these.
 */
int recall_build(struct records *records, const struct record_type *type, unsigned known,
    const struct plain *plain, struct reader *in);

/* Gives the record to the sink, with its logging timestamp in ns. 0, or 1 when that wants no more.
 */
int recall_give(struct records *records, const struct record_type *type, int64_t logged);

#endif
