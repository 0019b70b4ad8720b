/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/store_world.h"

#include "record/talk.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    CLASS_META,
    CLASS_BEFORE,
    CLASS_AFTER,
    CLASS_FAILED,
    CLASS_EXECUTION,
    CLASS_CPU,
    SESSION,
    HOST,
    CAUSE,
    OPERATIONS
};

enum store_durability world_durability = DURABLE_COMMIT;

static unsigned char *room(struct feed *feed, size_t size)
{
    ck_assert_int_eq(buffer_reserve(&feed->bytes, size), 0);
    return feed->bytes.bytes + feed->bytes.size;
}

static void used(struct feed *feed, const unsigned char *end)
{
    feed->bytes.size = (size_t)(end - feed->bytes.bytes);
}

static void put_text(struct feed *feed, const char *text)
{
    used(feed, wire_put_entry(room(feed, strlen(text) + 16), feed->next_id++, text, strlen(text)));
}

static void put_names(struct feed *feed, int number)
{
    static const enum record_id types[] = {RECORD_TRACE_METADATA, RECORD_BEFORE_OPERATION,
        RECORD_AFTER_OPERATION, RECORD_AFTER_OPERATION_FAILED, RECORD_OPERATION_EXECUTION,
        RECORD_CPU_UTILIZATION};
    char text[128];

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        put_text(feed, record_type(types[i])->name);
    put_text(feed, "session");
    snprintf(text, sizeof(text), "host%d", number % 2);
    put_text(feed, text);
    put_text(feed, "ValueError: no");
    for (int i = 0; i < WORLD_OPERATIONS; i++) {
        snprintf(text, sizeof(text), "void package.Class%d.operation%d()", i / 3, i);
        put_text(feed, text);
        snprintf(text, sizeof(text), "package.Class%d", i / 3);
        put_text(feed, text);
    }
    snprintf(text, sizeof(text), TALK_AGENT " version=1 language=c run=run%d", number);
    put_text(feed, text);
}

static void put_metadata(struct feed *feed, int64_t trace)
{
    unsigned char *at = wire_put_head(room(feed, 64), CLASS_META, -1);

    at = bytes_put64(at, (uint64_t)trace);
    at = bytes_put64(at, 42);
    at = bytes_put32(bytes_put32(at, SESSION), HOST);
    used(feed, bytes_put32(bytes_put64(at, (uint64_t)-1), UINT32_MAX));
}

static void put_event(struct feed *feed, int class, int64_t trace, int64_t time, int order, int op)
{
    unsigned char *at = wire_put_head(room(feed, 64), class, time + 17);

    at = bytes_put64(at, (uint64_t)time);
    at = bytes_put32(bytes_put64(at, (uint64_t)trace), (uint32_t)order);
    at = bytes_put32(at, (uint32_t)(OPERATIONS + 2 * op));
    at = bytes_put32(at, (uint32_t)(OPERATIONS + 2 * op + 1));
    used(feed, class == CLASS_FAILED ? bytes_put32(at, CAUSE) : at);
}

static void put_execution(
    struct feed *feed, int64_t trace, int64_t tin, int64_t tout, int eoi, int ess, int op)
{
    unsigned char *at = wire_put_head(room(feed, 80), CLASS_EXECUTION, -1);

    at = bytes_put32(at, (uint32_t)(OPERATIONS + 2 * op));
    at = bytes_put64(bytes_put32(at, SESSION), (uint64_t)trace);
    at = bytes_put64(bytes_put64(at, (uint64_t)tin), (uint64_t)tout);
    used(feed, bytes_put32(bytes_put32(bytes_put32(at, HOST), (uint32_t)eoi), (uint32_t)ess));
}

static void put_cpu(struct feed *feed, int64_t time)
{
    unsigned char *at = wire_put_head(room(feed, 128), CLASS_CPU, -1);

    at = bytes_put32(bytes_put32(bytes_put64(at, (uint64_t)time), HOST), SESSION);
    for (int i = 0; i < 7; i++)
        at = bytes_put64(at, 0);
    used(feed, at);
}

static void feed_all(struct world *world, struct feed *feed)
{
    const unsigned char *at = feed->bytes.bytes, *end = at + feed->bytes.size;
    enum wire_item item;

    while ((item = wire_next(&feed->wire, &at, end, 0)) > 0) {
        if (item == WIRE_ENTRY) {
            ck_assert_int_eq(assembler_entry(world->assembler, feed->stream, feed->wire.entry), 0);
            continue;
        }
        world->records++;
        ck_assert_int_eq(
            assembler_feed(world->assembler, feed->stream, &feed->wire.record, world->now), 0);
    }
    ck_assert_msg(item == WIRE_NEED_MORE && at == end, "%s", feed->wire.error);
    feed->bytes.size = 0;
    assembler_position(feed->stream, feed->wire.position);
}

