/* SPDX-License-Identifier: Apache-2.0 */
/* Records in, batches, records out: the same ones. Captures of real clients, made-up streams of all
 * types, and what remains when chunks are lost or damaged. */
#include "analysis/assembler.h"
#include "analysis/records.h"
#include "record/wire.h"
#include "tests/captures.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Lines, each a record as text; sorted by trace when they are compared. */
struct line {
    char *text;
    int64_t trace;
    int kind; /* 0: of no trace, 1: of a trace's events, 2: of executions, 3: its metadata */
    size_t number;
};

struct lines {
    LIST(struct line) items;
};

struct bench {
    struct assembler *assembler;
    struct stream *stream;
    struct wire wire;
    LIST(struct batch *) batches;
    LIST(char *) names;
    LIST(struct model_operation) operations;
    struct lines in, out;
    int64_t unit;
    struct records *records;
};

static void put_text(FILE *out, const struct record *record, const unsigned char *at)
{
    int32_t id = (int32_t)bytes_get32(at);
    const struct registry_entry *entry = registry_get(record->registry, id);

    if (entry)
        fprintf(out, "\"%s\"", entry->text);
    else
        fprintf(out, "\"<?%" PRId32 ">\"", id);
}

static char *describe(const struct record *record)
{
    struct record_cursor cursor = {.record = record};
    size_t size;
    char *text;
    FILE *out = open_memstream(&text, &size);

    fprintf(out, "%s logged=%" PRId64, record->type->name, record->logged);
    while (record_next_value(&cursor)) {
        const struct record_field *field = &record->type->fields[cursor.field];

        fprintf(out, " %s[%u/%u]=", field->name, cursor.element, cursor.elements);
        if (cursor.at == NULL)
            continue;
        if (field_element(field->type) == FIELD_STR) {
            put_text(out, record, cursor.at);
            continue;
        }
        for (unsigned i = 0; i < field_width(field_element(field->type)); i++)
            fprintf(out, "%02x", cursor.at[i]);
    }
    fclose(out);
    return text;
}

static int64_t trace_of(const struct record *record, int *kind)
{
    unsigned field;

    switch (record->type->role) {
    case ROLE_EXECUTION:
        *kind = 2;
        return record_i64(record, EXEC_TRACE);
    case ROLE_TRACE_METADATA:
        *kind = 3;
        return record_i64(record, META_TRACE);
    case ROLE_OTHER:
    case ROLE_METADATA:
    case ROLE_THREAD:
        *kind = 0;
        return 0;
    default:
        break;
    }
    *kind = record->type->form == FORM_THREAD ? 4 : 1;
    if (*kind == 4)
        return record_i64(record, EVENT_TRACE);
    for (field = 0; strcmp(record->type->fields[field].name, "traceId") != 0; field++)
        ;
    return record_i64(record, field);
}

static void add_line(struct lines *lines, const struct record *record)
{
    struct line *line = list_add(&lines->items);

    line->text = describe(record);
    line->trace = trace_of(record, &line->kind);
    line->number = lines->items.count;
}

static int by_trace(const void *a, const void *b)
{
    const struct line *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->trace != y->trace)
        return x->trace < y->trace ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static void sort_lines(struct lines *lines)
{
    if (lines->items.count > 0)
        qsort(lines->items.items, lines->items.count, sizeof(struct line), by_trace);
}

static void free_lines(struct lines *lines)
{
    for (size_t i = 0; i < lines->items.count; i++)
        free(lines->items.items[i].text);
    list_fini(&lines->items);
}

static void bench_open(struct bench *bench)
{
    struct assembler_start start = {0};
    struct model model;

    *bench = (struct bench){0};
    ck_assert_int_eq(model_init(&model), 0);
    bench->assembler = assembler_new(&model, &start, "default");
    bench->stream = assembler_open_stream(bench->assembler, "peer", 1);
    wire_init(&bench->wire);
    *list_add(&bench->names) = strdup("");
    *list_add(&bench->operations) = (struct model_operation){0};
}

static void bench_cut(struct bench *bench)
{
    struct batch *batch = assembler_cut(bench->assembler);

    ck_assert_ptr_nonnull(batch);
    for (size_t i = 0; i < batch->names.count; i++)
        *list_add(&bench->names) =
            strndup(batch->names.items[i].text, batch->names.items[i].length);
    for (size_t i = 0; i < batch->operations.count; i++)
        *list_add(&bench->operations) = batch->operations.items[i].operation;
    for (size_t i = 0; i < batch->streams.count; i++)
        bench->unit = batch->streams.items[i].unit;
    *list_add(&bench->batches) = batch;
}

