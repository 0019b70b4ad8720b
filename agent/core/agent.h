/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent of this process: probes, one ring a thread, and a sender thread of its own, which needs
 * nothing of the observed program (no interpreter lock either). There is one agent in a process; it
 * is started once and stopped once. Any thread.
 */
#ifndef KIEKER_AGENT_CORE_AGENT_H
#define KIEKER_AGENT_CORE_AGENT_H

#include <stddef.h>
#include <stdint.h>

#include "agent/core/operations.h"

#define AGENT_CAUSES_MAX (1u << 14) /* different causes; later ones become AGENT_CAUSE_OTHER */
#define AGENT_CAUSE_MAX 1000u       /* bytes of a cause; a longer one is cut */
#define AGENT_CAUSE_OTHER "(too many different causes)"
#define AGENT_CAUSE_UNFINISHED "(its end was not seen)"

enum agent_when_full { AGENT_BLOCK, AGENT_DROP };

/* A record for the beginning and one for the end of each call, or one for the whole call. */
enum agent_record { AGENT_EVENTS, AGENT_EXECUTIONS };

struct agent_options {
    const char *writer; /* see writer.h */
    enum agent_when_full when_full;
    enum agent_record record;
    uint64_t patience;    /* how long one waits for a collector that is gone, ns */
    const char *language; /* for the stream's first entry */
    const char *run;      /* the recording's label, or "" */
    const char *program;  /* path or name of what runs, or "" */
    /* Called around a longer wait of a probe, on its thread; either both or none. */
    void *(*on_wait)(void);
    void (*on_waited)(void *token);
    /* Called after a fork that nobody holds, in the parent: it should have agent_wake called
     * soon. Or NULL. */
    void (*on_forked)(void);
};

/* Records are all that tells of a trace but its TraceMetadata, and those that the program hands
 * over. */
#define AGENT_COUNTERS(COUNTER)                                                                    \
    COUNTER(sent, "records handed to the writer")                                                  \
    COUNTER(bytes, "bytes handed to the writer")                                                   \
    COUNTER(connections, "connections made")                                                       \
    COUNTER(resumed, "connections on which the stream went on where it had been broken")           \
    COUNTER(unacknowledged, "bytes that the collector has not yet said to have stored")            \
    COUNTER(dropped_ring_full, "records dropped because a thread's ring was full")                 \
    COUNTER(dropped_disconnected, "records dropped because no collector took them")                \
    COUNTER(dropped_queue_full, "records that the program handed over dropped: no room")           \
    COUNTER(dropped_no_memory, "records dropped because memory was short")                         \
    COUNTER(unmatched, "ends without a beginning, and beginnings without an end")                  \
    COUNTER(operations, "operations known")                                                        \
    COUNTER(causes, "different causes of failure known")                                           \
    COUNTER(threads, "threads that have a ring")

struct agent_stats {
#define COUNTER(name, doc) uint64_t name;
    AGENT_COUNTERS(COUNTER)
#undef COUNTER
};

/* Starts the agent; strings are copied. 0; -1 with the reason in `error` when an option is wrong or
 * it has started before. */
int agent_start(const struct agent_options *options, char *error, size_t error_size);

/* Whether probes record: it has been started and not stopped. */
int agent_is_running(void);

/*
 * Ends the recording: everything recorded so far is sent, for `patience` ns at most. What was lost,
 * now or earlier, is said on stderr. Where the process is ended by exit() this is done, too, if it
 * has not been. 1 when this has ended it; 0 when it had ended before, or does not end in time.
 */
int agent_stop(uint64_t patience);

/* Takes back a stop that has given 1, after what was to end the process has failed to: from the
 * next call on there are records again, on a new connection. */
void agent_resume(void);

/* Ends the recording in a signal's handler that is about to kill the process, whatever the signal
 * has interrupted. */
void agent_stop_in_signal(uint64_t patience);

/*
 * In a process that has forked: the sender, which has no thread for the time of a fork, gets one
 * again. Without this it is the next probe that sees to it, and until then signals that kill find
 * nobody who would send the ends of the open calls.
 */
void agent_wake(void);

/*
 * Around something that forks and counts the process's threads before it is done: between the two
 * there is no sender after the fork, and what is recorded waits in the rings. In the child, too,
 * agent_let_go follows.
 */
void agent_hold(void);
void agent_let_go(void);

/* The number of an operation, for the probes; OPERATIONS_NONE when there are too many. May be
 * called before agent_start. */
uint32_t agent_operation(
    const char *name, size_t name_size, const char *component, size_t component_size);

/* The same in two steps, for many operations of one component. */
uint32_t agent_component(const char *component, size_t component_size);
uint32_t agent_operation_of(uint32_t component, const char *name, size_t name_size);

/* The number of the cause of a failure, for probe_failed; the text is kept once. */
uint32_t agent_cause(const char *text, size_t size);

/* An operation that agent_operation gave, with what is counted of it. It stays where it is. */
const struct operation *agent_operation_get(uint32_t operation);

/* How many operations there are; their numbers lie below that. */
uint32_t agent_operations(void);

/* Switches operations on or off, see activation.h: how many there are that fit, or -1 with a
 * sentence. */
int agent_activate(const char *pattern, int on, char *error, size_t error_size);

/* The names of an operation that agent_operation gave. */
void agent_operation_names(
    uint32_t operation, const struct text **name, const struct text **component);

void agent_stats(struct agent_stats *stats);

#endif