static void start_assembler(struct world *world)
{
    struct assembler_start start;
    struct model model;
    char error[512];

    ck_assert_int_eq(model_init(&model), 0);
    world->store = store_open(world->path, world_durability, &model, &start, error, sizeof(error));
    ck_assert_msg(world->store != NULL, "%s", error);
    world->assembler = assembler_new(&model, &start, "default");
    ck_assert_ptr_nonnull(world->assembler);
    for (int i = 0; i < WORLD_STREAMS; i++) {
        struct feed *feed = &world->feeds[i];

        feed->stream = assembler_open_stream(world->assembler, "127.0.0.1:1234", world->now);
        wire_init(&feed->wire);
        put_names(feed, i);
        feed_all(world, feed);
    }
}

void world_open_at(struct world *world, const char *path, unsigned seed)
{
    *world = (struct world){.seed = seed, .now = WORLD_START};
    snprintf(world->path, sizeof(world->path), "%s", path);
    *list_add(&world->operations) = (struct model_operation){0};
    *list_add(&world->names) = strdup("");
    start_assembler(world);
}

void world_open(struct world *world, unsigned seed)
{
    char directory[] = "/tmp/kieker-store-XXXXXX", path[128];

    printf("seed %u\n", seed);
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/new/kieker.db", directory);
    world_open_at(world, path, seed);
    strcpy(world->directory, directory);
}

struct made {
    int operation, depth, failed;
    int64_t start, end;
    int eoi;
};

/* A random call tree; `ended` 0: the calls that are open stay so. */
static void make_trace(struct world *world, struct feed *feed, unsigned calls, int ended)
{
    struct made *stack = calloc(calls + 1, sizeof(*stack));
    unsigned began = 0;
    int depth = 0, order = 0, executions = ended && rand_r(&world->seed) % 5 == 0;
    int64_t trace = feed->next_trace++, step = 1 + rand_r(&world->seed) % 100000;

    if (!executions && rand_r(&world->seed) % 9)
        put_metadata(feed, trace);
    while (began < calls || depth > 0) {
        world->now += 1 + rand_r(&world->seed) % step;
        if (began < calls && (depth == 0 || rand_r(&world->seed) % 5 > 1) &&
            (depth > 0 || began == 0)) {
            stack[depth] = (struct made){.operation = rand_r(&world->seed) % WORLD_OPERATIONS,
                .start = world->now,
                .eoi = (int)began++};
            if (!executions)
                put_event(feed, CLASS_BEFORE, trace, world->now, order++, stack[depth].operation);
            depth++;
        } else if (depth > 0 && (depth > 1 || began >= calls)) {
            const struct made *call;

            if (!ended && began >= calls)
                break;
            call = &stack[--depth];
            if (executions)
                put_execution(
                    feed, trace, call->start, world->now, call->eoi, depth, call->operation);
            else
                put_event(feed, rand_r(&world->seed) % 12 ? CLASS_AFTER : CLASS_FAILED, trace,
                    world->now, order++, call->operation);
        }
    }
    free(stack);
    world->now += rand_r(&world->seed) % 1000000;
}

void world_make(struct world *world, unsigned traces, unsigned calls, unsigned commits)
{
    for (unsigned i = 0; i < traces; i++) {
        struct feed *feed = &world->feeds[rand_r(&world->seed) % WORLD_STREAMS];

        make_trace(world, feed, 1 + (unsigned)rand_r(&world->seed) % calls, 1);
        if (rand_r(&world->seed) % 20 == 0)
            put_cpu(feed, world->now);
        feed_all(world, feed);
        if (commits && rand_r(&world->seed) % (1 + traces / commits) == 0)
            world_commit(world);
    }
    world_commit(world);
}

void world_leave_open(struct world *world, unsigned calls)
{
    struct feed *feed = &world->feeds[rand_r(&world->seed) % WORLD_STREAMS];

    make_trace(world, feed, calls, 0);
    feed_all(world, feed);
    world_commit(world);
}

struct known *world_find(struct world *world, uint64_t id)
{
    for (size_t i = world->known.count; i > 0; i--)
        if (world->known.items[i - 1].trace.id == id)
            return &world->known.items[i - 1];
    return NULL;
}

static struct known *known_of(struct world *world, uint64_t id)
{
    struct known *known = world_find(world, id);

    if (known)
        return known;
    known = list_add(&world->known);
    *known = (struct known){.trace.id = id};
    return known;
}

static void keep_parts(
    struct known *known, const struct batch *batch, const uint64_t *offset, const uint32_t *size)
{
    for (int i = 0; i < CHUNK_PARTS; i++)
        ck_assert_int_eq(
            buffer_append(&known->records, batch->parts[i].bytes + offset[i], size[i]), 0);
}

static void keep_dictionaries(struct world *world, const struct batch *batch)
{
    for (size_t i = 0; i < batch->names.count; i++)
        *list_add(&world->names) =
            strndup(batch->names.items[i].text, batch->names.items[i].length);
    for (size_t i = 0; i < batch->operations.count; i++)
        *list_add(&world->operations) = batch->operations.items[i].operation;
}

