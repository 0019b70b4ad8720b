/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's side of one Kieker stream: a buffer of registry entries and records, and the registry
 * of what this stream has announced. It knows no socket: whoever owns it takes the bytes out. One
 * thread at a time.
 *
 * The records of a trace have an encoder of their own, since it is what the agent's throughput
 * hangs on.
 */
#ifndef KIEKER_AGENT_CORE_STREAM_H
#define KIEKER_AGENT_CORE_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "agent/core/operations.h"

#define STREAM_BYTES (256u << 10)
#define STREAM_ROOM                                                                                \
    (16u << 10) /* what one call of a stream_put_* can take: its texts and its records */
#define STREAM_TEXT_MAX 4096u /* bytes of one text */
#define STREAM_NO_PARENT UINT32_MAX
#define STREAM_NO_SESSION "<no-session-id>"

enum stream_class {
    STREAM_TRACE,
    STREAM_BEFORE,
    STREAM_AFTER,
    STREAM_FAILED,
    STREAM_METADATA,
    STREAM_SPLIT,
    STREAM_CLASSES
};

/* What a stream may need the texts of. */
struct stream_source {
    struct operations *operations;
    struct texts *causes;
    const char *host;
};

struct stream {
    const struct stream_source *source;
    unsigned char *buffer; /* `used` of STREAM_BYTES */
    size_t used;
    uint64_t records; /* that are in the buffer, TraceMetadata and the like left out */
    uint32_t next_id;
    uint32_t classes[STREAM_CLASSES];
    uint32_t session, host;
    struct stream_ids {
        uint32_t *of; /* a text's registry id + 1; 0: not announced */
        uint32_t capacity;
    } names, causes;
    struct stream_pair {
        uint32_t
            ids[2]; /* of operation and component, as they are written; both 0: not announced */
    } * pairs;
    uint32_t pair_capacity;
};

/* 0, or -1 when memory is short. stream_fini in either case. */
int stream_init(struct stream *stream, const struct stream_source *source);
void stream_fini(struct stream *stream);

/* Begins anew, as on a new connection: nothing in the buffer, nothing announced but `hello`, the
 * metadata and the classes. */
void stream_restart(struct stream *stream, const char *hello);

/* Whether everything that one stream_put_* writes still fits. */
static inline int stream_has_room(const struct stream *stream)
{
    return stream->used <= STREAM_BYTES - STREAM_ROOM;
}

/* The owner has taken the buffer's bytes. */
static inline void stream_taken(struct stream *stream)
{
    stream->used = 0;
    stream->records = 0;
}

/* How many of the records in the buffer do not lie before that byte. */
uint64_t stream_records_behind(const struct stream *stream, size_t byte);

/* Announces a text that no record refers to. */
void stream_put_text(struct stream *stream, const char *text);

/* Announces a trace, and the event of another one (see stream_put_split) from which it goes on; its
 * own number and STREAM_NO_PARENT if it is nobody's. */
void stream_put_trace(struct stream *stream, int64_t trace, int64_t thread, int64_t parent_trace,
    uint32_t parent_order);

/* At this place of its trace another thread or task was started, whose trace names it as parent. */
void stream_put_split(struct stream *stream, int64_t at, int64_t trace, uint32_t order);

/* The beginning (STREAM_BEFORE), the end (STREAM_AFTER) or the end by an exception (STREAM_FAILED:
 * `cause`) of a call. */
void stream_put_event(struct stream *stream, enum stream_class class, int64_t at, int64_t trace,
    uint32_t order, uint32_t operation, uint32_t cause);

#endif