/* Feeds bytes, keeping what they say; cuts after every `every` records. */
static void bench_feed(struct bench *bench, const unsigned char *bytes, size_t size, unsigned every)
{
    const unsigned char *at = bytes;
    enum wire_item item;

    while ((item = wire_next(&bench->wire, &at, bytes + size, 0)) > 0) {
        if (item == WIRE_ENTRY)
            continue;
        add_line(&bench->in, &bench->wire.record);
        ck_assert_int_eq(
            assembler_feed(bench->assembler, bench->stream, &bench->wire.record, 1), 0);
        if (every && bench->wire.records % every == 0)
            bench_cut(bench);
    }
    ck_assert_msg(item == WIRE_NEED_MORE && at == bytes + size, "%s", bench->wire.error);
    ck_assert_int_eq(assembler_close_stream(bench->assembler, bench->stream, NULL, 2), 0);
    bench_cut(bench);
}

static int name_of(void *context, uint32_t id, const char **text, size_t *length)
{
    struct bench *bench = context;

    if (id >= bench->names.count)
        return -1;
    *text = bench->names.items[id];
    *length = strlen(*text);
    return 0;
}

static int operation_of(void *context, uint32_t id, uint32_t *signature, uint32_t *class_signature)
{
    struct bench *bench = context;

    if (id == 0 || id >= bench->operations.count)
        return -1;
    *signature = bench->operations.items[id].signature;
    *class_signature = bench->operations.items[id].class_signature;
    return 0;
}

static int on_record(void *context, const struct record *record)
{
    struct bench *bench = context;

    add_line(&bench->out, record);
    return 0;
}

static struct chunk_view view_of(const struct batch *batch, const uint64_t *offset,
    const uint32_t *size, uint64_t events, int64_t base)
{
    struct chunk_view view = {.events = events, .base = base};

    for (int part = 0; part < CHUNK_PARTS; part++) {
        view.parts[part].bytes =
            size[part] ? batch->parts[part].bytes + offset[part] : (const unsigned char *)"";
        view.parts[part].size = size[part];
    }
    return view;
}

/* What is done with a chunk: 0 fed, 1 lost. */
typedef int chunk_fate(const struct batch_chunk *chunk);

static void give_trace(
    struct bench *bench, const struct batch *of, const struct batch_trace *row, chunk_fate *fate)
{
    struct chunk_view view =
        view_of(of, row->offset, row->size, row->trace.events, row->trace.start);

    ck_assert_int_eq(records_begin(bench->records, &row->trace, bench->unit), 0);
    if (row->trace.chunks == 0)
        ck_assert_msg(
            records_feed(bench->records, &view) == 0, "%s", records_error(bench->records));
    for (size_t i = 0; row->trace.chunks > 0 && i < bench->batches.count; i++) {
        const struct batch *batch = bench->batches.items[i];

        for (size_t j = 0; j < batch->chunks.count; j++) {
            const struct batch_chunk *chunk = &batch->chunks.items[j];

            if (chunk->trace != row->trace.id)
                continue;
            view = view_of(batch, chunk->offset, chunk->size, chunk->events, chunk->base);
            if (fate && fate(chunk))
                records_lose(bench->records, chunk->events);
            else
                ck_assert_msg(
                    records_feed(bench->records, &view) == 0, "%s", records_error(bench->records));
        }
    }
}

static int by_id(const void *a, const void *b)
{
    const struct batch_trace *x = *(const struct batch_trace *const *)a,
                             *y = *(const struct batch_trace *const *)b;

    return (x->trace.id > y->trace.id) - (x->trace.id < y->trace.id);
}

