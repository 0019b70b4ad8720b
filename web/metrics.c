/* SPDX-License-Identifier: Apache-2.0 */
#include "web/metrics.h"

#include "config.h"

#include <dirent.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "web/private.h"

const double figures_bounds[FIGURES_BUCKETS - 1] = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

enum metric_type { COUNTER, GAUGE };

static const struct metric {
    const char *name;
    enum metric_type type;
    size_t offset; /* in struct figures: a uint64_t */
    const char *doc;
} metrics[] = {
    {"bytes_total", COUNTER, offsetof(struct figures, bytes), "Bytes that clients have sent"},
    {"registry_entries_total", COUNTER, offsetof(struct figures, entries),
        "Strings that clients have announced"},
    {"records_total", COUNTER, offsetof(struct figures, records), "Records that clients have sent"},
    {"stored_records_total", COUNTER, offsetof(struct figures, stored_records),
        "Records that are committed to the database"},
    {"connections", GAUGE, offsetof(struct figures, connections), "Clients that are connected"},
    {"connections_total", COUNTER, offsetof(struct figures, connections_total),
        "Clients that have connected"},
    {"accept_pauses_total", COUNTER, offsetof(struct figures, accept_pauses),
        "Times that no further client could be accepted: as many as allowed, or no descriptors"},
    {"traces_finished_total", COUNTER, offsetof(struct figures, traces_finished),
        "Traces that have ended"},
    {"traces_running", GAUGE, offsetof(struct figures, traces_running), "Traces that are open"},
    {"calls_total", COUNTER, offsetof(struct figures, calls), "Calls that have ended"},
    {"failed_calls_total", COUNTER, offsetof(struct figures, failed_calls),
        "Calls that have ended by an exception"},
    {"operations", GAUGE, offsetof(struct figures, operations), "Operations that are known"},
    {"paths", GAUGE, offsetof(struct figures, paths), "Nodes of the aggregated call tree"},
    {"trace_classes", GAUGE, offsetof(struct figures, classes), "Trace classes that are known"},
    {"batch_bytes", GAUGE, offsetof(struct figures, pending_bytes),
        "Memory of the batch that is being filled"},
    {"stream_bytes", GAUGE, offsetof(struct figures, stream_bytes),
        "Memory of the clients' strings and unfinished items"},
    {"batches_total", COUNTER, offsetof(struct figures, batches), "Batches that are committed"},
    {"queue_batches", GAUGE, offsetof(struct figures, queue_batches),
        "Batches that wait for the database"},
    {"queue_bytes", GAUGE, offsetof(struct figures, queue_bytes),
        "Memory of the batches that wait for the database"},
    {"commit_failures_total", COUNTER, offsetof(struct figures, commit_failures),
        "Commits that failed and were tried again"},
    {"disk_full", GAUGE, offsetof(struct figures, disk_full),
        "1 while nothing can be stored for want of disk space"},
    {"retired_records_total", COUNTER, offsetof(struct figures, retired_records),
        "Records of no trace that were let go for their age or for the size of the database"},
    {"retain_excess_bytes", GAUGE, offsetof(struct figures, retain_excess),
        "Bytes beyond --retain-size because nothing that has ended is left to let go"},
    {"spans_total", COUNTER, offsetof(struct figures, spans), "Spans that OpenTelemetry has sent"},
    {"spans_rejected_total", COUNTER, offsetof(struct figures, spans_rejected),
        "Spans that were not taken since they have no id, or belong to no trace"},
    {"spans_waiting_bytes", GAUGE, offsetof(struct figures, span_bytes),
        "Memory of the spans that wait for their trace to be whole"},
    {"span_requests_total", COUNTER, offsetof(struct figures, span_requests),
        "Requests with spans that were taken"},
    {"span_requests_refused_total", COUNTER, offsetof(struct figures, span_requests_refused),
        "Requests with spans that were refused: unreadable, too large, or too much waits"},
    {"http_errors_total", COUNTER, offsetof(struct figures, http_complaints),
        "HTTP connections that failed: TLS that could not be agreed upon, requests that are none"},
    {"http_closed_total", COUNTER, offsetof(struct figures, http_closed),
        "HTTP connections that were closed since no whole request came within "
        "--http-request-timeout, or to make room"},
    {"reading_paused", GAUGE, offsetof(struct figures, paused),
        "1 while clients are not read because the database is behind"},
    {"reading_pauses_total", COUNTER, offsetof(struct figures, pauses),
        "Times that clients were not read because the database was behind"},
};

