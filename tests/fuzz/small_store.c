/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/small_store.h"

#include "record/wire.h"
#include "tests/fuzz/input.h"

#include <unistd.h>

#define START INT64_C(1700000000000000000)

enum { META, BEFORE, AFTER, FAILED, EXECUTION, CPU, SESSION, HOST, CAUSE, OPERATIONS };

struct making {
    struct assembler *assembler;
    struct stream *stream;
    struct wire wire;
    unsigned char bytes[4096], *at;
    int64_t now;
};

static char directory[200], path[240];

static void remove_store(void)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char name[256];

    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        unlink(name);
    }
    rmdir(directory);
}

static void feed(struct making *making)
{
    const unsigned char *at = making->bytes;
    enum wire_item item;

    while ((item = wire_next(&making->wire, &at, making->at, 0)) > 0)
        if (item == WIRE_ENTRY)
            must(assembler_entry(making->assembler, making->stream, making->wire.entry) == 0);
        else
            must(assembler_feed(
                     making->assembler, making->stream, &making->wire.record, making->now) == 0);
    must(item == WIRE_NEED_MORE && at == making->at);
    making->at = making->bytes;
}

static void put_text(struct making *making, int32_t id, const char *text)
{
    making->at = wire_put_entry(making->at, id, text, strlen(text));
}

static void put_metadata(struct making *making, int64_t trace)
{
    unsigned char *at = bytes_put64(wire_put_head(making->at, META, -1), (uint64_t)trace);

    at = bytes_put32(bytes_put32(bytes_put64(at, 7), SESSION), HOST);
    making->at = bytes_put32(bytes_put64(at, (uint64_t)-1), UINT32_MAX);
    feed(making);
}

static void put_event(struct making *making, int class, int64_t trace, int order, int operation)
{
    unsigned char *at;

    making->now += 1000 + operation * 777;
    at = wire_put_head(making->at, class, making->now);
    at = bytes_put64(bytes_put64(at, (uint64_t)making->now), (uint64_t)trace);
    at = bytes_put32(at, (uint32_t)order);
    at = bytes_put32(bytes_put32(at, (uint32_t)(OPERATIONS + operation)), SESSION);
    making->at = class == FAILED ? bytes_put32(at, CAUSE) : at;
    feed(making);
}

static void put_execution(struct making *making, int64_t trace, int eoi, int ess, int operation)
{
    unsigned char *at =
        bytes_put32(wire_put_head(making->at, EXECUTION, -1), (uint32_t)(OPERATIONS + operation));

    at = bytes_put64(bytes_put32(at, SESSION), (uint64_t)trace);
    making->now += 10;
    at = bytes_put64(at, (uint64_t)(making->now - 500));
    at = bytes_put64(at, (uint64_t)making->now);
    making->at = bytes_put32(bytes_put32(bytes_put32(at, HOST), (uint32_t)eoi), (uint32_t)ess);
    feed(making);
}

static void put_cpu(struct making *making)
{
    unsigned char *at = bytes_put64(wire_put_head(making->at, CPU, -1), (uint64_t)making->now);

    at = bytes_put32(bytes_put32(at, HOST), SESSION);
    for (int i = 0; i < 7; i++)
        at = bytes_put64(at, UINT64_C(0x3FD0000000000000));
    making->at = at;
    feed(making);
}

static void open_stream(struct making *making, int number)
{
    static const enum record_id types[] = {RECORD_TRACE_METADATA, RECORD_BEFORE_OPERATION,
        RECORD_AFTER_OPERATION, RECORD_AFTER_OPERATION_FAILED, RECORD_OPERATION_EXECUTION,
        RECORD_CPU_UTILIZATION};
    static const char *const operations[] = {"void shop.Catalog.get_book()", "main",
        "public int shop.CRM.offers(int)", "d\xc3\xa9j\xc3\xa0.vu()"};
    char text[64];

    making->at = making->bytes;
    making->stream = assembler_open_stream(making->assembler, "127.0.0.1:4711", making->now);
    must(making->stream != NULL);
    wire_init(&making->wire);
    for (int i = 0; i < 6; i++)
        put_text(making, i, record_type(types[i])->name);
    put_text(making, SESSION, "");
    snprintf(text, sizeof(text), "web-%d", number);
    put_text(making, HOST, text);
    put_text(making, CAUSE, "ValueError: no, \"never\"");
    for (int i = 0; i < 4; i++)
        put_text(making, OPERATIONS + i, operations[i]);
    snprintf(text, sizeof(text), "kieker:agent version=1 run=run%d program=shop", number);
    put_text(making, 100, text);
    feed(making); /* all at once: where a text that is not ASCII ends is seen by what follows */
}

/* Twenty traces: a root call with some below it, of one kind or another. */
static void make_traces(struct making *making)
{
    for (int64_t trace = 0; trace < 20; trace++) {
        int order = 0;

        if (trace % 5 == 4) {
            put_execution(making, trace, 1, 1, 2);
            put_execution(making, trace, 2, 1, 0);
            put_execution(making, trace, 0, 0, 1);
            continue;
        }
        if (trace % 7 != 6)
            put_metadata(making, trace);
        put_event(making, BEFORE, trace, order++, 1);
        for (int i = 0; i < trace % 4; i++) {
            put_event(making, BEFORE, trace, order++, i % 4);
            put_event(making, trace % 3 == 1 ? FAILED : AFTER, trace, order++, i % 4);
        }
        put_event(making, AFTER, trace, trace == 13 ? 99 : order, 1);
        if (trace % 10 == 0)
            put_cpu(making);
    }
}

static void commit(struct making *making, struct store *store)
{
    struct batch *batch = assembler_cut(making->assembler);

    must(batch != NULL && store_commit(store, batch) == 0);
    batch_free(batch);
}

static void make(void)
{
    struct making making = {.now = START};
    struct assembler_start start;
    struct model model;
    struct store *store;
    const char *folder = getenv("TMPDIR");
    char error[512];

    snprintf(directory, sizeof(directory), "%.150s/kieker-fuzz-XXXXXX", folder ? folder : "/tmp");
    must(mkdtemp(directory) != NULL);
    snprintf(path, sizeof(path), "%s/kieker.db", directory);
    atexit(remove_store);
    must(model_init(&model) == 0);
    store = store_open(path, DURABLE_COMMIT, &model, &start, error, sizeof(error));
    must(store != NULL);
    making.assembler = assembler_new(&model, &start, "default");
    for (int i = 0; i < 2; i++) {
        open_stream(&making, i);
        make_traces(&making);
        commit(&making, store);
        if (i == 0)
            must(assembler_close_stream(making.assembler, making.stream, NULL, making.now) == 0);
        else
            for (int order = 0; order < 9; order++) {
                put_event(&making, BEFORE, 77, order, order % 4);
                commit(&making, store);
            }
        wire_fini(&making.wire);
        making.now += INT64_C(30000000000);
    }
    assembler_free(making.assembler);
    store_close(store);
}

const char *small_store(void)
{
    if (path[0] == '\0')
        make();
    return path;
}