/* All that is stored, back to records; traces in the order in which they began. */
static void bench_recall(struct bench *bench, chunk_fate *fate)
{
    const struct records_texts texts = {name_of, operation_of, bench};
    LIST(const struct batch_trace *) rows = {0};
    LIST(const struct batch *) of = {0};
    uint64_t last = 0;

    bench->records = records_new(&texts, on_record, bench);
    for (size_t i = 0; i < bench->batches.count; i++) {
        const struct batch *batch = bench->batches.items[i];

        for (size_t j = 0; j < batch->records.count; j++)
            ck_assert_int_eq(
                records_other(bench->records, &batch->records.items[j], bench->unit), 0);
        for (size_t j = 0; j < batch->finished.count; j++)
            *list_add(&rows) = &batch->finished.items[j];
    }
    qsort(rows.items, rows.count, sizeof(*rows.items), by_id);
    for (size_t i = 0; i < rows.count; i++) {
        ck_assert_uint_gt(rows.items[i]->trace.id, last);
        last = rows.items[i]->trace.id;
        for (size_t j = 0; j < bench->batches.count; j++) {
            const struct batch *batch = bench->batches.items[j];

            if (rows.items[i] >= batch->finished.items &&
                rows.items[i] < batch->finished.items + batch->finished.count)
                give_trace(bench, batch, rows.items[i], fate);
        }
    }
    list_fini(&rows);
    list_fini(&of);
}

static void bench_close(struct bench *bench)
{
    for (size_t i = 0; i < bench->batches.count; i++)
        batch_free(bench->batches.items[i]);
    for (size_t i = 0; i < bench->names.count; i++)
        free(bench->names.items[i]);
    list_fini(&bench->batches);
    list_fini(&bench->names);
    list_fini(&bench->operations);
    free_lines(&bench->in);
    free_lines(&bench->out);
    records_free(bench->records);
    wire_fini(&bench->wire);
    assembler_free(bench->assembler);
}

static void expect_equal(struct bench *bench)
{
    struct records_losses losses;

    records_losses(bench->records, &losses);
    ck_assert_uint_eq(losses.records, 0);
    ck_assert_uint_eq(losses.texts, 0);
    sort_lines(&bench->in);
    sort_lines(&bench->out);
    for (size_t i = 0; i < bench->in.items.count && i < bench->out.items.count; i++)
        ck_assert_str_eq(bench->out.items.items[i].text, bench->in.items.items[i].text);
    ck_assert_uint_eq(bench->out.items.count, bench->in.items.count);
}

START_TEST(captures_come_back)
{
    const char *name = captures[_i / 3];
    const unsigned every[] = {0, 1, 7};
    struct bench bench;
    size_t size;
    unsigned char *bytes = (unsigned char *)capture_read(name, ".bin", &size);

    bench_open(&bench);
    bench_feed(&bench, bytes, size, every[_i % 3]);
    ck_assert_uint_gt(bench.in.items.count, 0);
    bench_recall(&bench, NULL);
    expect_equal(&bench);
    bench_close(&bench);
    free(bytes);
}
END_TEST

/* A made-up stream. */
struct maker {
    struct buffer out;
    uint64_t random;
    int64_t now, step;
    int straight; /* order indexes go up by one */
    struct thread {
        int64_t trace;
        int32_t order;
        int depth;
        int32_t signatures[64], classes[64];
        int announced;
    } threads[6];
    int64_t last_trace;
};

#define CLASSES 1000 /* ids of class names: this and the type's number */
#define TEXTS 40

static unsigned draw(struct maker *maker, unsigned below)
{
    maker->random = maker->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(maker->random >> 33) % below;
}

static void put_bytes(struct maker *maker, const void *bytes, size_t size)
{
    ck_assert_int_eq(buffer_append(&maker->out, bytes, size), 0);
}

static void put_entry(struct maker *maker, int32_t id, const char *text)
{
    unsigned char room[300];

    put_bytes(maker, room, (size_t)(wire_put_entry(room, id, text, strlen(text)) - room));
}

static void put64(struct maker *maker, int64_t value)
{
    unsigned char bytes[8];

    bytes_put64(bytes, (uint64_t)value);
    put_bytes(maker, bytes, 8);
}

static void put32(struct maker *maker, int32_t value)
{
    unsigned char bytes[4];

    bytes_put32(bytes, (uint32_t)value);
    put_bytes(maker, bytes, 4);
}

/* Now and then one that was never announced. */
static int32_t some_text(struct maker *maker)
{
    return (int32_t)draw(maker, draw(maker, 50) == 0 ? TEXTS + 5 : TEXTS);
}

static void put_element(struct maker *maker, enum record_field_type element)
{
    unsigned char bytes[8];

    if (element == FIELD_STR) {
        put32(maker, some_text(maker));
        return;
    }
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(draw(maker, 4) == 0 ? 0xFF : draw(maker, 256));
    put_bytes(maker, bytes, field_width(element));
}

