/* SPDX-License-Identifier: Apache-2.0 */
/* A line a call, written when it ends: callees first. As in RFC 4180, but lines end as they do
 * here. */
#include "query/export.h"

#include <inttypes.h>

#include "query/form.h"

static int begin(struct export *export)
{
    fputs("trace,call,parent,depth,run,host,thread,component,operation,start_at,duration_ns,self_"
          "ns,calls,failed,open,cause\n",
        export->out);
    return 0;
}

static void put(FILE *out, const char *text)
{
    putc(',', out);
    form_put_field(out, text);
}

static void leave(struct export *export, struct call *call)
{
    const struct trace_row *row = &export->row;
    const char *name = "", *component = "";
    FILE *out = export->out;

    (void)store_operation(export->reader, call->operation, &name, &component);
    fprintf(out, "%" PRIu64 ",%" PRIu64 ",", row->trace.id, call->position);
    if (call->parent != CALL_NO_PARENT)
        fprintf(out, "%" PRIu64, call->parent);
    fprintf(out, ",%" PRIu32, call->depth);
    put(out, row->run);
    put(out, store_name(export->reader, call->host));
    fprintf(out, ",%" PRId64, row->trace.thread);
    put(out, component);
    put(out, name);
    fprintf(out, ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRIu64 ",%d,%d", call->start,
        call->duration, call->self, call->calls, call->failed != 0, call->open != 0);
    put(out, call->failed ? store_name(export->reader, call->cause) : "");
    putc('\n', out);
}

const struct export_form export_csv = {
    "csv", "text/csv; charset=utf-8", begin, NULL, NULL, leave, NULL, NULL, NULL};
