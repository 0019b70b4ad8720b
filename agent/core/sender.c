/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/sender.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/core/alone.h"
#include "agent/core/loose.h"
#include "agent/core/rings.h"
#include "agent/core/rounds.h"

#define LATE_NS 1000000000u   /* how much longer than its patience a stop takes at most */
#define FINISHING_NS 1000000u /* between rounds when the thread is to end */
#define PARK_NS 100000000u    /* a fork waits for the sender for so long, */
#define GONE_NS 100000000u    /* and for the kernel to have noticed its end */
#define NAP_NS 200000u        /* between looks at what the sender has done */
#define ALONE_NS 10000000000u /* for what is left to send once the program has no thread */
#define STACK_BYTES (1u << 20)

/* What the sender's thread is to do, and with PARKED its answer: it takes no wish back any more. */
enum wish { GO_ON, PARK, PARKED, STOP };

struct sender {
    struct rounds rounds;
    struct stream_source source;
    pthread_t thread;
    pid_t thread_id;       /* once `ended` */
    pthread_cond_t on_end; /* of `ended`, with rings.lock */
    _Atomic int ended;
    _Atomic int wish; /* enum wish */
};

static int64_t first_trace(void)
{
    uint32_t random = 0;

    /* -1 means "none" to Kieker, so no trace may come near it. */
    while (random == 0 || random == UINT32_MAX)
        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
            random = (uint32_t)clock_steady() ^ (uint32_t)getpid() << 16;
    return (int64_t)((uint64_t)random << 32);
}

struct sender *sender_new(const struct sender_options *options, char *error, size_t error_size)
{
    struct sender *sender = calloc(1, sizeof(*sender));
    pthread_condattr_t steady;
    struct outlet *outlet;

    if (sender == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    sender->source = options->source;
    outlet = &sender->rounds.outlet;
    if (outlet_init(outlet, options->writer, options->hello, &sender->source) != 0) {
        snprintf(error, error_size, "%s", outlet->writer.error);
        outlet_fini(outlet);
        free(sender);
        return NULL;
    }
    outlet->complained = options->quiet;
    outlet->patience = options->patience;
    outlet->sink.next_trace = first_trace();
    outlet->sink.is_of_executions = rings.record == AGENT_EXECUTIONS;
    outlet->sink.unfinished = options->unfinished;
    outlet->sink.clock = &sender->rounds.clock;
    clock_init(&sender->rounds.clock);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&sender->on_end, &steady);
    pthread_condattr_destroy(&steady);
    return sender;
}

void sender_free(struct sender *sender)
{
    outlet_fini(&sender->rounds.outlet);
    pthread_cond_destroy(&sender->on_end);
    free(sender);
}

/* Whether the thread is to end, now that nothing was left to take. */
static int is_to_end(struct sender *sender)
{
    int park = PARK;

    return atomic_load(&sender->wish) == STOP ||
           atomic_compare_exchange_strong(&sender->wish, &park, PARKED);
}

/* A round, and the pause behind it. 0 when the thread is to end. */
static int do_round(struct sender *sender)
{
    int wish = atomic_load(&sender->wish);
    struct rounds_result result = rounds_go(&sender->rounds);

    if (wish != GO_ON && result.taken == 0 && result.is_decided && is_to_end(sender))
        return 0;
    if (result.is_busy)
        return 1;
    if (wish == GO_ON && result.taken == 0 && alone_is()) {
        /* The process ends with this thread. */
        atomic_store(&sender->rounds.outlet.give_up, clock_steady() + ALONE_NS);
        atomic_compare_exchange_strong(&sender->wish, &wish, STOP);
    } else if (wish == GO_ON) {
        rings_sleep(rounds_pause(&sender->rounds), &sender->wish);
    } else {
        usleep(FINISHING_NS / 1000);
    }
    return 1;
}

static void *run(void *argument)
{
    struct sender *sender = argument;

    rounds_begin(&sender->rounds);
    while (do_round(sender))
        ;
    if (atomic_load(&sender->wish) == STOP)
        rounds_end(&sender->rounds);
    sender->thread_id = (pid_t)syscall(SYS_gettid);
    atomic_store(&sender->ended, 1);
    pthread_mutex_lock(&rings.lock);
    pthread_cond_signal(&sender->on_end);
    pthread_mutex_unlock(&rings.lock);
    return NULL;
}