static void put_field(struct maker *maker, enum record_field_type field)
{
    unsigned elements = field_is_array(field) ? draw(maker, 4) : 1;

    if (field_is_array(field))
        put32(maker, (int32_t)elements);
    for (unsigned i = 0; i < elements; i++)
        put_element(maker, field_element(field));
}

/* The fields from number `from` on, whatever they are. */
static void put_rest(struct maker *maker, const struct record_type *type, unsigned from)
{
    for (unsigned i = from; i < type->field_count; i++)
        put_field(maker, type->fields[i].type);
}

static void put_head(struct maker *maker, const struct record_type *type)
{
    int64_t logged = draw(maker, 3) == 0 ? -1 : maker->now + (int64_t)draw(maker, 100) - 20;

    put32(maker, CLASSES + (int32_t)record_type_id(type));
    put64(maker, logged);
}

/* An event of the trace, or thread, with these strings where it has them; the rest is anything. */
static void put_event(struct maker *maker, struct thread *thread, const struct record_type *type,
    int32_t signature, int32_t class)
{
    put_head(maker, type);
    maker->now += (int64_t)draw(maker, 1000) - (draw(maker, 30) == 0 ? 3000 : 0);
    thread->order += !maker->straight && draw(maker, 40) == 0 ? (int32_t)draw(maker, 5) - 2 : 0;
    for (unsigned i = 0; i < type->field_count; i++) {
        const char *name = type->fields[i].name;

        if (strcmp(name, "timestamp") == 0)
            put64(maker, maker->now);
        else if (strcmp(name, "traceId") == 0 || strcmp(name, "threadId") == 0)
            put64(maker, thread->trace);
        else if (strcmp(name, "orderIndex") == 0)
            put32(maker, thread->order++);
        else if (strcmp(name, "operationSignature") == 0 ||
                 (type->form == FORM_DATABASE && strcmp(name, "classSignature") == 0))
            put32(maker, signature);
        else if (strcmp(name, "classSignature") == 0)
            put32(maker, class);
        else
            put_field(maker, type->fields[i].type);
    }
}

static const struct record_type *some_type(struct maker *maker, enum record_role role)
{
    const struct record_type *type;

    do
        type = record_type((enum record_id)draw(maker, RECORD_TYPES));
    while (type->role != role);
    return type;
}

/* One whose calls match one another, whichever it is. */
static const struct record_type *some_operation(struct maker *maker, enum record_role role)
{
    const struct record_type *type;

    do
        type = some_type(maker, role);
    while (type->form != FORM_OPERATION);
    return type;
}

static void put_metadata(struct maker *maker, struct thread *thread)
{
    const struct record_type *type = some_type(maker, ROLE_TRACE_METADATA);

    put_head(maker, type);
    put64(maker, thread->trace);
    if (draw(maker, 2)) {
        put_rest(maker, type, META_THREAD);
    } else { /* without a parent */
        put64(maker, 42);
        put32(maker, some_text(maker));
        put32(maker, some_text(maker));
        put64(maker, thread->trace);
        put32(maker, -1);
        put_rest(maker, type, META_PARENT_ORDER + 1);
    }
    thread->announced = 1;
}

/* A Call event of what is open, and as a rule what it calls. */
static void put_call(struct maker *maker, struct thread *thread)
{
    const struct record_type *type = some_type(maker, ROLE_CALL);
    int32_t signature = some_text(maker), class = some_text(maker);
    size_t callee;

    put_event(maker, thread, type, thread->depth ? thread->signatures[thread->depth - 1] : 3,
        thread->depth ? thread->classes[thread->depth - 1] : 4);
    if (thread->depth == 64 || draw(maker, 4) == 0)
        return;
    callee = maker->out.size - type->size + type->offset[CALL_CALLEE_OPERATION];
    bytes_put32(maker->out.bytes + callee, (uint32_t)signature);
    bytes_put32(maker->out.bytes + callee + 4, (uint32_t) class);
    thread->signatures[thread->depth] = signature;
    thread->classes[thread->depth++] = class;
    put_event(maker, thread, some_type(maker, ROLE_BEFORE), signature, class);
}

static void put_execution(struct maker *maker)
{
    const struct record_type *type = record_type(RECORD_OPERATION_EXECUTION);

    put_head(maker, type);
    put32(maker, some_text(maker));
    put32(maker, some_text(maker));
    put64(maker, 1 + (int64_t)draw(maker, 5));
    put64(maker, maker->now);
    put64(maker, maker->now + draw(maker, 500));
    put32(maker, some_text(maker));
    put32(maker, (int32_t)draw(maker, 12) - 1);
    put32(maker, (int32_t)draw(maker, 4) - 1);
}

