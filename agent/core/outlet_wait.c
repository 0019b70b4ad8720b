/* SPDX-License-Identifier: Apache-2.0 */
/* Where the sender waits for the peer to have stored something. */
#include "agent/core/clock.h"
#include "agent/core/outlet.h"
#include "agent/core/rings.h"
#include "agent/core/say.h"

#define SAY_NS 1000000000u    /* how long one waits for a collector that is gone without a word */
#define ANSWER_NS 2000000000u /* how long the end waits for the first word of a peer */
#define ANSWER_STEP_MS 20u
/* What a peer takes without a word, before it is clear that it says none: more than lies unread in
 * the kernel, for ours answers the first bytes that it reads. */
#define FIRST_SEGMENTS 64u

static uint64_t records_behind(const struct outlet *outlet, uint64_t position)
{
    return window_records_behind(&outlet->window, position, NULL);
}

/* Nobody has confirmed that what was written is stored, and there is no more time to wait. */
static void leave_unconfirmed(struct outlet *outlet)
{
    const struct writer *writer = &outlet->writer;
    uint64_t written = outlet->window.written_most,
             doubtful =
                 records_behind(outlet, outlet->window.stored) - records_behind(outlet, written);

    if (doubtful > 0)
        say("%s %s has not confirmed the last %llu records in time: they may be missing",
            writer->kind->present, writer->name, (unsigned long long)doubtful);
    outlet_abandon(outlet, written);
}

/* 1 when the stream goes on in an empty segment. */
static int go_on(struct outlet *outlet)
{
    if (outlet->stream.used == 0)
        return 1;
    if (outlet->peer == OUTLET_NEW && outlet->window.count >= FIRST_SEGMENTS)
        return 0;
    return window_next(&outlet->window);
}

/* Whether the peer has taken so much and has not said a word: it never will. */
static int is_mute(struct outlet *outlet)
{
    if (outlet->writer.state != WRITER_CONNECTED || outlet->has_answered ||
        outlet->window.written != window_end(&outlet->window))
        return 0;
    return outlet_listen(outlet) == 0 && outlet->sink.stream != NULL && !outlet->has_answered;
}

/* A stream that waits for longer says so, once for each absence of the peer. */
static void say_gone(struct outlet *outlet)
{
    const struct writer *writer = &outlet->writer;

    if (outlet->has_said_gone)
        return;
    outlet->has_said_gone = 1;
    if (rings.when_full == AGENT_BLOCK)
        say("%s %s is gone (%s): the program waits until it is back, for %llu s at most",
            writer->kind->present, writer->name, writer->error,
            (unsigned long long)(outlet->patience / 1000000000u));
    else
        say("%s %s is gone (%s): records are dropped until it is back", writer->kind->present,
            writer->name, writer->error);
}

void outlet_make_room(struct outlet *outlet)
{
    struct window *window = &outlet->window;
    uint64_t begun = clock_steady(), stored = window->stored;

    while (outlet->sink.stream != NULL && !go_on(outlet)) {
        uint64_t now = clock_steady(), waited = now - begun;
        int is_gone = outlet->writer.state != WRITER_CONNECTED;

        if (is_mute(outlet)) {
            outlet->peer = OUTLET_MUTE;
            window_release(window, window->written);
        } else if (now >= atomic_load(&outlet->give_up)) {
            leave_unconfirmed(outlet);
        } else if (is_gone && waited >= outlet->patience) {
            outlet_abandon(outlet, window->stored);
            outlet_miss(outlet);
        } else {
            if (is_gone && waited >= SAY_NS)
                say_gone(outlet);
            outlet_step(outlet);
        }
        if (window->stored != stored)
            begun = clock_steady();
        stored = window->stored;
    }
}

/* A peer that has not said anything yet may be one that is about to, or one that never will. */
static void wait_for_first_answer(struct outlet *outlet)
{
    uint64_t begun = clock_steady(), now = begun;

    while (outlet->peer == OUTLET_NEW && outlet->sink.stream != NULL && now - begun < ANSWER_NS &&
           now < atomic_load(&outlet->give_up)) {
        writer_wait(&outlet->writer, ANSWER_STEP_MS);
        if (outlet_listen(outlet) != 0)
            outlet->peer = OUTLET_MUTE;
        now = clock_steady();
    }
}

/* Of a peer that has been gone for long one does not wait for the return. */
static uint64_t last_moment(const struct outlet *outlet)
{
    uint64_t give_up = atomic_load(&outlet->give_up), lost = outlet->gone_at + outlet->patience,
             now = clock_steady();

    if (outlet->writer.state == WRITER_CONNECTED)
        return give_up;
    if (lost < now + SAY_NS)
        lost = now + SAY_NS;
    return lost < give_up ? lost : give_up;
}

void outlet_wait_for_end(struct outlet *outlet)
{
    const struct window *window = &outlet->window;
    uint64_t until = last_moment(outlet);

    wait_for_first_answer(outlet);
    while (outlet->peer == OUTLET_STORES && outlet->sink.stream != NULL &&
           window->stored < window_end(window) && clock_steady() < until)
        outlet_step(outlet);
    if (outlet->peer == OUTLET_STORES && outlet->sink.stream != NULL &&
        window->stored < window_end(window))
        leave_unconfirmed(outlet);
}