static void put_head(FILE *out, const char *name, const char *type, const char *doc)
{
    fprintf(out, "# HELP kieker_%s %s\n# TYPE kieker_%s %s\n", name, doc, name, type);
}

static void put_commits(FILE *out, const struct figures *figures)
{
    uint64_t count = 0;

    put_head(out, "commit_seconds", "histogram", "How long commits took");
    for (unsigned i = 0; i < FIGURES_BUCKETS; i++) {
        count += figures->commit_buckets[i];
        if (i < FIGURES_BUCKETS - 1)
            fprintf(out, "kieker_commit_seconds_bucket{le=\"%g\"} %" PRIu64 "\n", figures_bounds[i],
                count);
    }
    fprintf(out, "kieker_commit_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", count);
    fprintf(out, "kieker_commit_seconds_sum %.9f\nkieker_commit_seconds_count %" PRIu64 "\n",
        figures->commit_seconds, count);
}

static void put_lost(FILE *out, const struct figures *figures)
{
    put_head(out, "connections_lost_total", "counter",
        "Connections that ended other than by their client closing them, by reason");
    for (unsigned i = 0; i < FIGURES_REASONS && figures->lost[i].name; i++)
        fprintf(out, "kieker_connections_lost_total{reason=\"%s\"} %" PRIu64 "\n",
            figures->lost[i].name, figures->lost[i].count);
}

static void put_retired(FILE *out, const struct figures *figures)
{
    put_head(out, "retired_traces_total", "counter",
        "Traces that were let go, for their age (--retain-age) or for the size of the database "
        "(--retain-size)");
    fprintf(out,
        "kieker_retired_traces_total{reason=\"age\"} %" PRIu64 "\n"
        "kieker_retired_traces_total{reason=\"size\"} %" PRIu64 "\n",
        figures->retired_by_age, figures->retired_by_size);
}

/* Named as Prometheus's own client libraries do, so that dashboards made for these fit. */
static void put_process(FILE *out)
{
    struct rusage usage;
    unsigned long resident = 0, open_files = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    DIR *files = opendir("/proc/self/fd");

    if (statm && fscanf(statm, "%*u %lu", &resident) == 1)
        fprintf(out,
            "# HELP process_resident_memory_bytes Resident memory size in bytes.\n"
            "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %lu\n",
            resident * (unsigned long)sysconf(_SC_PAGESIZE));
    if (statm)
        fclose(statm);
    if (files) {
        while (readdir(files))
            open_files++;
        closedir(files);
        fprintf(out,
            "# HELP process_open_fds Number of open file descriptors.\n"
            "# TYPE process_open_fds gauge\nprocess_open_fds %lu\n",
            open_files > 3 ? open_files - 3 : 0); /* ".", "..", and the one of this look */
    }
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        fprintf(out,
            "# HELP process_cpu_seconds_total Total user and system CPU time spent in seconds.\n"
            "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total %.6f\n",
            (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
}

char *metrics_text(const struct figures *figures, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    int failed;

    if (out == NULL)
        return NULL;
    put_head(out, "build_info", "gauge", "The version, as a label");
    fprintf(out, "kieker_build_info{version=\"%s\"} 1\n", PACKAGE_VERSION);
    for (size_t i = 0; i < sizeof(metrics) / sizeof(*metrics); i++) {
        put_head(
            out, metrics[i].name, metrics[i].type == COUNTER ? "counter" : "gauge", metrics[i].doc);
        fprintf(out, "kieker_%s %" PRIu64 "\n", metrics[i].name,
            *(const uint64_t *)(const void *)((const char *)figures + metrics[i].offset));
    }
    put_lost(out, figures);
    put_retired(out, figures);
    put_commits(out, figures);
    put_process(out);
    failed = ferror(out); /* which closing need not tell of */
    if (fclose(out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}

void metrics_handle(struct exchange *x)
{
    struct figures figures;
    size_t size = 0;
    char *text;

    x->web->config.figures(x->web->config.context, &figures);
    figures.http_closed = patience_closed(x->web->patience);
    text = metrics_text(&figures, &size);
    exchange_give(x, "text/plain; version=0.0.4; charset=utf-8", text, size);
}