static void begin_trace(struct maker *maker, struct thread *thread)
{
    *thread = (struct thread){.trace = ++maker->last_trace};
    if (draw(maker, 5) != 0)
        put_metadata(maker, thread);
}

static void put_step(struct maker *maker, struct thread *thread)
{
    unsigned what = draw(maker, 20);

    if (thread->trace == 0 || draw(maker, 200) == 0)
        begin_trace(maker, thread);
    if (what == 0)
        put_event(
            maker, thread, some_type(maker, draw(maker, 3) ? ROLE_TRACE_EVENT : ROLE_REMOTE), 1, 2);
    else if (what == 4 || what == 6)
        put_call(maker, thread);
    else if (what == 1) {
        const struct record_type *type =
            some_type(maker, draw(maker, 3) ? ROLE_OTHER : ROLE_THREAD);

        put_head(maker, type);
        put_rest(maker, type, 0);
    } else if (what == 2)
        put_execution(maker);
    else if (what == 3 && !thread->announced)
        put_metadata(maker, thread);
    else if (thread->depth == 64 || (thread->depth > 0 && what % 2)) {
        int above = draw(maker, 30) == 0 ? (int)draw(maker, (unsigned)thread->depth) : 0;
        int wrong = draw(maker, 60) == 0; /* the end of a call that never began */

        if (!wrong)
            thread->depth -= 1 + above;
        put_event(maker, thread, some_type(maker, draw(maker, 5) == 0 ? ROLE_FAILED : ROLE_AFTER),
            wrong ? some_text(maker) : thread->signatures[thread->depth],
            wrong ? some_text(maker) : thread->classes[thread->depth]);
        if (thread->depth == 0)
            thread->trace = 0; /* whether or not it was complete: no further record of that id */
    } else {
        int32_t signature = some_text(maker), class = some_text(maker);

        thread->signatures[thread->depth] = signature;
        thread->classes[thread->depth++] = class;
        put_event(maker, thread,
            draw(maker, 3) ? record_type(RECORD_BEFORE_OPERATION) : some_type(maker, ROLE_BEFORE),
            signature, class);
    }
}

static void make(struct maker *maker, uint64_t seed, int64_t start, unsigned steps)
{
    char text[64];

    *maker = (struct maker){.random = seed, .now = start};
    for (int32_t i = 0; i < TEXTS; i++) {
        if (i % 4 == 0)
            snprintf(text, sizeof(text), "void pkg.C%d.m()", (int)i);
        else if (i % 4 == 1)
            snprintf(text, sizeof(text), "int main%d (int argc, char** argv)", (int)i);
        else if (i % 4 == 2)
            snprintf(text, sizeof(text), "m\xC3\xBC; %d\nx", (int)i);
        else
            text[0] = '\0';
        put_entry(maker, i, text);
    }
    for (int i = 0; i < RECORD_TYPES; i++)
        put_entry(maker, CLASSES + i, record_type((enum record_id)i)->name);
    for (unsigned i = 0; i < steps; i++)
        put_step(maker, &maker->threads[draw(maker, 6)]);
}

START_TEST(made_up_streams_come_back)
{
    static const int64_t starts[] = {
        5, 1700000000000000000, 1700000000000000, 1700000000000, 1700000000};
    static const unsigned every[] = {0, 1, 3, 50, 1000};
    struct maker maker;
    struct bench bench;

    for (unsigned round = 0; round < 5; round++) {
        make(&maker, (uint64_t)_i * 5 + round + 1, starts[(unsigned)_i % 5], 800);
        bench_open(&bench);
        bench_feed(&bench, maker.out.bytes, maker.out.size, every[round]);
        bench_recall(&bench, NULL);
        expect_equal(&bench);
        bench_close(&bench);
        buffer_fini(&maker.out);
    }
}
END_TEST

