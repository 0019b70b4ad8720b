/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the verb `records` share. Not for others to include. */
#ifndef KIEKER_QUERY_RECORDS_H
#define KIEKER_QUERY_RECORDS_H

#include "analysis/list.h"
#include "analysis/records.h"
#include "query/answer.h"

/* A type in one layout, of which there are records. */
struct recorded {
    struct record_type_row row;
    const char *name;               /* of the class; the request's arena has it */
    const struct record_type *type; /* lent by the decoder; NULL: nobody knows its fields */
};

struct recordings {
    struct request *request;
    struct store_reader *reader;
    struct store_filter filter;
    struct records *decoder; /* gives to `sink` */
    records_sink *sink;      /* set before store_records is asked */
    void *context;
    LIST(struct recorded) types;
    int failed; /* memory is short */
};

/* records_values.c: the records of all these types, newest first, as rows. NULL after
 * request_refuse. */
json_t *records_values(struct recordings *recordings);

/* A value; of an array all of it. The cursor stands on it, and at its last element afterwards. */
json_t *records_value(const struct record *record, struct record_cursor *cursor);

/* records_series.c: numbers over time, as rows. NULL after request_refuse. */
json_t *records_series(struct recordings *recordings);

/* The field of that name in one of the layouts, or NULL. */
const struct record_field *records_field(const struct recordings *recordings, const char *name);

/* Whether the field holds numbers, one in each record. */
int records_is_number(const struct record_field *field);

/* Whether series are told apart by the field unless `by` says otherwise: it names a thing. */
int records_is_name(const struct record_field *field);

/* Gives each record of that type to the sink, decoded. 0, or -1 after request_refuse. */
int records_each(struct recordings *recordings, const struct recorded *type, int newest,
    int (*on_record)(void *context, const struct batch_record *stored, const struct record *record),
    void *context);

#endif
