/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that is stored, one thing after the other, as it goes out to other programs. And as much of a
 * damaged database as can be read: what cannot be is passed over and told once, and the rest
 * follows. Memory in proportion to a block, never to the database or a trace.
 */
#ifndef KIEKER_STORAGE_EXPORT_H
#define KIEKER_STORAGE_EXPORT_H

#include "storage/store.h"

/*
 * As store_read, for a database that may be damaged, or of an older version: whatever its file
 * still gives may be exported (other questions may fail). NULL with the sentence in `error`; else
 * that has what is left out already, or is empty.
 */
struct store_reader *store_salvage(
    const char *location, char *error, size_t error_size, int *missing);

/* Calls back in this order. Each returns 0 to go on, -1 to end it all; on_trace also 1: to pass
 * over the trace. What they are given is lent for the call. */
struct export_sink {
    int (*on_record)(void *context, const struct batch_record *record);
    int (*on_trace)(void *context, const struct trace_row *row);
    int (*on_chunk)(void *context, const struct chunk_view *chunk);
    int (*on_gap)(void *context, uint64_t events); /* a chunk of so many records cannot be read */
    int (*on_trace_end)(void *context);
    /* A sentence for what cannot be read, and how many traces it costs wholly, if that is known. */
    void (*on_lost)(void *context, const char *sentence, uint64_t traces);
    void (*on_progress)(void *context, uint64_t traces); /* passed so far; may be NULL */
    void *context;
};

/* The records of no trace, in the order in which they came. 0, also when the sink has ended it, or
 * -1: the reader has the sentence. */
int store_export_records(struct store_reader *reader, const struct export_sink *sink);

/* The traces that match: finished ones as they ended, then the running ones. Likewise. */
int store_export_traces(
    struct store_reader *reader, const struct store_filter *filter, const struct export_sink *sink);

/* One trace. Likewise; 1 when there is none of that id. */
int store_export_trace(struct store_reader *reader, uint64_t id, const struct export_sink *sink);

struct export_stream {
    char run[256], peer[128]; /* cut, if they are longer */
    int64_t opened, unit;     /* unit: as in struct batch_stream */
};

/* 0; -1: there is no such stream, or it cannot be read, and all is empty. */
int store_export_stream(struct store_reader *reader, uint32_t id, struct export_stream *stream);

/* For struct records_texts, with the reader as context. */
int store_export_name(void *reader, uint32_t id, const char **text, size_t *length);
int store_export_operation(
    void *reader, uint32_t id, uint32_t *signature, uint32_t *class_signature);

#endif
