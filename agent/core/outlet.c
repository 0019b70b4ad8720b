/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/outlet.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "agent/core/clock.h"
#include "agent/core/drain.h"
#include "agent/core/rings.h"
#include "agent/core/say.h"
#include "agent/core/tracks.h"

#define CONNECTING_NS 5000000u    /* how often answers to connection requests are looked for */
#define RETRY_FIRST_NS 100000000u /* the first pause between requests; the longest: outlet.h */
#define TRIM_NS 1000000000u /* how long memory of the window is idle before it is given back */
#define STEP_MS 50u

static void on_full(struct track_sink *sink)
{
    struct outlet *outlet = (struct outlet *)((char *)sink - offsetof(struct outlet, sink));

    outlet_flush(outlet);
    if (sink->stream != NULL)
        outlet_make_room(outlet);
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
    stream_init(&outlet->stream, source);
    if (outlet->sink.tracks == NULL || window_init(&outlet->window, &outlet->stream) != 0)
        return writer_refuse(&outlet->writer, "out of memory", "");
    return writer_init(&outlet->writer, writer);
}

void outlet_fini(struct outlet *outlet)
{
    writer_fini(&outlet->writer);
    tracks_free(outlet->sink.tracks);
    window_fini(&outlet->window);
    stream_fini(&outlet->stream);
    orders_fini(&outlet->orders);
}

static void retry_later(struct outlet *outlet)
{
    outlet->retry_at = clock_steady() + outlet->retry_after;
    outlet->retry_after =
        outlet->retry_after * 2 < OUTLET_RETRY_NS ? outlet->retry_after * 2 : OUTLET_RETRY_NS;
}

void outlet_miss(struct outlet *outlet)
{
    const struct writer *writer = &outlet->writer;

    atomic_store(&rings.connected, -1);
    if (atomic_exchange(&outlet->complained, 1) == 0)
        say("%s %s (%s): the program runs on, records are dropped until %s", writer->kind->absent,
            writer->name, writer->error, writer->kind->until);
}

/* Other threads may read what has become of it. */
static void publish(struct outlet *outlet)
{
    const struct window *window = &outlet->window;
    int is_kept = outlet->sink.stream != NULL && outlet->peer == OUTLET_STORES;

    atomic_store_explicit(&outlet->sent, window->sent, memory_order_relaxed);
    atomic_store_explicit(&outlet->bytes, window->bytes, memory_order_relaxed);
    atomic_store_explicit(&outlet->unacknowledged,
        is_kept ? window_end(window) - window->stored : 0, memory_order_relaxed);
}

void outlet_abandon(struct outlet *outlet, uint64_t position)
{
    struct map first = {0};

    window_records_behind(&outlet->window, position, &first);
    drain_lose(&outlet->sink, &first);
    map_fini(&first);
    outlet->sink.lost += window_drop(&outlet->window, position);
    outlet->sink.stream = NULL;
    publish(outlet);
}

static void make_session(char session[TALK_SESSION_SIZE + 1])
{
    unsigned char random[TALK_SESSION_SIZE / 2];
    struct timespec now;

    if (getrandom(random, sizeof(random), 0) != sizeof(random)) {
        clock_gettime(CLOCK_REALTIME, &now);
        memset(random, (int)(getpid() & 0xFF), sizeof(random));
        memcpy(random, &now, sizeof(now) < sizeof(random) ? sizeof(now) : sizeof(random));
    }
    for (size_t i = 0; i < sizeof(random); i++)
        sprintf(session + 2 * i, "%02x", random[i]);
}

static void begin_stream(struct outlet *outlet)
{
    make_session(outlet->session);
    window_begin(&outlet->window);
    stream_restart(&outlet->stream);
    outlet->sink.stream = &outlet->stream;
    outlet->sink.session++;
    if (!writer_may_hear(&outlet->writer))
        outlet->peer = OUTLET_MUTE;
    else if (outlet->peer == OUTLET_MUTE)
        outlet->peer = OUTLET_NEW;
}

/* 0, or -1 with writer.error. */
static int write_preamble(struct outlet *outlet, const struct preamble_place *place, size_t *size)
{
    unsigned char *bytes = preamble_make(&outlet->stream, outlet->hello, place, size);
    size_t written, all = 0;
    int result = 0;

    if (bytes == NULL)
        return writer_refuse(&outlet->writer, "out of memory", "");
    for (; result == 0 && all < *size; all += written) {
        result =
            writer_write(&outlet->writer, bytes + all, *size - all, &outlet->give_up, &written);
        if (result == 0 && all + written < *size)
            result = outlet_listen(outlet);
    }
    free(bytes);
    return result;
}

static void on_broken(struct outlet *outlet)
{
    struct window *window = &outlet->window;

    if (outlet->sink.stream == NULL)
        return;
    if (outlet->is_ending && outlet->writer.has_ended && !outlet->has_answered &&
        window->written == window_end(window)) {
        /* One that says nothing, and has read to the end. */
        outlet->peer = OUTLET_MUTE;
        return;
    }
    writer_drop(&outlet->writer);
    retry_later(outlet);
    outlet->gone_at = clock_steady();
    if (outlet->peer == OUTLET_STORES)
        return;
    outlet_abandon(outlet, window->written);
    outlet_miss(outlet);
}

