/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the forms of an export share: each is a table of functions that are given traces and calls
 * one after the other and write what becomes of them. Memory in proportion to the open calls and to
 * what there are names of, never to the calls.
 */
#ifndef KIEKER_QUERY_EXPORT_H
#define KIEKER_QUERY_EXPORT_H

#include "query/verb.h"
#include "storage/export.h"

struct export;

struct export_form {
    const char *name, *type; /* type: of the content */

    /* All may be NULL. The ints: 0, or -1 after request_refuse. */
    int (*begin)(struct export *export);
    int (*trace_begin)(struct export *export);
    void (*enter)(struct export *export, struct call *call);
    void (*leave)(struct export *export, struct call *call);
    int (*trace_end)(struct export *export);
    int (*end)(struct export *export);
    void (*fini)(struct export *export);
};

struct export
{
    struct request *request;
    struct store_reader *reader;
    struct outlet *outlet;
    FILE *out;
    const struct export_form *form;
    void *state; /* the form's own */
    uint64_t traces;
    /* the trace under way: */
    struct trace_row row;
    struct walk *walk;
    int broken; /* the rest of it cannot be read */
    int failed;
    struct walker walker;
};

/* export_log.c: Kieker logs, whole directories; the verb's `write` for these. */
int export_log(
    struct request *request, struct store_reader *reader, struct outlet *outlet, int binary);

/* Passes a call from `sink` on to the outlet: something is left out. */
void export_lost(struct outlet *outlet, const char *sentence);

/* The traces that the request is about, to the sink. 0, or -1 after request_refuse. */
int export_traces(
    struct request *request, struct store_reader *reader, const struct export_sink *sink);

/* export_text.c: what several forms write. A JSON string, with its quotes, whatever the bytes. */
void export_json(FILE *out, const char *text);

/* "component.operation", or "operation" alone, as a JSON string; and with `;` and line breaks
 * replaced, as it is. */
void export_json_name(FILE *out, struct store_reader *reader, uint32_t operation);
void export_plain_name(FILE *out, struct store_reader *reader, uint32_t operation);

/* ns as a number of us, to the ns. */
void export_us(FILE *out, int64_t ns);

extern const struct export_form export_chrome, export_folded, export_speedscope, export_otlp,
    export_csv;

#endif
