/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/core/activation.h"
#include "agent/core/clock.h"
#include "agent/core/endings.h"
#include "agent/core/hello.h"
#include "agent/core/rings.h"
#include "agent/core/say.h"
#include "agent/core/sender.h"
#include "agent/core/writer.h"

#define HOST_MAX 256u
#define EXIT_NS 2000000000u /* patience where a library ends the process by exit() */
#define NAP_NS 1000000

static struct agent {
    int started;
    struct operations operations;
    struct texts causes;
    uint32_t cause_other, cause_unfinished;
    struct sender *sender;
    _Atomic pid_t pid; /* of the process that `sender` belongs to; 0: none yet */
    char *writer, *language, *run, *program;
    void (*on_forked)(void);
    _Atomic int holding; /* see agent_hold */
    char hello[HELLO_MAX], host[HOST_MAX];
    uint64_t patience;
    int quiet;
    pthread_mutex_t forking; /* from before a fork until after it */
    int parked;              /* the sender has no thread meanwhile */
} agent = {.forking = PTHREAD_MUTEX_INITIALIZER};

static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
    operations_init(&agent.operations);
    texts_init(&agent.causes, AGENT_CAUSES_MAX);
    agent.cause_other = texts_add(&agent.causes, AGENT_CAUSE_OTHER, strlen(AGENT_CAUSE_OTHER));
    agent.cause_unfinished =
        texts_add(&agent.causes, AGENT_CAUSE_UNFINISHED, strlen(AGENT_CAUSE_UNFINISHED));
}

uint32_t agent_operation(
    const char *name, size_t name_size, const char *component, size_t component_size)
{
    pthread_once(&tables_once, make_tables);
    return operations_add(&agent.operations, name, name_size, component, component_size);
}

uint32_t agent_component(const char *component, size_t component_size)
{
    pthread_once(&tables_once, make_tables);
    return operations_component(&agent.operations, component, component_size);
}

uint32_t agent_operation_of(uint32_t component, const char *name, size_t name_size)
{
    return operations_add_to(&agent.operations, component, name, name_size);
}

const struct operation *agent_operation_get(uint32_t operation)
{
    return operations_get(&agent.operations, operation);
}

uint32_t agent_operations(void)
{
    return atomic_load(&agent.operations.count);
}

int agent_activate(const char *pattern, int on, char *error, size_t error_size)
{
    pthread_once(&tables_once, make_tables);
    return activation_set(&agent.operations, pattern, on, error, error_size);
}

void agent_operation_names(
    uint32_t operation, const struct text **name, const struct text **component)
{
    const struct operation *found = operations_get(&agent.operations, operation);

    *name = texts_get(&agent.operations.texts, found->name);
    *component = texts_get(&agent.operations.texts, found->component);
}

uint32_t agent_cause(const char *text, size_t size)
{
    uint32_t cause;

    pthread_once(&tables_once, make_tables);
    if (size > AGENT_CAUSE_MAX) {
        size = AGENT_CAUSE_MAX;
        while (size > 0 && ((unsigned char)text[size] & 0xC0) == 0x80)
            size--;
    }
    cause = texts_add(&agent.causes, text, size);
    return cause == TEXTS_NONE ? agent.cause_other : cause;
}

static struct sender *new_sender(char *error, size_t error_size)
{
    struct sender_options options = {
        .writer = agent.writer,
        .hello = agent.hello,
        .source = {&agent.operations, &agent.causes, agent.host},
        .unfinished = agent.cause_unfinished,
        .patience = agent.patience,
        .quiet = agent.quiet,
    };

    hello_make(agent.hello, agent.language, agent.run, agent.program);
    if (gethostname(agent.host, sizeof(agent.host) - 1) != 0 || agent.host[0] == '\0')
        strcpy(agent.host, "localhost");
    return sender_new(&options, error, error_size);
}

/* Gives the process a sender, or the one it has a thread again. With rings.lock held, or before
 * there is any probe. */
static int start_sender(char *error, size_t error_size)
{
    int is_new = agent.sender == NULL;

    if (is_new)
        agent.sender = new_sender(error, error_size);
    if (agent.sender == NULL)
        return -1;
    if (is_new)
        rings.started = clock_steady();
    atomic_store(&agent.pid, 0);
    if (sender_start(agent.sender) != 0) {
        snprintf(error, error_size, "no thread can be started");
        sender_free(agent.sender);
        agent.sender = NULL;
        return -1;
    }
    atomic_store(&rings.state, RINGS_RUNNING);
    atomic_store(&agent.pid, getpid());
    if (is_new)
        endings_watch();
    return 0;
}

