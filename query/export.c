/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that is stored, or the traces that match, in forms that other programs read. It is written as
 * it is found. Of a damaged database what can be read goes out, and what cannot is said.
 */
#include "query/export.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query/learn.h"

static const struct export_form *const forms[] = {
    &export_chrome, &export_folded, &export_speedscope, &export_otlp, &export_csv, NULL};

void export_lost(struct outlet *outlet, const char *sentence)
{
    outlet->lost++;
    if (outlet->say)
        outlet->say(outlet->context, sentence);
}

static void on_enter(void *context, struct call *call)
{
    struct export *export = context;

    call->user = NULL;
    if (export->form->enter)
        export->form->enter(export, call);
}

static void on_leave(void *context, struct call *call)
{
    struct export *export = context;

    if (export->form->leave)
        export->form->leave(export, call);
}

static int fail(struct export *export)
{
    request_refuse(export->request, 500, "memory is short");
    export->failed = 1;
    return -1;
}

static int on_trace(void *context, const struct trace_row *row)
{
    struct export *export = context;

    export->row = *row;
    export->broken = 0;
    export->walk = walk_new(&row->trace, &export->walker);
    if (export->walk == NULL)
        return fail(export);
    export->traces++;
    if (export->form->trace_begin && export->form->trace_begin(export) < 0)
        export->failed = 1;
    return export->failed ? -1 : 0;
}

/* What follows in the trace cannot be made calls of. */
static void break_off(struct export *export, const char *why)
{
    char sentence[300];

    snprintf(sentence, sizeof(sentence), "the calls of trace %" PRIu64 " end early: %s",
        export->row.trace.id, why);
    export_lost(export->outlet, sentence);
    export->broken = 1;
}

static int on_chunk(void *context, const struct chunk_view *chunk)
{
    struct export *export = context;

    if (!export->broken && walk_feed(export->walk, chunk) < 0)
        break_off(export, walk_error(export->walk));
    return export->failed || ferror(export->out) ? -1 : 0;
}

static int on_gap(void *context, uint64_t events)
{
    struct export *export = context;

    (void)events;
    if (!export->broken)
        break_off(export, "what follows cannot be told without the records that are lost");
    return 0;
}

static int on_trace_end(void *context)
{
    struct export *export = context;

    if (export->broken)
        walk_give_up(export->walk);
    else if (walk_end(export->walk) < 0)
        break_off(export, walk_error(export->walk));
    walk_free(export->walk);
    export->walk = NULL;
    if (!export->failed && export->form->trace_end && export->form->trace_end(export) < 0)
        export->failed = 1;
    return export->failed || ferror(export->out) ? -1 : 0;
}

static void on_lost(void *context, const char *sentence, uint64_t traces)
{
    struct export *export = context;

    export->outlet->lost_traces += traces;
    export_lost(export->outlet, sentence);
}

static void on_progress(void *context, uint64_t traces)
{
    struct export *export = context;

    if (export->outlet->progress)
        export->outlet->progress(export->outlet->context, traces);
}

int export_traces(
    struct request *request, struct store_reader *reader, const struct export_sink *sink)
{
    struct store_filter filter = request_filter(request);
    uint64_t id = (uint64_t)request_number(request, PARAM_ID, 0);
    int got =
        id != 0 ? store_export_trace(reader, id, sink) : store_export_traces(reader, &filter, sink);

    if (got < 0)
        request_refuse(request, 500, "%s", store_reader_error(reader));
    if (got > 0)
        request_refuse(
            request, 404, "There is no trace %" PRIu64 ". `traces` lists those there are", id);
    return request->status == 0 ? 0 : -1;
}

static int write_form(struct request *request, struct store_reader *reader, struct outlet *outlet,
    const struct export_form *form)
{
    struct export export = {.request = request,
        .reader = reader,
        .outlet = outlet,
        .out = outlet->out,
        .form = form,
        .walker = {on_enter, on_leave, &export}};
    const struct export_sink sink = {.on_trace = on_trace,
        .on_chunk = on_chunk,
        .on_gap = on_gap,
        .on_trace_end = on_trace_end,
        .on_lost = on_lost,
        .on_progress = on_progress,
        .context = &export};

    if ((form->begin == NULL || form->begin(&export) == 0) &&
        export_traces(request, reader, &sink) == 0 && !export.failed && !ferror(export.out) &&
        form->end)
        form->end(&export);
    walk_free(export.walk);
    if (form->fini)
        form->fini(&export);
    outlet->traces = export.traces;
    if (export.failed)
        request_refuse(request, 500, "memory is short");
    return request->status == 0 ? 0 : -1;
}

static const struct export_form *find_form(const char *name)
{
    for (size_t i = 0; forms[i] != NULL; i++)
        if (strcmp(forms[i]->name, name) == 0)
            return forms[i];
    return NULL;
}

static int write_export(struct request *request, struct store_reader *reader, struct outlet *outlet)
{
    const char *to = request_text(request, PARAM_TO);
    const struct export_form *form = find_form(to);

    if (learn_records(request) < 0)
        return -1;
    outlet->type = form ? form->type : NULL;
    if (form == NULL && outlet->directory == NULL) {
        request_refuse(request, 400,
            "A Kieker log is a directory: kieker-query export --to %s --database FILE writes one; "
            "from a server there are chrome, folded, speedscope, otlp-json and csv",
            to);
        return -1;
    }
    if (form && request_has(request, PARAM_COMPRESS)) {
        request_refuse(
            request, 400, "compress is for Kieker logs: let gzip take what --to %s gives", to);
        return -1;
    }
    return form ? write_form(request, reader, outlet, form)
                : export_log(request, reader, outlet, strcmp(to, "kieker-binary") == 0);
}

const struct verb verb_export = {
    .name = "export",
    .doc = "traces, or all that is stored, in a form that other programs read",
    .noun = "traces",
    .takes = PARAM_BIT(PARAM_ID) | PARAM_BIT(PARAM_TO) | PARAM_BIT(PARAM_OUT) |
             PARAM_BIT(PARAM_COMPRESS) | PARAM_BIT(PARAM_RECORDS) | PARAM_BIT(PARAM_RUN) |
             PARAM_BIT(PARAM_HOST) | PARAM_BIT(PARAM_SINCE) | PARAM_BIT(PARAM_UNTIL) |
             PARAM_BIT(PARAM_OP) | PARAM_BIT(PARAM_ROOT) | PARAM_BIT(PARAM_COMPONENT) |
             PARAM_BIT(PARAM_MIN) | PARAM_BIT(PARAM_MAX) | PARAM_BIT(PARAM_MIN_CALLS) |
             PARAM_BIT(PARAM_FAILED) | PARAM_BIT(PARAM_STATE) | PARAM_BIT(PARAM_INCOMPLETE) |
             PARAM_BIT(PARAM_ROOTS) | PARAM_BIT(PARAM_CLASS),
    .needs = PARAM_BIT(PARAM_TO),
    .here = PARAM_BIT(PARAM_OUT) | PARAM_BIT(PARAM_COMPRESS) | PARAM_BIT(PARAM_RECORDS),
    .argument = PARAM_ID,
    .write = write_export,
};
