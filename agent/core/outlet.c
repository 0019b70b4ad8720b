/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/outlet.h"

#include <stddef.h>
#include <string.h>

#include "agent/core/clock.h"
#include "agent/core/rings.h"
#include "agent/core/say.h"
#include "agent/core/tracks.h"

#define CONNECTING_NS 5000000u    /* how often an answer to a connection request is looked for */
#define RETRY_FIRST_NS 100000000u /* between connection requests, */
#define RETRY_LAST_NS 1000000000u /* less and less often */

static void on_full(struct track_sink *sink)
{
    outlet_flush((struct outlet *)((char *)sink - offsetof(struct outlet, sink)));
}

int outlet_init(struct outlet *outlet, const char *writer, const char *hello,
    const struct stream_source *source)
{
    outlet->hello = hello;
    outlet->retry_after = RETRY_FIRST_NS;
    outlet->give_up = UINT64_MAX;
    outlet->sink.on_full = on_full;
    outlet->sink.operations = source->operations;
    outlet->sink.tracks = tracks_new();
    if (outlet->sink.tracks == NULL)
        return writer_refuse(&outlet->writer, "out of memory", "");
    if (writer_init(&outlet->writer, writer) != 0)
        return -1;
    return stream_init(&outlet->stream, source) == 0
               ? 0
               : writer_refuse(&outlet->writer, "out of memory", "");
}

void outlet_fini(struct outlet *outlet)
{
    writer_fini(&outlet->writer);
    tracks_free(outlet->sink.tracks);
    stream_fini(&outlet->stream);
}

/* There is no connection, or none any more: it is said once, and again only after there was one. */
static void miss(struct outlet *outlet)
{
    const struct writer *writer = &outlet->writer;

    atomic_store(&rings.connected, -1);
    outlet->retry_at = clock_steady() + outlet->retry_after;
    outlet->retry_after =
        outlet->retry_after * 2 < RETRY_LAST_NS ? outlet->retry_after * 2 : RETRY_LAST_NS;
    if (atomic_exchange(&outlet->complained, 1) == 0)
        say("%s %s (%s): the program runs on, records are dropped until %s", writer->kind->absent,
            writer->name, writer->error, writer->kind->until);
}

static void on_connected(struct outlet *outlet)
{
    const struct writer *writer = &outlet->writer;

    stream_restart(&outlet->stream, outlet->hello);
    outlet->sink.stream = &outlet->stream;
    outlet->sink.connection++;
    outlet->retry_after = RETRY_FIRST_NS;
    atomic_fetch_add(&outlet->connections, 1);
    atomic_store(&rings.connected, 1);
    if (atomic_exchange(&outlet->complained, 0) == 1)
        say("%s %s %s", writer->kind->present, writer->name, writer->kind->back);
}

void outlet_keep_connected(struct outlet *outlet, uint64_t now)
{
    int connected;

    if (outlet->sink.stream != NULL ||
        (outlet->writer.state == WRITER_IDLE && now < outlet->retry_at))
        return;
    connected = writer_connect(&outlet->writer);
    if (connected == 1)
        on_connected(outlet);
    else if (connected < 0)
        miss(outlet);
}

uint64_t outlet_next_attempt(const struct outlet *outlet)
{
    uint64_t now = clock_steady();

    if (outlet->writer.state == WRITER_CONNECTING)
        return CONNECTING_NS;
    if (outlet->writer.state == WRITER_CONNECTED)
        return UINT64_MAX;
    return outlet->retry_at > now ? outlet->retry_at - now : 0;
}

/* The connection broke when `written` bytes of the buffer were out. */
static void lose_connection(struct outlet *outlet, size_t written)
{
    struct stream *stream = &outlet->stream;
    uint64_t lost = stream_records_behind(stream, written);

    outlet->sink.lost += lost;
    atomic_fetch_add(&outlet->sent, stream->records - lost);
    atomic_fetch_add(&outlet->bytes, written);
    stream_taken(stream);
    outlet->sink.stream = NULL;
    writer_drop(&outlet->writer);
    miss(outlet);
}

void outlet_flush(struct outlet *outlet)
{
    struct stream *stream = &outlet->stream;
    char text[TALK_TEXT_MAX + 1];
    size_t written = 0;
    int heard;

    if (outlet->sink.stream == NULL)
        return;
    while ((heard = writer_hear(&outlet->writer, text)) == 1)
        ;
    if (heard != 0 || writer_write(&outlet->writer, stream->buffer, stream->used, &outlet->give_up,
                          &written) != 0) {
        lose_connection(outlet, written);
        return;
    }
    atomic_fetch_add(&outlet->sent, stream->records);
    atomic_fetch_add(&outlet->bytes, stream->used);
    stream_taken(stream);
    outlet->flushed_at = clock_steady();
}

int outlet_put_text(struct outlet *outlet, const char *text)
{
    if (outlet->sink.stream != NULL && !stream_has_room(&outlet->stream))
        outlet_flush(outlet);
    if (outlet->sink.stream == NULL)
        return 0;
    stream_put_text(&outlet->stream, text);
    return 1;
}

void outlet_finish(struct outlet *outlet)
{
    const struct writer *writer = &outlet->writer;

    outlet_flush(outlet);
    if (outlet->sink.stream != NULL &&
        writer_finish(&outlet->writer, atomic_load(&outlet->give_up)) != 0)
        say("%s %s has not taken everything in time", writer->kind->present, writer->name);
    outlet->sink.stream = NULL;
}
