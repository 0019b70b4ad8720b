/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast the store takes finished traces, how many bytes they need, and how fast it answers.
 * Traces of equal shape with varying times go through the assembler, as they would come from a
 * client; only store_commit is timed.
 *
 *     store_load DATABASE TRACES CALLS      makes the database, then asks
 *     store_load DATABASE                   only asks
 */
#include "record/wire.h"
#include "storage/store.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define START INT64_C(1700000000000000000)
#define RECORDS_A_BATCH 400000

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double processor_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void die(const char *sentence)
{
    fprintf(stderr, "store_load: %s\n", sentence);
    exit(1);
}

enum { META, BEFORE, AFTER, SESSION, HOST, SIGNATURES, OPERATIONS = 64 };

struct load {
    unsigned char *bytes, *at;
    int64_t now;
    uint64_t random;
    struct assembler *assembler;
    struct stream *stream;
    struct wire wire;
    struct store *store;
    uint64_t records;
    double wall, processor; /* spent in store_commit */
};

static uint64_t next_random(struct load *load)
{
    load->random ^= load->random << 13;
    load->random ^= load->random >> 7;
    return load->random ^= load->random << 17;
}

/* Some hundred ns, with a long tail. */
static int64_t next_step(struct load *load)
{
    double u = (double)(next_random(load) >> 11) / 9007199254740992.0;

    return 80 + (int64_t)(-log(1 - u) * 250);
}

static void put_names(struct load *load)
{
    static const enum record_id types[] = {
        RECORD_TRACE_METADATA, RECORD_BEFORE_OPERATION, RECORD_AFTER_OPERATION};
    char text[64];
    int id = 0;

    for (int i = 0; i < 3; i++)
        load->at = wire_put_entry(
            load->at, id++, record_type(types[i])->name, strlen(record_type(types[i])->name));
    load->at = wire_put_entry(load->at, id++, "<no-session-id>", 15);
    load->at = wire_put_entry(load->at, id++, "localhost", 9);
    for (int i = 0; i < OPERATIONS; i++) {
        snprintf(text, sizeof(text), "package.module%d.Class%d.operation%d", i / 16, i / 4, i);
        load->at = wire_put_entry(load->at, id++, text, strlen(text));
        snprintf(text, sizeof(text), "package.module%d.Class%d", i / 16, i / 4);
        load->at = wire_put_entry(load->at, id++, text, strlen(text));
    }
}

static void put_event(struct load *load, int class, uint64_t trace, int order, int operation)
{
    unsigned char *at = wire_put_head(load->at, class, -1);

    load->now += next_step(load);
    at = bytes_put64(bytes_put64(at, (uint64_t)load->now), trace);
    at = bytes_put32(at, (uint32_t)order);
    at = bytes_put32(at, (uint32_t)(SIGNATURES + 2 * operation));
    load->at = bytes_put32(at, (uint32_t)(SIGNATURES + 2 * operation + 1));
}

/* Calls nested ten deep, ten after ten: of 10 calls the depth is 10; of more there are many chains
 * below one root. */
static void put_trace(struct load *load, uint64_t trace, unsigned calls)
{
    unsigned char *at = wire_put_head(load->at, META, -1);
    int stack[16], depth = 0, order = 0;
    unsigned made = 0;

    at = bytes_put64(bytes_put64(at, trace), 1 + trace % 4);
    at = bytes_put32(bytes_put32(at, SESSION), HOST);
    load->at = bytes_put32(bytes_put64(at, (uint64_t)-1), UINT32_MAX);
    while (made < calls || depth > 0) {
        if (made < calls && depth < 10) {
            stack[depth] = (int)(made * 7 % OPERATIONS);
            put_event(load, BEFORE, trace, order++, stack[depth++]);
            made++;
            continue;
        }
        do
            put_event(load, AFTER, trace, order++, stack[--depth]);
        while (depth > 1 || (made >= calls && depth > 0));
    }
    if (next_random(load) % 1000 == 0)
        load->now += (int64_t)(next_random(load) % 100000);
}

static void feed(struct load *load)
{
    const unsigned char *at = load->bytes;
    enum wire_item item;

    while ((item = wire_next(&load->wire, &at, load->at, 0)) > 0)
        if (item == WIRE_RECORD &&
            assembler_feed(load->assembler, load->stream, &load->wire.record, load->now) < 0)
            die("not enough memory");
    if (item == WIRE_FAILED)
        die(load->wire.error);
    load->at = load->bytes;
    assembler_position(load->stream, load->wire.position);
}

static void commit(struct load *load)
{
    struct batch *batch = assembler_cut(load->assembler);
    double wall = seconds(), processor = processor_seconds();

    load->records += batch->record_count;
    if (store_commit(load->store, batch) < 0)
        die(store_error(load->store));
    while (store_tidy(load->store) > 0)
        ;
    load->wall += seconds() - wall;
    load->processor += processor_seconds() - processor;
    batch_free(batch);
}

