/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/chunk.h"

#include "record/record.h"

#include <string.h>

#define EXTRA_BITS 2
#define EXECUTION_ROOM (6 * VARINT_MAX)

void chunk_begin(struct chunk *chunk, int64_t base)
{
    for (int i = 0; i < CHUNK_PARTS; i++)
        chunk->parts[i].size = 0;
    chunk->events = 0;
    chunk->base = chunk->time = base;
    chunk->lag = 0;
    chunk->extra_at = 0;
}

void chunk_fini(struct chunk *chunk)
{
    for (int i = 0; i < CHUNK_PARTS; i++)
        buffer_fini(&chunk->parts[i]);
}

/* The first logging timestamp of a chunk: the records before it have none. */
static int begin_logged(struct chunk *chunk)
{
    struct buffer *out = &chunk->parts[CHUNK_LOGGED];

    if (buffer_reserve(out, chunk->events) < 0)
        return -1;
    if (chunk->events > 0)
        memset(out->bytes, 0, chunk->events);
    out->size = chunk->events;
    return 0;
}

static int put_logged(struct chunk *chunk, int64_t time, int64_t logged)
{
    struct buffer *out = &chunk->parts[CHUNK_LOGGED];
    int64_t lag;

    if (out->size == 0) {
        if (logged == RECORD_NOT_LOGGED)
            return 0;
        if (begin_logged(chunk) < 0)
            return -1;
    }
    if (buffer_reserve(out, VARINT_MAX) < 0)
        return -1;
    if (logged == RECORD_NOT_LOGGED) {
        buffer_put(out, 0);
        return 0;
    }
    lag = (int64_t)((uint64_t)logged - (uint64_t)time);
    buffer_put(out, 1 + zigzag((int64_t)((uint64_t)lag - (uint64_t)chunk->lag)));
    chunk->lag = lag;
    return 0;
}

static int reserve(struct chunk *chunk, size_t structure, size_t times)
{
    return buffer_reserve(&chunk->parts[CHUNK_STRUCTURE], structure) < 0 ||
                   buffer_reserve(&chunk->parts[CHUNK_TIMES], times) < 0
               ? -1
               : 0;
}

static void put_time(struct chunk *chunk, int64_t time)
{
    buffer_put(
        &chunk->parts[CHUNK_TIMES], zigzag((int64_t)((uint64_t)time - (uint64_t)chunk->time)));
    chunk->time = time;
}

int chunk_put_slow(
    struct chunk *chunk, enum step_kind kind, uint64_t argument, int64_t time, int64_t logged)
{
    if (reserve(chunk, VARINT_MAX, VARINT_MAX) < 0)
        return -1;
    if ((logged != RECORD_NOT_LOGGED || chunk->parts[CHUNK_LOGGED].size > 0) &&
        put_logged(chunk, time, logged) < 0)
        return -1;
    buffer_put(&chunk->parts[CHUNK_STRUCTURE], argument << CHUNK_KIND_BITS | kind);
    put_time(chunk, time);
    chunk->events++;
    return 0;
}

int chunk_put_execution(struct chunk *chunk, const struct execution *execution, int64_t logged)
{
    struct buffer *out = &chunk->parts[CHUNK_STRUCTURE];

    if (reserve(chunk, EXECUTION_ROOM, 2 * VARINT_MAX) < 0 ||
        put_logged(chunk, execution->tin, logged) < 0)
        return -1;
    buffer_put(out, (uint64_t)execution->operation << CHUNK_KIND_BITS | STEP_EXECUTION);
    buffer_put(out, execution->host);
    buffer_put(out, zigzag(execution->eoi));
    buffer_put(out, zigzag(execution->ess));
    buffer_put(out, execution->session);
    put_time(chunk, execution->tin);
    buffer_put(&chunk->parts[CHUNK_TIMES],
        zigzag((int64_t)((uint64_t)execution->tout - (uint64_t)execution->tin)));
    chunk->events++;
    return 0;
}

int execution_by_order(const void *a, const void *b)
{
    const struct execution *x = a, *y = b;

    if (x->eoi != y->eoi)
        return x->eoi < y->eoi ? -1 : 1;
    return (x->ess > y->ess) - (x->ess < y->ess);
}