static void on_asleep(void)
{
    char error[SAY_MAX / 2];

    if (atomic_load(&agent.holding) > 0 || start_sender(error, sizeof(error)) == 0)
        return;
    atomic_store(&rings.state, RINGS_OFF);
    say("the process %ld is not recorded any more after a fork: %s", (long)getpid(), error);
}

/*
 * The sender's thread ends for the time of a fork: then the program has the threads that it has
 * without the agent (Python warns of a fork with threads), and the sender's state is whole. Where
 * that takes too long, as with a collector that hangs, the fork goes on beside the thread.
 */
static void before_fork(void)
{
    pthread_mutex_lock(&agent.forking);
    agent.parked = atomic_load(&rings.state) == RINGS_RUNNING && sender_park(agent.sender) == 0;
    pthread_mutex_lock(&rings.lock);
    operations_lock(&agent.operations);
    pthread_mutex_lock(&agent.causes.lock);
    if (agent.sender != NULL)
        sender_lock(agent.sender);
}

static void after_fork_in_parent(void)
{
    if (agent.sender != NULL)
        sender_unlock(agent.sender);
    pthread_mutex_unlock(&agent.causes.lock);
    operations_unlock(&agent.operations);
    if (agent.parked && atomic_load(&rings.state) == RINGS_RUNNING) {
        atomic_store(&rings.state, RINGS_ASLEEP);
        /* Other threads may be recording; a single one is the one that forks, and its next probe
         * sees to it. */
        if (rings.threads > 1)
            on_asleep();
        else
            rings_notice();
        if (agent.on_forked != NULL && atomic_load(&agent.holding) == 0)
            agent.on_forked();
    }
    pthread_mutex_unlock(&rings.lock);
    pthread_mutex_unlock(&agent.forking);
}

/*
 * The child's first probe gives it a sender, with a stream of its own; most children run another
 * program at once and never need it. If the parent's sender could not be parked, its state may be
 * half way through anything: it is left alone.
 */
static void after_fork_in_child(void)
{
    if (agent.sender != NULL) {
        agent.quiet = sender_has_complained(agent.sender);
        sender_unlock(agent.sender);
        sender_disown(agent.sender);
        if (agent.parked)
            sender_free(agent.sender);
        agent.sender = NULL;
    }
    pthread_mutex_unlock(&agent.causes.lock);
    operations_forget_calls(&agent.operations);
    operations_unlock(&agent.operations);
    rings_after_fork(agent.parked);
    if (atomic_load(&rings.state) == RINGS_RUNNING)
        atomic_store(&rings.state, RINGS_ASLEEP);
    pthread_mutex_unlock(&rings.lock);
    pthread_mutex_unlock(&agent.forking);
}

void agent_wake(void)
{
    pthread_mutex_lock(&rings.lock);
    if (atomic_load(&rings.state) == RINGS_ASLEEP && agent.sender != NULL)
        on_asleep();
    pthread_mutex_unlock(&rings.lock);
}

static void on_exit_of_process(void)
{
    agent_stop(EXIT_NS);
}

void agent_hold(void)
{
    atomic_fetch_add(&agent.holding, 1);
}

void agent_let_go(void)
{
    if (atomic_fetch_sub(&agent.holding, 1) > 1)
        return;
    pthread_mutex_lock(&rings.lock);
    /* A child that has called nothing needs no sender. */
    if (atomic_load(&rings.state) == RINGS_ASLEEP && !atomic_load(&rings.is_child))
        on_asleep();
    pthread_mutex_unlock(&rings.lock);
}

static int copy_options(const struct agent_options *options)
{
    agent.writer = writer_absolute(options->writer);
    agent.language = strdup(options->language);
    agent.run = strdup(options->run);
    agent.program = strdup(options->program);
    agent.patience = options->patience;
    rings.when_full = options->when_full;
    rings.record = options->record;
    rings.on_wait = options->on_wait;
    rings.on_waited = options->on_waited;
    rings.on_asleep = on_asleep;
    agent.on_forked = options->on_forked;
    return agent.writer && agent.language && agent.run && agent.program ? 0 : -1;
}