static void on_connected(struct outlet *outlet)
{
    const struct writer *writer = &outlet->writer;
    struct preamble_place place = {.next_id = STREAM_FIRST_ID};
    int goes_on = outlet->sink.stream != NULL;
    size_t size;

    if (goes_on)
        window_rewind(&outlet->window, &place);
    else
        begin_stream(outlet);
    if (writer_may_hear(writer))
        place.session = outlet->session;
    place.list = orders_obeyed();
    orders_begin(&outlet->orders);
    outlet->has_answered = 0;
    outlet->retry_after = RETRY_FIRST_NS;
    atomic_fetch_add(&outlet->connections, 1);
    atomic_fetch_add(&outlet->resumed, (uint64_t)goes_on);
    atomic_store(&rings.connected, 1);
    if (atomic_exchange(&outlet->complained, 0) == 1 || outlet->has_said_gone)
        say("%s %s %s", writer->kind->present, writer->name, writer->kind->back);
    outlet->has_said_gone = 0;
    if (write_preamble(outlet, &place, &size) != 0)
        on_broken(outlet);
    else if (!goes_on)
        outlet->window.bytes += size;
}

void outlet_keep_connected(struct outlet *outlet, uint64_t now)
{
    int connected;

    if (now - outlet->trimmed_at >= TRIM_NS) {
        window_trim(&outlet->window);
        outlet->trimmed_at = now;
    }
    if (outlet->writer.state == WRITER_CONNECTED ||
        (outlet->writer.state == WRITER_IDLE && now < outlet->retry_at))
        return;
    connected = writer_connect(&outlet->writer);
    if (connected == 1) {
        on_connected(outlet);
    } else if (connected < 0) {
        retry_later(outlet);
        if (outlet->sink.stream == NULL)
            outlet_miss(outlet);
    }
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

/* 0, or -1 when the connection broke. */
static int write_out(struct outlet *outlet)
{
    struct window *window = &outlet->window;
    const unsigned char *bytes;
    size_t size, written;

    while (window_unwritten(window, &bytes, &size)) {
        int result = writer_write(&outlet->writer, bytes, size, &outlet->give_up, &written);

        window_wrote(window, written);
        /* What the peer says is heard, too, while it takes nothing. */
        if (result != 0 || (written < size && outlet_listen(outlet) != 0))
            return -1;
        if (outlet->sink.stream == NULL)
            return 0;
    }
    window_release(window, outlet->peer == OUTLET_MUTE ? window->written : window->stored);
    return 0;
}

void outlet_flush(struct outlet *outlet)
{
    if (outlet->sink.stream == NULL || outlet->writer.state != WRITER_CONNECTED)
        return;
    if (outlet_listen(outlet) != 0) {
        on_broken(outlet);
    } else if (outlet->sink.stream != NULL && write_out(outlet) != 0) {
        /* What the peer has said last may be there all the same. */
        if (writer_may_hear(&outlet->writer))
            outlet_listen(outlet);
        on_broken(outlet);
    } else if (outlet->is_ending && outlet->sink.stream != NULL) {
        writer_end(&outlet->writer);
    }
    outlet->flushed_at = clock_steady();
    publish(outlet);
}

void outlet_step(struct outlet *outlet)
{
    const struct timespec nap = {.tv_nsec = CONNECTING_NS};

    if (outlet->writer.state == WRITER_CONNECTED)
        writer_wait(&outlet->writer, STEP_MS);
    else
        outlet_keep_connected(outlet, clock_steady());
    if (outlet->writer.state == WRITER_CONNECTED)
        outlet_flush(outlet);
    else
        nanosleep(&nap, NULL);
}

int outlet_put_text(struct outlet *outlet, const char *text)
{
    if (outlet->sink.stream != NULL && !stream_has_room(&outlet->stream))
        on_full(&outlet->sink);
    if (outlet->sink.stream == NULL)
        return 0;
    stream_put_text(&outlet->stream, text);
    return 1;
}

void outlet_finish(struct outlet *outlet)
{
    const struct writer *writer = &outlet->writer;

    if (writer_may_hear(writer))
        outlet_put_text(outlet, TALK_END);
    outlet->is_ending = 1;
    outlet_flush(outlet);
    if (outlet->sink.stream != NULL && writer_may_hear(writer))
        outlet_wait_for_end(outlet);
    if (writer_finish(&outlet->writer, atomic_load(&outlet->give_up)) != 0 &&
        outlet->sink.stream != NULL)
        say("%s %s has not taken everything in time", writer->kind->present, writer->name);
    outlet->is_ending = 0;
    outlet->sink.stream = NULL;
    window_begin(&outlet->window);
    publish(outlet);
}
