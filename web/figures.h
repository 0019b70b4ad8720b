/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a collector knows of itself, at one moment: filled by the server, shown by /metrics,
 * /api/v1/status and /api/v1/events. A plain value.
 */
#ifndef KIEKER_WEB_FIGURES_H
#define KIEKER_WEB_FIGURES_H

#include <stdint.h>

#define FIGURES_REASONS 16
#define FIGURES_BUCKETS 14 /* the last one takes all beyond the bounds */
#define FIGURES_PROBLEM_MAX 400

struct figures {
    uint64_t bytes, entries, records; /* that came */
    uint64_t connections, connections_total, accept_pauses;
    uint64_t traces_finished, traces_running, calls, failed_calls;
    uint64_t operations, paths, classes;
    uint64_t pending_bytes,
        stream_bytes; /* of the batch under way; of the clients' strings and unfinished items */
    uint64_t paused;  /* 1 while clients are not read because the store is behind */
    uint64_t pauses;
    uint64_t batches, stored_records, queue_batches, queue_bytes, commit_failures, disk_full;
    uint64_t commit_buckets[FIGURES_BUCKETS]; /* commits by how long they took, not added up */
    double commit_seconds;
    uint64_t spans, spans_rejected, span_bytes, span_requests,
        span_requests_refused; /* OpenTelemetry's; the bytes are of those that wait */
    uint64_t http_complaints,
        http_closed; /* failed handshakes and broken requests; see patience.h */
    uint64_t retired_by_age, retired_by_size, retired_records,
        retain_excess;                 /* see store_retired */
    char problem[FIGURES_PROBLEM_MAX]; /* a sentence: why nothing can be stored at the moment;
                                          empty: all is well */
    struct {
        const char *name; /* static; NULL ends the list */
        uint64_t count;
    } lost[FIGURES_REASONS]; /* connections that ended other than by their client closing them, by
                                reason */
};

/* Upper bounds of the commit buckets in seconds. */
extern const double figures_bounds[FIGURES_BUCKETS - 1];

#endif