int sender_start(struct sender *sender)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    int failed;

    atomic_store(&sender->ended, 0);
    atomic_store(&sender->rounds.outlet.give_up, UINT64_MAX);
    atomic_store(&sender->wish, GO_ON);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    /* The program's signals are the program's threads' business. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&sender->thread, &attributes, run, sender);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (failed)
        return -1;
    pthread_setname_np(sender->thread, "kieker-sender");
    return 0;
}

/* Waits for the thread's end until that moment. 1 when it has ended. */
static int wait_for_end(struct sender *sender, uint64_t until)
{
    struct timespec at = {
        .tv_sec = (time_t)(until / 1000000000u), .tv_nsec = (long)(until % 1000000000u)};
    int ended;

    rings_wake();
    pthread_mutex_lock(&rings.lock);
    while (!sender->ended)
        if (pthread_cond_timedwait(&sender->on_end, &rings.lock, &at) != 0)
            break;
    ended = sender->ended;
    pthread_mutex_unlock(&rings.lock);
    return ended;
}

int sender_stop(struct sender *sender, uint64_t patience)
{
    uint64_t until = clock_steady() + patience;

    atomic_store(&sender->rounds.outlet.give_up, until);
    atomic_store(&sender->wish, STOP);
    if (!wait_for_end(sender, until + LATE_NS)) {
        pthread_detach(sender->thread);
        return -1;
    }
    pthread_join(sender->thread, NULL);
    return 0;
}

int sender_stop_in_signal(struct sender *sender, uint64_t patience)
{
    const struct timespec nap = {.tv_nsec = NAP_NS};
    uint64_t until = clock_steady() + patience;

    if (until < atomic_load(&sender->rounds.outlet.give_up))
        atomic_store(&sender->rounds.outlet.give_up, until);
    atomic_store(&sender->wish, STOP);
    rings_wake();
    until += NAP_NS;
    while (!atomic_load(&sender->ended) && clock_steady() < until)
        nanosleep(&nap, NULL);
    return atomic_load(&sender->ended) ? 0 : -1;
}

int sender_park(struct sender *sender)
{
    uint64_t until = clock_steady() + PARK_NS;
    int park = PARK;
    char path[64];

    atomic_store(&sender->wish, PARK);
    if (!wait_for_end(sender, until)) {
        if (atomic_compare_exchange_strong(&sender->wish, &park, GO_ON))
            return -1;
        while (!wait_for_end(sender, clock_steady() + PARK_NS))
            ;
    }
    pthread_join(sender->thread, NULL);
    /* A thread is counted by the kernel a moment longer than one can wait for it. */
    snprintf(path, sizeof(path), "/proc/self/task/%ld", (long)sender->thread_id);
    for (until = clock_steady() + GONE_NS; access(path, F_OK) == 0 && clock_steady() < until;)
        usleep(10);
    return 0;
}

void sender_stats(const struct sender *sender, struct agent_stats *stats)
{
    const struct outlet *outlet = &sender->rounds.outlet;

    stats->sent += atomic_load(&outlet->sent);
    stats->bytes += atomic_load(&outlet->bytes);
    stats->connections += atomic_load(&outlet->connections);
    stats->resumed += atomic_load(&outlet->resumed);
    stats->unacknowledged += atomic_load(&outlet->unacknowledged);
    stats->dropped_queue_full += loose_dropped();
    stats->dropped_disconnected += atomic_load(&sender->rounds.lost);
    stats->unmatched += atomic_load(&sender->rounds.unmatched);
}

int sender_has_complained(const struct sender *sender)
{
    return atomic_load(&sender->rounds.outlet.complained);
}

void sender_lock(struct sender *sender)
{
    loose_lock();
    writer_lock(&sender->rounds.outlet.writer);
}

void sender_unlock(struct sender *sender)
{
    writer_unlock(&sender->rounds.outlet.writer);
    loose_unlock();
}

void sender_disown(struct sender *sender)
{
    writer_disown(&sender->rounds.outlet.writer);
    loose_after_fork();
}
