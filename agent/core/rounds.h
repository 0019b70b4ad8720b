/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sender does again and again: sees to its connection and its clock, takes what was
 * recorded, tells what was lost, sends. The sender's thread alone, but for what is atomic.
 */
#ifndef KIEKER_AGENT_CORE_ROUNDS_H
#define KIEKER_AGENT_CORE_ROUNDS_H

#include "agent/core/clock.h"
#include "agent/core/outlet.h"

struct rounds {
    struct outlet outlet;
    struct clock clock;
    uint64_t refine_at, refine_after;
    uint64_t ring_dropped;            /* as of the last round */
    uint64_t told, told_at;           /* all losses, when this stream was last told */
    uint32_t told_session;            /* which one that was */
    _Atomic uint64_t lost, unmatched; /* as of the last round */
};

struct rounds_result {
    uint64_t taken; /* how much was there to take */
    int is_decided; /* 0: whether there is a connection is not known yet, so all was left there */
    int is_busy;    /* there may be more by now */
};

/* Before the first round. */
void rounds_begin(struct rounds *rounds);

struct rounds_result rounds_go(struct rounds *rounds);

/* How many ns from now the next round is due, if nobody asks for one before. */
uint64_t rounds_pause(const struct rounds *rounds);

/* The last round: sends what there is, and ends the stream. */
void rounds_end(struct rounds *rounds);

#endif