int agent_start(const struct agent_options *options, char *error, size_t error_size)
{
    pthread_once(&tables_once, make_tables);
    if (agent.started) {
        snprintf(error, error_size, "the agent has been started before");
        return -1;
    }
    if (copy_options(options) != 0 || rings_init() != 0) {
        snprintf(error, error_size, "out of memory");
        return -1;
    }
    if (start_sender(error, error_size) != 0)
        return -1;
    agent.started = 1;
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    atexit(on_exit_of_process);
    return 0;
}

int agent_is_running(void)
{
    return atomic_load(&rings.state) != RINGS_OFF;
}

/* Says what was lost, and why. */
static void report(void)
{
    struct agent_stats stats;
    char reasons[SAY_MAX / 2] = "";
    size_t used = 0;
    uint64_t lost = 0;

    agent_stats(&stats);
    const struct {
        uint64_t count;
        const char *reason;
    } rows[] = {
        {stats.dropped_disconnected, "as nobody took them"},
        {stats.dropped_ring_full, "as the ring was full"},
        {stats.dropped_queue_full, "as the queue was full"},
        {stats.dropped_no_memory, "for want of memory"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].count > 0)
            used += (size_t)snprintf(reasons + used, sizeof(reasons) - used, "%s%llu %s",
                lost > 0 ? ", " : "", (unsigned long long)rows[i].count, rows[i].reason);
        lost += rows[i].count;
    }
    if (lost > 0)
        say("%llu records were lost: %s", (unsigned long long)lost, reasons);
}

/* 0, or -1 when others hold it for too long. */
static int lock_forking(uint64_t patience)
{
    const struct timespec nap = {.tv_nsec = NAP_NS};
    uint64_t until = clock_steady() + patience;

    while (pthread_mutex_trylock(&agent.forking) != 0) {
        if (clock_steady() >= until)
            return -1;
        nanosleep(&nap, NULL);
    }
    return 0;
}

int agent_stop(uint64_t patience)
{
    struct sender *sender;
    int state, is_whole = 1;

    /* Not while another thread forks, or stops it already. */
    if (lock_forking(patience) != 0)
        return 0;
    pthread_mutex_lock(&rings.lock);
    if (atomic_load(&rings.state) == RINGS_ASLEEP && agent.sender != NULL)
        on_asleep();
    state = atomic_exchange(&rings.state, RINGS_OFF);
    sender = state == RINGS_RUNNING ? agent.sender : NULL;
    pthread_mutex_unlock(&rings.lock);
    if (sender != NULL && sender_stop(sender, patience) != 0) {
        is_whole = 0;
        say("the collector at %s did not take the records within %llu s", agent.writer,
            (unsigned long long)(patience / 1000000000u));
    }
    pthread_mutex_unlock(&agent.forking);
    if (sender != NULL)
        report();
    return is_whole && state != RINGS_OFF;
}

void agent_resume(void)
{
    pthread_mutex_lock(&agent.forking);
    pthread_mutex_lock(&rings.lock);
    rings.started = clock_steady();
    atomic_store(&rings.connected, 0);
    atomic_store(&rings.state, RINGS_ASLEEP);
    pthread_mutex_unlock(&rings.lock);
    pthread_mutex_unlock(&agent.forking);
}

void agent_stop_in_signal(uint64_t patience)
{
    if (atomic_load(&agent.pid) != getpid())
        return;
    atomic_store(&rings.state, RINGS_OFF);
    sender_stop_in_signal(agent.sender, patience);
}

void agent_stats(struct agent_stats *stats)
{
    memset(stats, 0, sizeof(*stats));
    pthread_once(&tables_once, make_tables);
    pthread_mutex_lock(&rings.lock);
    stats->dropped_ring_full = rings_dropped();
    stats->threads = rings.threads;
    stats->dropped_no_memory = atomic_load(&rings.dropped_no_memory);
    if (agent.sender != NULL)
        sender_stats(agent.sender, stats);
    pthread_mutex_unlock(&rings.lock);
    stats->operations = atomic_load(&agent.operations.count);
    stats->causes = atomic_load(&agent.causes.count);
}