static void make(const char *path, uint64_t traces, unsigned calls)
{
    struct load load = {.now = START, .random = 88172645463325252u};
    struct assembler_start start;
    struct model model;
    struct stat status;
    uint64_t events = traces * calls * 2;
    char error[512];

    model_init(&model);
    load.bytes = load.at = malloc(64 * 1024 + ((size_t)calls * 2 + 1) * 64);
    load.store = store_open(path, DURABLE_COMMIT, &model, &start, error, sizeof(error));
    if (load.store == NULL)
        die(error);
    load.assembler = assembler_new(&model, &start, "load");
    load.stream = assembler_open_stream(load.assembler, "127.0.0.1:1", load.now);
    wire_init(&load.wire);
    put_names(&load);
    for (uint64_t i = 0, in_batch = 0; i < traces; i++) {
        put_trace(&load, i + 1, calls);
        feed(&load);
        in_batch += calls * 2;
        if (in_batch >= RECORDS_A_BATCH || i + 1 == traces) {
            commit(&load);
            in_batch = 0;
        }
    }
    assembler_close_stream(load.assembler, load.stream, NULL, load.now);
    commit(&load);
    assembler_free(load.assembler);
    store_close(load.store);
    wire_fini(&load.wire);
    free(load.bytes);
    stat(path, &status);
    printf("%" PRIu64 " traces of %u calls: %.2f bytes/event, %.1f million events/s (%.2f s), a "
           "processor's %.1f million/s\n",
        traces, calls, (double)status.st_size / (double)events, (double)events / load.wall / 1e6,
        load.wall, (double)events / load.processor / 1e6);
}

/* ---- asking */

static int on_row(void *context, const struct trace_row *row)
{
    (void)context;
    (void)row;
    return 0;
}

static int on_operation(void *context, const struct operation_row *row)
{
    (void)context;
    (void)row;
    return 0;
}

static int on_path(void *context, const struct path_row *row)
{
    (void)context;
    (void)row;
    return 0;
}

static int on_chunk(void *context, const struct chunk_view *chunk)
{
    *(size_t *)context += chunk->parts[CHUNK_STRUCTURE].size;
    return 0;
}

#define TIMED(what, call)                                                                          \
    do {                                                                                           \
        double since = seconds();                                                                  \
        if ((call) < 0)                                                                            \
            die(store_reader_error(reader));                                                       \
        printf("%8.1f ms  %s\n", (seconds() - since) * 1e3, what);                                 \
    } while (0)

static void ask(const char *path)
{
    struct trace_page slowest = {.sort = SORT_DURATION, .limit = 20},
                      latest = {.sort = SORT_START, .limit = 20};
    struct trace_page thousand = {.sort = SORT_DURATION, .limit = 1000},
                      deepest = {.sort = SORT_DEPTH, .limit = 20};
    struct trace_page narrow = {.sort = SORT_DURATION, .limit = 20},
                      named = {.sort = SORT_DURATION, .limit = 20};
    struct store_filter all = store_filter_all, middle = store_filter_all,
                        operation = store_filter_all;
    struct store_status status;
    struct store_reader *reader;
    char error[512];
    size_t bytes = 0;
    int missing;
    double began = seconds();

    reader = store_read(path, error, sizeof(error), &missing);
    if (reader == NULL)
        die(error);
    printf("%8.1f ms  open\n", (seconds() - began) * 1e3);
    TIMED("slowest 20", store_traces(reader, &all, &slowest, on_row, NULL));
    TIMED("slowest 20 again", store_traces(reader, &all, &slowest, on_row, NULL));
    printf("             of %" PRIu64 "\n", slowest.total);
    slowest.after = slowest.next;
    TIMED("the next 20", store_traces(reader, &all, &slowest, on_row, NULL));
    TIMED("latest 20", store_traces(reader, &all, &latest, on_row, NULL));
    TIMED("deepest 20 (all are alike)", store_traces(reader, &all, &deepest, on_row, NULL));
    TIMED("slowest 1000", store_traces(reader, &all, &thousand, on_row, NULL));
    middle.min_duration = 5000;
    middle.max_duration = 6000;
    TIMED("slowest 20 between 5 and 6 us", store_traces(reader, &middle, &narrow, on_row, NULL));
    operation.operation = "*operation7";
    TIMED("slowest 20 with an operation", store_traces(reader, &operation, &named, on_row, NULL));
    TIMED("chunks of trace 4711", store_chunks(reader, 4711, on_chunk, &bytes));
    TIMED("operations", store_operations(reader, &all, on_operation, NULL));
    TIMED("tree", store_tree(reader, &all, on_path, NULL));
    TIMED("status", store_status(reader, &status));
    printf("             %" PRIu64 " traces, %" PRIu64 " calls, %.1f MB\n", status.traces,
        status.calls, (double)status.bytes / 1e6);
    store_reader_close(reader);
}

int main(int count, char **words)
{
    if (count != 2 && count != 4)
        die("usage: store_load DATABASE [TRACES CALLS]");
    if (count == 4)
        make(words[1], strtoull(words[2], NULL, 10), (unsigned)strtoul(words[3], NULL, 10));
    ask(words[1]);
    return 0;
}