int chunk_put_close(struct chunk *chunk, uint64_t count, int64_t time)
{
    if (reserve(chunk, VARINT_MAX, VARINT_MAX) < 0)
        return -1;
    buffer_put(&chunk->parts[CHUNK_STRUCTURE], count << CHUNK_KIND_BITS | STEP_CLOSE);
    put_time(chunk, time);
    return 0;
}

int chunk_put_more(struct chunk *chunk, uint64_t more)
{
    if (buffer_reserve(&chunk->parts[CHUNK_STRUCTURE], VARINT_MAX) < 0)
        return -1;
    buffer_put(&chunk->parts[CHUNK_STRUCTURE], more);
    return 0;
}

int chunk_put_extra(struct chunk *chunk, enum chunk_extra kind)
{
    struct buffer *out = &chunk->parts[CHUNK_EXTRAS];

    if (buffer_reserve(out, VARINT_MAX) < 0)
        return -1;
    buffer_put(out, (chunk->events - 1 - chunk->extra_at) << EXTRA_BITS | kind);
    chunk->extra_at = chunk->events - 1;
    return 0;
}

int chunk_put_ahead(struct chunk *chunk, enum chunk_extra kind)
{
    struct buffer *out = &chunk->parts[CHUNK_EXTRAS];

    if (buffer_reserve(out, VARINT_MAX) < 0)
        return -1;
    buffer_put(out, (chunk->events - chunk->extra_at) << EXTRA_BITS | kind);
    chunk->extra_at = chunk->events;
    return 0;
}

void chunk_base(struct chunk *chunk, int64_t base)
{
    chunk->base = chunk->time = base;
}

static int64_t forward(int64_t time, uint64_t distance)
{
    return (int64_t)((uint64_t)time + (uint64_t)unzigzag(distance));
}

int chunk_rebase(struct chunk *chunk, int64_t base)
{
    struct buffer *times = &chunk->parts[CHUNK_TIMES];
    struct reader old = {times->bytes, times->bytes + times->size, 0};
    unsigned char first[VARINT_MAX];
    int64_t time;
    size_t before, now;

    if (times->size == 0 || base == chunk->base)
        return 0;
    time = forward(chunk->base, reader_varint(&old));
    before = (size_t)(old.at - times->bytes);
    now = (size_t)(varint_put(first, zigzag((int64_t)((uint64_t)time - (uint64_t)base))) - first);
    if (buffer_reserve(times, VARINT_MAX) < 0)
        return -1;
    memmove(times->bytes + now, times->bytes + before, times->size - before);
    memcpy(times->bytes, first, now);
    times->size += now - before;
    chunk->base = base;
    return 0;
}

void chunk_read(struct chunk_reader *reader, const struct chunk_view *view)
{
    const unsigned char *structure = view->parts[CHUNK_STRUCTURE].bytes,
                        *times = view->parts[CHUNK_TIMES].bytes;

    reader->structure =
        (struct reader){structure, structure + view->parts[CHUNK_STRUCTURE].size, 0};
    reader->times = (struct reader){times, times + view->parts[CHUNK_TIMES].size, 0};
    reader->time = view->base;
}

int chunk_next(struct chunk_reader *reader, struct step *step)
{
    struct reader *structure = &reader->structure;
    uint64_t head;

    if (structure->at == structure->end)
        return structure->bad ? -1 : 0;
    head = reader_varint(structure);
    step->kind = (enum step_kind)(head & ((1 << CHUNK_KIND_BITS) - 1));
    step->argument = head >> CHUNK_KIND_BITS;
    step->time = reader->time = forward(reader->time, reader_varint(&reader->times));
    if (reader->times.bad)
        return -1;
    if (step->kind == STEP_CALL || step->kind == STEP_BEGIN)
        step->more = reader_varint(structure);
    if (step->kind == STEP_EXECUTION) {
        step->execution.operation = (uint32_t)step->argument;
        step->execution.host = (uint32_t)reader_varint(structure);
        step->execution.eoi = (int32_t)unzigzag(reader_varint(structure));
        step->execution.ess = (int32_t)unzigzag(reader_varint(structure));
        step->execution.session = (uint32_t)reader_varint(structure);
        step->execution.tin = step->time;
        step->execution.tout = forward(step->time, reader_varint(&reader->times));
    }
    return structure->bad || reader->times.bad ? -1 : 1;
}
