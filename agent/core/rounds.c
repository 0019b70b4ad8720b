/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/rounds.h"

#include <stdio.h>

#include "agent/core/drain.h"
#include "agent/core/loose.h"
#include "agent/core/rings.h"

#define IDLE_NS 100000000u /* how long a record can lie in a ring before it is looked for */
#define BUSY_ENTRIES                                                                               \
    2048u /* a round that took at least so many is followed by the next one at once */
#define LATENCY_NS                                                                                 \
    50000000u /* how long a record may lie in the buffer while there is more to do                 \
               */
#define COUNTERS_NS 1000000000u   /* losses are told to the collector at most so often */
#define CLOCK_FIRST_NS 2000000u   /* the clock is refined at that age, */
#define CLOCK_LAST_NS 1000000000u /* then whenever it has doubled, then so often */

void rounds_begin(struct rounds *rounds)
{
    struct timespec first = {.tv_nsec = CLOCK_FIRST_NS};

    if (rounds->refine_after != 0)
        return;
    nanosleep(&first, NULL);
    rounds->refine_after = CLOCK_FIRST_NS;
}

static void refine_clock(struct rounds *rounds, uint64_t now)
{
    if (now < rounds->refine_at)
        return;
    clock_refine(&rounds->clock);
    rounds->refine_after =
        rounds->refine_after * 2 < CLOCK_LAST_NS ? rounds->refine_after * 2 : CLOCK_LAST_NS;
    rounds->refine_at = now + rounds->refine_after;
}

static uint64_t take_all(struct rounds *rounds)
{
    struct track_sink *sink = &rounds->outlet.sink;

    return drain_rings(sink, &rounds->ring_dropped) + loose_drain(sink);
}

static void publish(struct rounds *rounds)
{
    const struct track_sink *sink = &rounds->outlet.sink;

    atomic_store_explicit(&rounds->lost, sink->lost, memory_order_relaxed);
    atomic_store_explicit(&rounds->unmatched, sink->unmatched, memory_order_relaxed);
}

/* Tells the collector what has been lost so far, if that is news to it. */
static void tell_losses(struct rounds *rounds)
{
    struct outlet *outlet = &rounds->outlet;
    uint64_t queue = loose_dropped(), no_memory = atomic_load(&rings.dropped_no_memory),
             losses = rounds->ring_dropped + outlet->sink.lost + queue + no_memory;
    char text[240];

    if (rounds->told_session != outlet->sink.session)
        rounds->told = 0;
    rounds->told_session = outlet->sink.session;
    if (losses == rounds->told)
        return;
    snprintf(text, sizeof(text),
        "kieker:counters dropped_ring_full=%llu dropped_disconnected=%llu dropped_queue_full=%llu "
        "dropped_no_memory=%llu",
        (unsigned long long)rounds->ring_dropped, (unsigned long long)outlet->sink.lost,
        (unsigned long long)queue, (unsigned long long)no_memory);
    if (!outlet_put_text(outlet, text))
        return;
    rounds->told = losses;
    rounds->told_at = clock_steady();
}

/* Says that the collector's patterns are obeyed, if it has just sent some. */
static void answer_orders(struct rounds *rounds)
{
    struct outlet *outlet = &rounds->outlet;
    char text[200];

    if (outlet->sink.stream == NULL || !orders_answer(&outlet->orders, text, sizeof(text)))
        return;
    outlet_put_text(outlet, text);
    outlet_flush(outlet);
}

struct rounds_result rounds_go(struct rounds *rounds)
{
    struct outlet *outlet = &rounds->outlet;
    struct rounds_result result = {0};
    uint64_t now = clock_steady();

    refine_clock(rounds, now);
    outlet_keep_connected(outlet, now);
    /* As long as the first request is not answered, records wait where they are. */
    result.is_decided = atomic_load(&rings.connected) != 0 || now >= atomic_load(&outlet->give_up);
    if (result.is_decided)
        result.taken = take_all(rounds);
    result.is_busy = result.taken >= BUSY_ENTRIES;
    if (now - rounds->told_at >= COUNTERS_NS)
        tell_losses(rounds);
    if (!result.is_busy || now - outlet->flushed_at >= LATENCY_NS)
        outlet_flush(outlet);
    answer_orders(rounds);
    publish(rounds);
    return result;
}

uint64_t rounds_pause(const struct rounds *rounds)
{
    uint64_t attempt = outlet_next_attempt(&rounds->outlet);

    return attempt < IDLE_NS ? attempt : IDLE_NS;
}

void rounds_end(struct rounds *rounds)
{
    take_all(rounds);
    drain_close(&rounds->outlet.sink);
    tell_losses(rounds);
    outlet_finish(&rounds->outlet);
    publish(rounds);
}