/* One long trace, whose chunks lie apart; the calls 0 to 2 stay open for its time. */
static void make_long(struct maker *maker, unsigned leaves)
{
    struct thread *thread = &maker->threads[0];

    make(maker, 7, 1700000000000000000, 0);
    maker->straight = 1;
    begin_trace(maker, thread);
    if (!thread->announced)
        put_metadata(maker, thread);
    for (int32_t i = 0; i < 3; i++)
        put_event(maker, thread, record_type(RECORD_BEFORE_OPERATION), i, i);
    for (unsigned i = 0; i < leaves; i++) {
        put_event(maker, thread, some_operation(maker, ROLE_BEFORE), 5, 6);
        put_event(maker, thread, some_operation(maker, ROLE_AFTER), 5, 6);
    }
    for (int32_t i = 3; i-- > 0;)
        put_event(maker, thread, record_type(RECORD_AFTER_OPERATION), i, i);
}

static uint64_t lost_events;

static int lose_third(const struct batch_chunk *chunk)
{
    if (chunk->number != 2)
        return 0;
    lost_events = chunk->events;
    return 1;
}

START_TEST(lost_chunks_cost_their_records)
{
    struct maker maker;
    struct bench bench;
    struct records_losses losses;
    size_t i, cut;

    make_long(&maker, 2000);
    bench_open(&bench);
    bench_feed(&bench, maker.out.bytes, maker.out.size, 500);
    bench_recall(&bench, lose_third);
    records_losses(bench.records, &losses);
    /* The chunk's own, and the ends of the three calls that were open: their operations cannot be
     * told. */
    ck_assert_uint_gt(lost_events, 0);
    ck_assert_uint_ge(losses.records, lost_events + 3);
    ck_assert_uint_le(losses.records, lost_events + 4);
    ck_assert_uint_eq(bench.out.items.count, bench.in.items.count - losses.records);
    for (cut = 0; strcmp(bench.in.items.items[cut].text, bench.out.items.items[cut].text) == 0;)
        cut++;
    ck_assert_uint_gt(cut, 900); /* the first two chunks */
    /* Behind the gap all is as it came, order indexes too. */
    for (i = 1; i + 10 < bench.out.items.count - cut; i++)
        ck_assert_str_eq(bench.out.items.items[bench.out.items.count - i].text,
            bench.in.items.items[bench.in.items.count - i - 3].text);
    bench_close(&bench);
    buffer_fini(&maker.out);
}
END_TEST

/* Any bytes for a chunk: what cannot be is said, never a crash, and the next chunk is readable. */
START_TEST(damaged_chunks_are_refused)
{
    struct maker maker;
    struct bench bench;
    struct records_losses losses;
    const struct batch_trace *row;
    unsigned refused = 0;

    make(&maker, 99, 1700000000000000000, 0);
    begin_trace(&maker, &maker.threads[0]);
    for (int i = 0; i < 300; i++)
        if (maker.threads[0].trace == 1)
            put_step(&maker, &maker.threads[0]);
    bench_open(&bench);
    bench_feed(&bench, maker.out.bytes, maker.out.size, 0);
    bench_recall(&bench, NULL);
    row = &bench.batches.items[0]->finished.items[0];
    for (int i = 0; i < 20000; i++) {
        struct chunk_view view = view_of(
            bench.batches.items[0], row->offset, row->size, row->trace.events, row->trace.start);
        int part = (int)draw(&maker, CHUNK_PARTS);
        unsigned char *bytes = (unsigned char *)(uintptr_t)view.parts[part].bytes, kept;
        size_t at;

        if (view.parts[part].size == 0)
            continue;
        at = draw(&maker, (unsigned)view.parts[part].size);
        kept = bytes[at];
        bytes[at] = (unsigned char)draw(&maker, 256);
        if (draw(&maker, 3) == 0)
            view.parts[part].size = at;
        free_lines(&bench.out);
        ck_assert_int_eq(records_begin(bench.records, &row->trace, 0), 0);
        if (records_feed(bench.records, &view) < 0) {
            refused++;
            ck_assert_str_ne(records_error(bench.records), "");
        }
        bytes[at] = kept;
    }
    ck_assert_uint_gt(refused, 1000);
    records_losses(bench.records, &losses);
    ck_assert_uint_gt(losses.records, 0);
    bench_close(&bench);
    buffer_fini(&maker.out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("records");
    TCase *tcase = tcase_create("records");
    SRunner *runner;
    int failed, names = 0;

    while (captures[names] != NULL)
        names++;
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, captures_come_back, 0, names * 3);
    tcase_add_loop_test(tcase, made_up_streams_come_back, 0, 25);
    tcase_add_test(tcase, lost_chunks_cost_their_records);
    tcase_add_test(tcase, damaged_chunks_are_refused);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
