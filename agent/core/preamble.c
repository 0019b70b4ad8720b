/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/preamble.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/talk.h"
#include "record/wire.h"

#define HEAD 12u /* bytes in front of a text */

/* By id: the text that was announced with it. */
struct announced {
    const char *bytes;
    uint32_t size;
    uint32_t signature; /* the operation + 1 whose signature it is: made when it is written */
};

struct list {
    struct announced *of;
    uint32_t count;
};

static void put(struct list *list, uint32_t id, const char *bytes, size_t size)
{
    if (id < list->count)
        list->of[id] = (struct announced){.bytes = bytes, .size = (uint32_t)size};
}

static void put_all(struct list *list, const struct stream_ids *ids, const struct texts *texts)
{
    for (uint32_t i = 0; i < ids->capacity; i++)
        if (ids->of[i] != 0)
            put(list, ids->of[i] - 1, texts_get(texts, i)->bytes, texts_get(texts, i)->size);
}

static void fill(struct list *list, const struct stream *stream)
{
    const struct stream_ids *signatures = &stream->signatures;

    put_all(list, &stream->names, &stream->source->operations->texts);
    put_all(list, &stream->causes, stream->source->causes);
    put_all(list, &stream->loose, &stream->loose_texts);
    for (uint32_t i = 0; i < signatures->capacity; i++)
        if (signatures->of[i] != 0 && signatures->of[i] <= list->count)
            list->of[signatures->of[i] - 1] = (struct announced){.signature = i + 1};
    for (int i = 0; i < RECORD_TYPES; i++)
        if (stream->classes[i] != 0)
            put(list, stream->classes[i], record_type((enum record_id)i)->name,
                strlen(record_type((enum record_id)i)->name));
    put(list, stream->host, stream->source->host, strlen(stream->source->host));
    put(list, stream->session, STREAM_NO_SESSION, strlen(STREAM_NO_SESSION));
}

/* The bytes of all entries, written at `at` if that is not NULL. */
static size_t write_entries(const struct stream *stream, const struct list *list, unsigned char *at)
{
    char signature[STREAM_TEXT_MAX];
    size_t size = 0;

    for (uint32_t id = STREAM_FIRST_ID; id < list->count; id++) {
        struct announced text = list->of[id];

        if (text.signature != 0) {
            text.bytes = signature;
            text.size = (uint32_t)stream_signature(stream, text.signature - 1, signature);
        }
        if (at != NULL)
            at = wire_put_entry(at, (int32_t)id, text.size > 0 ? text.bytes : "", text.size);
        size += HEAD + text.size;
    }
    return size;
}

static size_t make_hello(
    char *text, const char *hello, const struct preamble_place *place, size_t registry)
{
    char probes[40] = "";

    if (place->session == NULL)
        return (size_t)snprintf(text, TALK_TEXT_MAX, "%s", hello);
    if (place->list != 0)
        snprintf(probes, sizeof(probes), " probes=%" PRIu64, place->list);
    return (size_t)snprintf(text, TALK_TEXT_MAX,
        "%s session=%s position=%" PRIu64 " registry=%zu%s", hello, place->session, place->position,
        registry, probes);
}

unsigned char *preamble_make(const struct stream *stream, const char *hello,
    const struct preamble_place *place, size_t *size)
{
    struct list list = {.count = place->position > 0 ? place->next_id : STREAM_FIRST_ID};
    unsigned char *bytes = NULL, *at;
    char text[TALK_TEXT_MAX];
    size_t registry, length;

    list.of = calloc(list.count, sizeof(*list.of));
    if (list.of == NULL)
        return NULL;
    if (list.count > STREAM_FIRST_ID)
        fill(&list, stream);
    registry = write_entries(stream, &list, NULL);
    length = make_hello(text, hello, place, registry);
    bytes = malloc(HEAD + length + registry);
    if (bytes != NULL) {
        at = wire_put_entry(bytes, 0, text, length);
        write_entries(stream, &list, at);
        *size = HEAD + length + registry;
    }
    free(list.of);
    return bytes;
}
