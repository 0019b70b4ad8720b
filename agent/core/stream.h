/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's side of one Kieker stream: registry entries and records, written into a buffer that
 * its owner lends, and the registry of what this stream has announced. It knows no socket. One
 * thread at a time.
 *
 * The records of a trace have an encoder of their own, since it is what the agent's throughput
 * hangs on.
 */
#ifndef KIEKER_AGENT_CORE_STREAM_H
#define KIEKER_AGENT_CORE_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "agent/core/operations.h"
#include "record/types.h"

#define STREAM_BYTES (256u << 10)
#define STREAM_ROOM                                                                                \
    (16u << 10) /* what one call of a stream_put_* can take: its texts and its records */
#define STREAM_TEXT_MAX 8192u /* bytes of one text */
#define STREAM_NO_PARENT UINT32_MAX
#define STREAM_NO_SESSION "<no-session-id>"

enum stream_class {
    STREAM_BEFORE = RECORD_BEFORE_OPERATION,
    STREAM_AFTER = RECORD_AFTER_OPERATION,
    STREAM_FAILED = RECORD_AFTER_OPERATION_FAILED
};

/* What a stream may need the texts of. */
struct stream_source {
    struct operations *operations;
    struct texts *causes;
    const char *host;
};

/* What a record begins with: its class and no logging timestamp, as they are written. */
struct stream_head {
    unsigned char bytes[12];
};

/* Numbers of texts, or of operations -> registry ids. */
struct stream_ids {
    uint32_t *of; /* id + 1; 0: not announced */
    uint32_t capacity;
};

struct stream {
    const struct stream_source *source;
    unsigned char *buffer; /* `used` of STREAM_BYTES; lent */
    size_t used;
    uint64_t records; /* that are in the buffer, TraceMetadata and the like left out */
    uint32_t next_id; /* of the next text that is announced */
    uint32_t classes[RECORD_TYPES]; /* their ids; 0, which is the hello's: not announced */
    struct stream_head heads[RECORD_TYPES];
    uint32_t session, host;
    struct stream_ids names, causes, signatures;
    struct stream_pair {
        uint32_t
            ids[2]; /* of operation and component, as they are written; both 0: not announced */
    } * pairs;
    uint32_t pair_capacity;
    struct texts loose_texts; /* the short ones of loose records */
    struct stream_ids loose, scratch;
};

/* It has no buffer yet. */
void stream_init(struct stream *stream, const struct stream_source *source);
void stream_fini(struct stream *stream);

/* Writes into that buffer from now on, of STREAM_BYTES, in which there is nothing. */
static inline void stream_use(struct stream *stream, unsigned char *buffer)
{
    stream->buffer = buffer;
    stream->used = 0;
    stream->records = 0;
}

/* Begins anew: nothing in the buffer, nothing announced but the metadata. Id 0 is left out: it is
 * the hello's, see preamble.h. */
void stream_restart(struct stream *stream);

#define STREAM_FIRST_ID 1u

/* Whether records of that type are counted: those are not that only tell of a trace, or of the
 * stream. */
static inline int stream_counts(const struct record_type *type)
{
    return type->role != ROLE_TRACE_METADATA && type->role != ROLE_METADATA;
}

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

struct stream_item {
    const unsigned char *end;       /* behind its last byte */
    const struct record_type *type; /* NULL: an entry */
    const unsigned char *fields;    /* of a record */
    int is_counted;                 /* see stream_counts */
};

/* The item at `at`, in bytes that this stream has written since it began. */
void stream_item(const struct stream *stream, const unsigned char *at, struct stream_item *item);

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

/*
 * A whole call, in place of the two events: `order` counts the calls of its trace in order of their
 * beginnings, `depth` those around it. Its operation is named component.operation(), with other
 * characters for those that would be read as something else there.
 */
void stream_put_execution(struct stream *stream, int64_t trace, uint32_t operation, int64_t begun,
    int64_t ended, uint32_t order, uint32_t depth);

#define STREAM_LOOSE_MAX (32u << 10) /* bytes of a loose record's values */

/* What stream_put_loose may take in the buffer. */
static inline size_t stream_loose_room(size_t size)
{
    return 4 * size + 512;
}

/*
 * Any record. `values` are its fields as on the wire, but for strings, which are their length (32
 * bits) and their bytes. `size` of them, in order.
 */
void stream_put_loose(
    struct stream *stream, enum record_id type, const unsigned char *values, size_t size);

/* For the above: the id of a text, announced now. */
uint32_t stream_announce(struct stream *stream, const char *bytes, size_t size);

/* The id that `ids` has for that number, announced with those bytes if it has none yet. */
uint32_t stream_id(
    struct stream *stream, struct stream_ids *ids, uint32_t number, const char *bytes, size_t size);

/* Announces the class of a type. */
void stream_announce_class(struct stream *stream, enum record_id type);

/* The name of an operation as executions have it, into `signature` (STREAM_TEXT_MAX); its size. */
size_t stream_signature(const struct stream *stream, uint32_t operation, char *signature);

/* Writes a record's head, and its class before it if that is new; gives where the fields begin. */
static inline unsigned char *stream_put_head(struct stream *stream, enum record_id type)
{
    unsigned char *at;

    if (__builtin_expect(stream->classes[type] == 0, 0))
        stream_announce_class(stream, type);
    at = stream->buffer + stream->used;
    memcpy(at, &stream->heads[type], sizeof(stream->heads[type]));
    return at + sizeof(stream->heads[type]);
}

#endif
