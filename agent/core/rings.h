/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process's state behind the probes: which threads have rings, whether probes record, and how
 * the sender is woken. Shared by the probes' slow way, the sender and the agent's start, stop and
 * fork.
 */
#ifndef KIEKER_AGENT_CORE_RINGS_H
#define KIEKER_AGENT_CORE_RINGS_H

#include <pthread.h>
#include <stdatomic.h>

#include "agent/core/agent.h"
#include "agent/core/probe.h"
#include "agent/core/ring.h"

#define RINGS_SPARE 8 /* rings of ended threads that are kept for new ones */

enum rings_state {
    RINGS_OFF,     /* not started, or stopped */
    RINGS_RUNNING, /* probes record */
    RINGS_ASLEEP   /* there is no sender, after a fork: the next probe starts one */
};

struct rings {
    pthread_mutex_t lock; /* of everything that is not atomic */
    _Atomic int state;
    _Atomic int sleeping;      /* the sender waits for this to become 0, or for time to pass */
    _Atomic int connected;     /* as the sender has it: 1 yes, 0 not yet decided, -1 no */
    _Atomic int is_child;      /* forked, and no call has begun here yet */
    _Atomic unsigned switched; /* how often probes of operations have been switched off or on */
    uint64_t started;          /* when the sender was, CLOCK_MONOTONIC */
    enum agent_when_full when_full;
    enum agent_record record;
    void *(*on_wait)(void);
    void (*on_waited)(void *token);
    void (*on_asleep)(void); /* starts the sender, or turns the probes off; with the lock held */
    struct ring *all, *spare;
    struct ring *reading; /* the sender's: the rings that it takes from in this round */
    unsigned spares, threads;
    uint64_t dropped;                   /* records, by threads that have ended */
    _Atomic uint64_t dropped_no_memory; /* records of threads that got no ring */
};

extern struct rings rings;

/* This thread's ring, also while probe_ring is NULL; NULL before its first record. */
extern PROBE_THREAD struct ring *rings_own;

/* This thread's ring, made if there is none; NULL when there is no memory for one, or nothing is
 * recorded. */
struct ring *rings_attach(void);

/* Once in a process. 0, or -1. */
int rings_init(void);

/* Wakes the sender if it sleeps. Takes no lock: also in a signal's handler. */
void rings_wake(void);

/* The sender's sleep, until it is woken or for so many ns; not at all once *wish is not 0. */
void rings_sleep(uint64_t most, const _Atomic int *wish);

/* Takes the rings of ended threads, once they are empty, out of the list. With the lock held. */
void rings_sweep(void);

/* The calling thread's next probe takes the slow way. */
void rings_notice(void);

/*
 * In a forked child: only the calling thread's ring is left, and it is empty. The lock is new. Not
 * `whole`: the sender was at work during the fork, so what is its own may be half done and must be
 * left where it is.
 */
void rings_after_fork(int whole);

/* Records that were dropped for want of room, in all. With the lock held. */
uint64_t rings_dropped(void);

#endif
