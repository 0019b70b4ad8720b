/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thread-based events: they name no trace but a thread, and nothing but a ThreadMetaData comes
 * before them. Each root call of a thread is a trace of its own. A thread counts its records on and
 * on, so a trace of it begins at any order index.
 */
#include "analysis/events.h"

#define THREADS_MAX (1u << 16) /* of one stream, whose hosts are remembered */

int feed_thread(struct stream *stream, const struct record *record)
{
    uint64_t thread = (uint64_t)record_i64(record, THREAD_ID);

    if (map_get(&stream->thread_hosts, thread) == MAP_NONE &&
        stream->thread_hosts.count >= THREADS_MAX)
        return 0;
    return map_put(&stream->thread_hosts, thread, field_name(stream, record, THREAD_HOST));
}

static struct open_trace *trace_of(struct assembler *a, struct stream *stream, int64_t thread)
{
    uint32_t slot = map_get(&stream->threads, (uint64_t)thread),
             host = map_get(&stream->thread_hosts, (uint64_t)thread);
    struct open_trace *trace;

    if (slot != MAP_NONE)
        return a->traces.items[slot];
    trace = trace_open(a, stream, (uint64_t)thread, thread, TRACE_OF_THREAD);
    if (trace) {
        trace->row.thread = thread;
        trace->row.host = host == MAP_NONE ? 0 : host;
    }
    return trace;
}

int feed_thread_event(struct assembler *a, struct stream *stream, const struct record *record)
{
    struct open_trace *trace = trace_of(a, stream, record_i64(record, EVENT_TRACE));
    struct event event = {record, 0, 0, EVENT_OPERATION, EVENT_CLASS, EVENT_CAUSE};
    int result;

    if (trace == NULL)
        return -1;
    trace_touch(a, trace);
    event.time = stream_time(stream, record_i64(record, EVENT_TIMESTAMP));
    event.order = record_i32(record, EVENT_ORDER);
    result = event_take(a, stream, trace, &event);
    if (result < 0)
        return -1;
    if (result > 0) /* also if it is flawed: what comes next is another trace */
        return trace_finish(a, trace);
    return chunk_bytes(&trace->chunk) >= CHUNK_FULL ? trace_flush_chunk(a, trace) : 0;
}
