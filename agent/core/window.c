/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/window.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#include "record/bytes.h"
#include "record/record.h"

static struct window_segment *segment_of(const struct window *window, unsigned i)
{
    return (struct window_segment *)&window->segments[(window->first + i) % WINDOW_SEGMENTS];
}

static struct window_segment *last_of(const struct window *window)
{
    return segment_of(window, window->count - 1);
}

/* What the stream has written into its segment since it was looked at last. */
static size_t used_of(const struct window *window, unsigned i)
{
    return i == window->count - 1 ? window->stream->used : segment_of(window, i)->used;
}

static unsigned char *take_bytes(struct window *window)
{
    /* Little is written to the first one in many a process. All of the others is, and page by page
     * that would cost more. */
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | (window->count > 0 ? MAP_POPULATE : 0);
    void *bytes;

    if (window->idle_count > 0) {
        bytes = window->idle[--window->idle_count];
        if (window->idle_count < window->idle_least)
            window->idle_least = window->idle_count;
        return bytes;
    }
    bytes = mmap(NULL, STREAM_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0);
    return bytes != MAP_FAILED ? bytes : NULL;
}

/* The stream goes on in those bytes. */
static void append(struct window *window, unsigned char *bytes, uint64_t begin, uint32_t first_id)
{
    window->count++;
    *last_of(window) =
        (struct window_segment){.bytes = bytes, .begin = begin, .first_id = first_id};
    stream_use(window->stream, bytes);
}

static void remove_first(struct window *window)
{
    window->idle[window->idle_count++] = segment_of(window, 0)->bytes;
    window->first = (window->first + 1) % WINDOW_SEGMENTS;
    window->count--;
}

int window_init(struct window *window, struct stream *stream)
{
    memset(window, 0, sizeof(*window));
    window->stream = stream;
    window->idle[0] = take_bytes(window);
    if (window->idle[0] == NULL)
        return -1;
    window->idle_count = 1;
    window_begin(window);
    return 0;
}

void window_fini(struct window *window)
{
    while (window->count > 0)
        remove_first(window);
    while (window->idle_count > 0)
        munmap(window->idle[--window->idle_count], STREAM_BYTES);
}

void window_begin(struct window *window)
{
    while (window->count > 0)
        remove_first(window);
    window->stored = window->written = window->written_most = 0;
    append(window, take_bytes(window), 0, STREAM_FIRST_ID);
}

uint64_t window_end(const struct window *window)
{
    return last_of(window)->begin + window->stream->used;
}

int window_next(struct window *window)
{
    struct window_segment *last = last_of(window);
    unsigned char *bytes = window->count < WINDOW_SEGMENTS ? take_bytes(window) : NULL;

    if (bytes == NULL)
        return 0;
    last->used = window->stream->used;
    last->records = window->stream->records;
    append(window, bytes, last->begin + last->used, window->stream->next_id);
    return 1;
}

/* The segment in which that position lies; the last one, if it is the end. */
static unsigned find(const struct window *window, uint64_t position)
{
    unsigned low = 0, high = window->count - 1;

    while (low < high) {
        unsigned middle = (low + high + 1) / 2;

        if (segment_of(window, middle)->begin <= position)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

int window_unwritten(const struct window *window, const unsigned char **bytes, size_t *size)
{
    unsigned i = find(window, window->written);
    const struct window_segment *segment = segment_of(window, i);
    size_t at = (size_t)(window->written - segment->begin);

    *bytes = segment->bytes + at;
    *size = used_of(window, i) - at;
    return *size > 0;
}

void window_wrote(struct window *window, size_t size)
{
    unsigned i = find(window, window->written);
    struct window_segment *segment = segment_of(window, i);
    uint64_t records = i == window->count - 1 ? window->stream->records : segment->records;

    window->written += size;
    if (window->written > window->written_most) {
        window->bytes += window->written - window->written_most;
        window->written_most = window->written;
    }
    if (window->written == segment->begin + used_of(window, i)) {
        window->sent += records - segment->counted;
        segment->counted = records;
    }
}

void window_release(struct window *window, uint64_t position)
{
    /* After a rewind the peer may have more than has been written again: bytes that it has been
     * promised. */
    uint64_t until = position < window->written ? position : window->written;
    struct window_segment *last;

    if (position > window->written_most || position < window->stored)
        return;
    window->stored = position;
    while (window->count > 1 && segment_of(window, 1)->begin <= until)
        remove_first(window);
    last = last_of(window);
    if (position != window_end(window) || window->written != position || window->stream->used == 0)
        return;
    last->begin = position;
    last->counted = 0;
    last->first_id = window->stream->next_id;
    stream_taken(window->stream);
}

void window_rewind(struct window *window, struct preamble_place *place)
{
    const struct window_segment *first = segment_of(window, 0);
    const unsigned char *at = first->bytes, *end = at + used_of(window, 0),
                        *stored = at + (window->stored - first->begin);
    uint32_t next_id = first->first_id;
    struct stream_item item;

    place->position = first->begin;
    place->next_id = next_id;
    for (; at < end; at = item.end) {
        stream_item(window->stream, at, &item);
        if (item.end > stored)
            break;
        if (item.type == NULL) {
            if (bytes_get32(at + 4) >= next_id)
                next_id = bytes_get32(at + 4) + 1;
            continue;
        }
        place->position = first->begin + (uint64_t)(item.end - first->bytes);
        place->next_id = next_id;
    }
    window->written = place->position;
}

static void note_first(struct map *first, const struct stream_item *item)
{
    struct record record = {.type = item->type, .fields = item->fields};
    uint64_t trace;

    if (first == NULL || item->type->role != ROLE_BEFORE)
        return;
    trace = (uint64_t)record_i64(&record, EVENT_TRACE);
    if (map_get(first, trace) == MAP_NONE)
        map_put(first, trace, (uint32_t)record_i32(&record, EVENT_ORDER));
}

uint64_t window_records_behind(const struct window *window, uint64_t position, struct map *first)
{
    uint64_t records = 0;

    for (unsigned i = find(window, position); i < window->count; i++) {
        const struct window_segment *segment = segment_of(window, i);
        const unsigned char *at = segment->bytes, *end = at + used_of(window, i);
        struct stream_item item;

        for (; at < end; at = item.end) {
            stream_item(window->stream, at, &item);
            if (segment->begin + (uint64_t)(item.end - segment->bytes) <= position ||
                item.type == NULL || !item.is_counted)
                continue;
            records++;
            note_first(first, &item);
        }
    }
    return records;
}

uint64_t window_drop(struct window *window, uint64_t position)
{
    uint64_t behind = window_records_behind(window, position, NULL), all = 0, counted = 0;

    for (unsigned i = 0; i < window->count; i++) {
        all += i == window->count - 1 ? window->stream->records : segment_of(window, i)->records;
        counted += segment_of(window, i)->counted;
    }
    window->sent += all - behind - counted;
    window_begin(window);
    return behind;
}

void window_trim(struct window *window)
{
    while (window->idle_least > 0) {
        window->idle_least--;
        munmap(window->idle[--window->idle_count], STREAM_BYTES);
    }
    window->idle_least = window->idle_count;
}