static void keep(struct world *world, const struct batch *batch)
{
    keep_dictionaries(world, batch);
    for (size_t i = 0; i < batch->chunks.count; i++) {
        const struct batch_chunk *chunk = &batch->chunks.items[i];

        keep_parts(known_of(world, chunk->trace), batch, chunk->offset, chunk->size);
    }
    for (size_t i = 0; i < batch->open.count; i++) {
        struct known *known = known_of(world, batch->open.items[i].trace.id);

        known->trace = batch->open.items[i].trace;
        known->open = 1;
    }
    for (size_t i = 0; i < batch->finished.count; i++) {
        const struct batch_trace *row = &batch->finished.items[i];
        struct known *known = known_of(world, row->trace.id);

        known->trace = row->trace;
        known->open = 0;
        if (row->trace.chunks == 0)
            keep_parts(known, batch, row->offset, row->size);
    }
}

void world_commit(struct world *world)
{
    struct batch *batch = assembler_cut(world->assembler);

    ck_assert_ptr_nonnull(batch);
    keep(world, batch);
    ck_assert_msg((world->commit ? world->commit : store_commit)(world->store, batch) == 0, "%s",
        store_error(world->store));
    world->committed++;
    batch_free(batch);
}

void world_settle(struct world *world)
{
    for (int i = 0; i < 3; i++)
        world_commit(world);
}

void world_forget(struct world *world)
{
    for (int i = 0; i < WORLD_STREAMS; i++) {
        wire_fini(&world->feeds[i].wire);
        buffer_fini(&world->feeds[i].bytes);
    }
    assembler_free(world->assembler);
    store_close(world->store);
    world->store = NULL;
}

void world_close(struct world *world)
{
    for (int i = 0; i < WORLD_STREAMS; i++)
        ck_assert_int_eq(
            assembler_close_stream(world->assembler, world->feeds[i].stream, NULL, world->now), 0);
    world_commit(world);
    world_forget(world);
}

void world_remove(struct world *world)
{
    char command[256];

    for (size_t i = 0; i < world->known.count; i++) {
        list_fini(&world->known.items[i].calls);
        buffer_fini(&world->known.items[i].records);
    }
    for (size_t i = 0; i < world->names.count; i++)
        free(world->names.items[i]);
    list_fini(&world->known);
    list_fini(&world->names);
    list_fini(&world->operations);
    snprintf(command, sizeof(command), "rm -rf %s", world->directory);
    ck_assert_int_eq(system(command), 0);
}

struct store_reader *world_read(struct world *world)
{
    char error[512];
    int missing;
    struct store_reader *reader = store_read(world->path, error, sizeof(error), &missing);

    ck_assert_msg(reader != NULL, "%s", error);
    return reader;
}

static void on_enter(void *context, struct call *call)
{
    (void)context;
    call->user = (void *)(uintptr_t)call->operation;
}

static void on_leave(void *context, struct call *call)
{
    struct known *known = context;

    *list_add(&known->calls) = (struct known_call){.operation = call->operation,
        .caller = (uint32_t)(uintptr_t)call->caller_user,
        .start = call->start,
        .duration = call->duration,
        .self = call->self,
        .failed = call->failed,
        .open = call->open};
}

static int feed_walk(void *context, const struct chunk_view *chunk)
{
    ck_assert_msg(walk_feed(context, chunk) == 0, "%s", walk_error(context));
    return 0;
}

void world_learn_calls(struct world *world, struct store_reader *reader)
{
    for (size_t i = 0; i < world->known.count; i++) {
        struct known *known = &world->known.items[i];
        const struct walker walker = {on_enter, on_leave, known};
        struct walk *walk = walk_new(&known->trace, &walker);
        int64_t first = INT64_MAX;
        uint64_t failed = 0;

        known->calls.count = 0;
        ck_assert_int_eq(store_chunks(reader, known->trace.id, feed_walk, walk), 0);
        ck_assert_int_eq(walk_end(walk), 0);
        walk_free(walk);
        for (size_t j = 0; j < known->calls.count; j++) {
            const struct known_call *call = &known->calls.items[j];

            first = call->start < first ? call->start : first;
            failed += call->failed != 0;
        }
        ck_assert_uint_eq(known->calls.count, known->trace.calls);
        ck_assert_uint_eq(failed, known->trace.failed);
        if (known->calls.count > 0)
            ck_assert_int_eq(first, known->trace.start);
    }
}

unsigned world_seed(void)
{
    const char *seed = getenv("SEED");

    return seed ? (unsigned)atoi(seed) : (unsigned)time(NULL);
}

const char *world_operation(struct world *world, uint32_t operation)
{
    return world->names.items[world->operations.items[operation].name];
}

const char *world_component(struct world *world, uint32_t operation)
{
    return world->names.items[world->operations.items[operation].component];
}
