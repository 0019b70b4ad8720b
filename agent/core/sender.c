/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/sender.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/core/clock.h"
#include "agent/core/drain.h"
#include "agent/core/rings.h"
#include "agent/core/say.h"
#include "agent/core/writer.h"

#define IDLE_NS 100000000u     /* how long a record can lie in a ring before it is looked for */
#define CONNECTING_NS 5000000u /* how often an answer to a connection request is looked for */
#define BUSY_ENTRIES                                                                               \
    2048u /* a round that took at least so many is followed by the next one at once */
#define LATENCY_NS                                                                                 \
    50000000u /* how long a record may lie in the buffer while there is more to do                 \
               */
#define RETRY_FIRST_NS 100000000u /* between connection requests, */
#define RETRY_LAST_NS 1000000000u /* less and less often */
#define COUNTERS_NS 1000000000u   /* losses are told to the collector at most so often */
#define CLOCK_FIRST_NS 2000000u   /* the clock is refined at that age, */
#define CLOCK_LAST_NS 1000000000u /* then whenever it has doubled, then so often */
#define PARK_NS 100000000u        /* a fork waits for the sender for so long, */
#define GONE_NS 10000000u         /* and for the kernel to have noticed its end */
#define NAP_NS 200000u            /* between looks at what the sender has done */
#define STACK_BYTES (1u << 20)

/* What the sender's thread is to do, and with PARKED its answer: it takes no wish back any more. */
enum wish { GO_ON, PARK, PARKED, STOP };

struct sender {
    struct writer writer;
    struct stream stream;
    struct stream_source source;
    struct track_sink sink;
    struct clock clock;
    const char *hello;
    char target[WRITER_HOST_MAX + 16];

    pthread_t thread;
    pid_t thread_id;       /* once `ended` */
    pthread_cond_t on_end; /* of `ended`, with rings.lock */
    _Atomic int ended;
    _Atomic int wish;         /* enum wish */
    _Atomic uint64_t give_up; /* CLOCK_MONOTONIC; UINT64_MAX: never */

    uint64_t retry_at, retry_after;
    uint64_t flushed_at, told_at, refine_at, refine_after;
    uint64_t told;         /* all losses, when they were last told to this collector */
    uint64_t ring_dropped; /* as of the last round */
    _Atomic int complained;

    _Atomic uint64_t sent, bytes, connections, lost, unmatched; /* for sender_stats */
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

static void on_full(struct track_sink *sink);

struct sender *sender_new(const struct sender_options *options, char *error, size_t error_size)
{
    struct sender *sender = calloc(1, sizeof(*sender));
    pthread_condattr_t steady;

