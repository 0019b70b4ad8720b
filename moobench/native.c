/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MooBench's benchmark as a C program: what the agent's core costs where no interpreter is.
 *
 *     native CALLS DEPTH METHOD_TIME THREADS KIND OUTPUT [WRITER RECORD]
 *
 * as workload.py, whose files it writes. KIND is monitored_method, clock_method (the clock is read
 * where probes would be, twice a call) or monitored_method with a writer: then the call has probes.
 */
#include "agent/core/agent.h"
#include "agent/core/clock.h"
#include "agent/core/probe.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STOP_PATIENCE 60000000000u /* ns */

struct worker {
    pthread_t thread;
    size_t calls;
    int64_t *taken; /* ns of each call */
    uint64_t own;   /* ns of processor */
};

typedef int64_t method(int64_t method_time, unsigned depth);

static uint32_t operation;
static volatile uint64_t clock_seen;

static struct {
    size_t calls;
    unsigned depth, threads;
    int64_t method_time;
    method *method;
    const char *output;
} given;

static uint64_t now(clockid_t which)
{
    struct timespec time;

    clock_gettime(which, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int64_t wait_for(int64_t method_time)
{
    int64_t exit_time = (int64_t)now(CLOCK_REALTIME) + method_time, current;

    do
        current = (int64_t)now(CLOCK_REALTIME);
    while (current < exit_time);
    return current;
}

/* What comes back is looked at, so that none of them becomes a loop. */
static __attribute__((noinline)) int64_t plain_method(int64_t method_time, unsigned depth)
{
    int64_t time = depth > 1 ? plain_method(method_time, depth - 1) : wait_for(method_time);

    __asm__ volatile("" : "+r"(time));
    return time;
}

static __attribute__((noinline)) int64_t clock_method(int64_t method_time, unsigned depth)
{
    clock_seen = clock_ticks();
    int64_t time = depth > 1 ? clock_method(method_time, depth - 1) : wait_for(method_time);

    clock_seen = clock_ticks();
    return time;
}

static __attribute__((noinline)) int64_t observed_method(int64_t method_time, unsigned depth)
{
    probe_enter(operation);
    int64_t time = depth > 1 ? observed_method(method_time, depth - 1) : wait_for(method_time);

    probe_leave(operation);
    return time;
}

static void *work(void *argument)
{
    struct worker *worker = argument;

    worker->own = now(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = 0; i < worker->calls; i++) {
        uint64_t begun = now(CLOCK_MONOTONIC);

        given.method(given.method_time, given.depth);
        worker->taken[i] = (int64_t)(now(CLOCK_MONOTONIC) - begun);
    }
    worker->own = now(CLOCK_THREAD_CPUTIME_ID) - worker->own;
    return NULL;
}

static void write_taken(FILE *file, const struct worker *workers)
{
    for (unsigned i = 0; i < given.threads; i++)
        for (size_t k = 0; k < workers[i].calls; k++)
            fprintf(file, "%u;%" PRId64 "\n", i, workers[i].taken[k]);
}

static void write_times(FILE *file, uint64_t wall, uint64_t cpu, uint64_t own)
{
    struct agent_stats stats;

    agent_stats(&stats);
    fprintf(file, "{\"wall_ns\": %" PRIu64 ", \"cpu_ns\": %" PRIu64 ", \"own_ns\": %" PRIu64, wall,
        cpu, own);
    fprintf(file, ", \"counters\": {\"\": 0");
#define COUNTER(name, doc) fprintf(file, ", \"" #name "\": %" PRIu64, stats.name);
    AGENT_COUNTERS(COUNTER)
#undef COUNTER
    fprintf(file, "}}\n");
}

/* OUTPUT, or OUTPUT.json; ends the program when it cannot be written. */
static FILE *output(const char *suffix)
{
    char *path;
    FILE *file = NULL;

    if (asprintf(&path, "%s%s", given.output, suffix) >= 0)
        file = fopen(path, "w");
    if (file == NULL) {
        perror(given.output);
        exit(1);
    }
    free(path);
    return file;
}

static int observe(const char *writer, const char *record)
{
    struct agent_options options = {.writer = writer,
        .when_full = AGENT_BLOCK,
        .record = strcmp(record, "executions") == 0 ? AGENT_EXECUTIONS : AGENT_EVENTS,
        .patience = STOP_PATIENCE,
        .language = "c",
        .run = "",
        .program = "moobench"};
    char error[400];

    if (agent_start(&options, error, sizeof(error)) != 0) {
        fprintf(stderr, "native: %s\n", error);
        return -1;
    }
    operation = agent_operation("monitored_method", 16, "moobench.Native", 15);
    return 0;
}

int main(int argc, char **argv)
{
    struct worker *workers;
    uint64_t wall, cpu, own = 0;
    struct clock clock;

    if (argc != 7 && argc != 9) {
        fprintf(stderr, "native: CALLS DEPTH METHOD_TIME THREADS KIND OUTPUT [WRITER RECORD]\n");
        return 2;
    }
    given.depth = (unsigned)strtoul(argv[2], NULL, 10);
    given.method_time = strtoll(argv[3], NULL, 10);
    given.threads = (unsigned)strtoul(argv[4], NULL, 10);
    given.calls = strtoull(argv[1], NULL, 10) / given.threads;
    given.output = argv[6];
    given.method = strcmp(argv[5], "clock_method") == 0 ? clock_method
                   : argc == 9                          ? observed_method
                                                        : plain_method;
    clock_init(&clock);
    if (argc == 9 && observe(argv[7], argv[8]) != 0)
        return 1;
    workers = calloc(given.threads, sizeof(*workers));
    for (unsigned i = 0; workers != NULL && i < given.threads; i++) {
        workers[i].calls = given.calls;
        workers[i].taken = calloc(given.calls, sizeof(*workers[i].taken));
        if (workers[i].taken == NULL)
            workers = NULL;
    }
    if (workers == NULL) {
        fprintf(stderr, "native: there is no memory for so many calls\n");
        return 1;
    }
    wall = now(CLOCK_MONOTONIC);
    cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    for (unsigned i = 0; i < given.threads; i++)
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            abort();
    for (unsigned i = 0; i < given.threads; i++) {
        pthread_join(workers[i].thread, NULL);
        own += workers[i].own;
    }
    agent_stop(STOP_PATIENCE);
    write_times(
        output(".json"), now(CLOCK_MONOTONIC) - wall, now(CLOCK_PROCESS_CPUTIME_ID) - cpu, own);
    write_taken(output(""), workers);
    return fflush(NULL) == 0 ? 0 : 1;
}