    if (sender == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    sender->source = options->source;
    if (writer_init(&sender->writer, options->writer) != 0 ||
        stream_init(&sender->stream, &sender->source) != 0) {
        snprintf(error, error_size, "%s",
            sender->writer.error[0] != '\0' ? sender->writer.error : "out of memory");
        stream_fini(&sender->stream);
        writer_fini(&sender->writer);
        free(sender);
        return NULL;
    }
    snprintf(sender->target, sizeof(sender->target), "%s", options->writer);
    sender->hello = options->hello;
    sender->give_up = UINT64_MAX;
    sender->retry_after = RETRY_FIRST_NS;
    sender->complained = options->quiet;
    sender->sink.next_trace = first_trace();
    sender->sink.unfinished = options->unfinished;
    sender->sink.clock = &sender->clock;
    sender->sink.on_full = on_full;
    clock_init(&sender->clock);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&sender->on_end, &steady);
    pthread_condattr_destroy(&steady);
    return sender;
}

void sender_free(struct sender *sender)
{
    writer_fini(&sender->writer);
    stream_fini(&sender->stream);
    pthread_cond_destroy(&sender->on_end);
    free(sender);
}

/* The collector is not there, or is gone: it is said once, and again only after it had been there.
 */
static void miss_collector(struct sender *sender)
{
    atomic_store(&rings.connected, -1);
    sender->retry_at = clock_steady() + sender->retry_after;
    sender->retry_after =
        sender->retry_after * 2 < RETRY_LAST_NS ? sender->retry_after * 2 : RETRY_LAST_NS;
    if (atomic_exchange(&sender->complained, 1) == 0)
        say("no collector at %s (%s): the program runs on, records are dropped until there is one",
            sender->target, sender->writer.error);
}

static void on_connected(struct sender *sender)
{
    stream_restart(&sender->stream, sender->hello);
    sender->sink.stream = &sender->stream;
    sender->sink.connection++;
    sender->retry_after = RETRY_FIRST_NS;
    sender->told = 0;
    atomic_fetch_add(&sender->connections, 1);
    atomic_store(&rings.connected, 1);
    if (atomic_exchange(&sender->complained, 0) == 1)
        say("the collector at %s is there: records are sent from now on", sender->target);
}

static void keep_connected(struct sender *sender, uint64_t now)
{
    int connected;

    if (sender->sink.stream != NULL ||
        (sender->writer.state == WRITER_IDLE && now < sender->retry_at))
        return;
    connected = writer_connect(&sender->writer);
    if (connected == 1)
        on_connected(sender);
    else if (connected < 0)
        miss_collector(sender);
}

/* The connection broke when `written` bytes of the buffer were out. */
static void lose_connection(struct sender *sender, size_t written)
{
    struct stream *stream = &sender->stream;

    /* Which records lie in the rest is not kept; they are nearly of one size. */
    if (stream->records > 0)
        sender->sink.lost +=
            (stream->records * (stream->used - written) + stream->used - 1) / stream->used;
    stream_taken(stream);
    sender->sink.stream = NULL;
    writer_drop(&sender->writer);
    miss_collector(sender);
}

static void flush(struct sender *sender)
{
    struct stream *stream = &sender->stream;
    size_t written = 0;

    if (sender->sink.stream == NULL)
        return;
    if (writer_is_alive(&sender->writer) != 1 ||
        writer_write(&sender->writer, stream->buffer, stream->used, &sender->give_up, &written) !=
            0) {
        lose_connection(sender, written);
        return;
    }
    atomic_fetch_add(&sender->sent, stream->records);
    atomic_fetch_add(&sender->bytes, stream->used);
    stream_taken(stream);
    sender->flushed_at = clock_steady();
}

static void on_full(struct track_sink *sink)
{
    flush((struct sender *)((char *)sink - offsetof(struct sender, sink)));
}

static void publish(struct sender *sender)
{
    atomic_store_explicit(&sender->lost, sender->sink.lost, memory_order_relaxed);
    atomic_store_explicit(&sender->unmatched, sender->sink.unmatched, memory_order_relaxed);
}

/* Tells the collector what has been lost so far, if that is news. */
static void tell_losses(struct sender *sender)
{
    uint64_t no_memory = atomic_load(&rings.dropped_no_memory);
    uint64_t losses = sender->ring_dropped + sender->sink.lost + no_memory;
    char text[200];

    if (losses == sender->told || sender->sink.stream == NULL)
        return;
    if (!stream_has_room(&sender->stream))
        flush(sender);
    if (sender->sink.stream == NULL)
        return;
    snprintf(text, sizeof(text),
        "kieker:counters dropped_ring_full=%llu dropped_disconnected=%llu dropped_no_memory=%llu",
        (unsigned long long)sender->ring_dropped, (unsigned long long)sender->sink.lost,
        (unsigned long long)no_memory);
    stream_put_text(&sender->stream, text);
    sender->told = losses;
    sender->told_at = clock_steady();
}

/* Until there may be something to do. */
static void sleep_a_while(struct sender *sender, uint64_t now)
{
    uint64_t most = sender->writer.state == WRITER_CONNECTING ? CONNECTING_NS : IDLE_NS;

    if (sender->writer.state == WRITER_IDLE && sender->retry_at < now + most)
        most = sender->retry_at > now ? sender->retry_at - now : 0;
    rings_sleep(most, &sender->wish);
}

static void refine_clock(struct sender *sender, uint64_t now)
{
    if (now < sender->refine_at)
        return;
    clock_refine(&sender->clock);
    sender->refine_after =
        sender->refine_after * 2 < CLOCK_LAST_NS ? sender->refine_after * 2 : CLOCK_LAST_NS;
    sender->refine_at = now + sender->refine_after;
}

/* Whether the thread is to end, now that nothing was left to take. */
static int is_to_end(struct sender *sender)
{
    int park = PARK;

    return atomic_load(&sender->wish) == STOP ||
           atomic_compare_exchange_strong(&sender->wish, &park, PARKED);
}

/* 0 when the thread is to end. */
static int do_round(struct sender *sender)
{
    uint64_t now = clock_steady(), taken = 0;
    int decided, wish = atomic_load(&sender->wish);

    refine_clock(sender, now);
    keep_connected(sender, now);
    /* As long as the first request is not answered, records wait where they are. */
    decided = atomic_load(&rings.connected) != 0 || now >= atomic_load(&sender->give_up);
    if (decided)
        taken = drain_rings(&sender->sink, &sender->ring_dropped);
    if (now - sender->told_at >= COUNTERS_NS)
        tell_losses(sender);
    if (taken < BUSY_ENTRIES || now - sender->flushed_at >= LATENCY_NS)
        flush(sender);
    publish(sender);
    if (wish != GO_ON && taken == 0 && decided && is_to_end(sender))
        return 0;
    if (taken < BUSY_ENTRIES) {
        if (wish != GO_ON)
            usleep(CONNECTING_NS / 1000 / 5);
        else
            sleep_a_while(sender, now);
    }
    return 1;
}

static void finish(struct sender *sender)
{
    drain_rings(&sender->sink, &sender->ring_dropped);
    tell_losses(sender);
    flush(sender);
    if (sender->sink.stream != NULL &&
        writer_finish(&sender->writer, atomic_load(&sender->give_up)) != 0)
        say("the collector at %s has not taken everything in time", sender->target);
    sender->sink.stream = NULL;
    publish(sender);
}

static void *run(void *argument)
{
    struct sender *sender = argument;
    struct timespec first = {.tv_nsec = CLOCK_FIRST_NS};

    if (sender->refine_after == 0) {
        nanosleep(&first, NULL);
        sender->refine_after = CLOCK_FIRST_NS;
    }
    while (do_round(sender))
        ;
    if (atomic_load(&sender->wish) == STOP)
        finish(sender);
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
    atomic_store(&sender->give_up, UINT64_MAX);
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

    atomic_store(&sender->give_up, until);
    atomic_store(&sender->wish, STOP);
    if (!wait_for_end(sender, until + COUNTERS_NS)) {
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

    if (until < atomic_load(&sender->give_up))
        atomic_store(&sender->give_up, until);
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
    stats->sent += atomic_load(&sender->sent);
    stats->bytes += atomic_load(&sender->bytes);
    stats->connections += atomic_load(&sender->connections);
    stats->dropped_disconnected += atomic_load(&sender->lost);
    stats->unmatched += atomic_load(&sender->unmatched);
}

int sender_has_complained(const struct sender *sender)
{
    return atomic_load(&sender->complained);
}

void sender_lock(struct sender *sender)
{
    writer_lock(&sender->writer);
}

void sender_unlock(struct sender *sender)
{
    writer_unlock(&sender->writer);
}

void sender_disown(struct sender *sender)
{
    writer_disown(&sender->writer);
}
