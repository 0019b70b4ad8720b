/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a trace's chunks, as a damaged file may give them: the input is cut into chunks and
 * their four parts. What must hold: reading ends, calls are given in a tree's order and each is
 * left as often as it was entered, and steps that could be read are coded and read again as they
 * were.
 */
#include "tests/fuzz/input.h"

#include "analysis/list.h"
#include "analysis/records.h"
#include "analysis/walk.h"
#include "record/record.h"

struct seen {
    LIST(uint64_t) open; /* positions */
    uint64_t begun, left, calls;
};

static void on_enter(void *context, struct call *call)
{
    struct seen *seen = context;
    size_t depth = seen->open.count;

    must(call->position == seen->begun++ && call->depth == depth);
    must(call->parent == (depth ? seen->open.items[depth - 1] : CALL_NO_PARENT));
    must(call->caller_user == (depth ? (void *)(uintptr_t)(call->parent + 1) : NULL));
    call->user = (void *)(uintptr_t)(call->position + 1);
    must(list_add(&seen->open) != NULL);
    seen->open.items[depth] = call->position;
}

static void on_leave(void *context, struct call *call)
{
    struct seen *seen = context;

    must(seen->open.count > 0 && seen->open.items[--seen->open.count] == call->position);
    must(call->user == (void *)(uintptr_t)(call->position + 1));
    must(call->duration >= 0 && call->self >= 0 && call->self <= call->duration);
    must(call->calls >= 1 && call->calls <= seen->begun - call->position);
    seen->calls += call->depth == 0 ? call->calls : 0;
    seen->left++;
}

/* The input's bytes as a chunk: how long three of its parts are, then all four. */
static void cut(struct input *input, struct chunk_view *view)
{
    *view = (struct chunk_view){.events = input_byte(input)};
    view->base = (int64_t)input_number(input, view->events % 9);
    for (int i = 0; i < CHUNK_PARTS; i++) {
        size_t size = input_byte(input);

        view->parts[i].bytes = input->at;
        view->parts[i].size = size < input_left(input) ? size : input_left(input);
        input->at += view->parts[i].size;
    }
}

static void put(struct chunk *chunk, const struct step *step)
{
    struct execution execution = step->execution;

    if (step->kind == STEP_CLOSE)
        must(chunk_put_close(chunk, step->argument, step->time) == 0);
    else if (step->kind == STEP_EXECUTION)
        must(chunk_put_execution(chunk, &execution, RECORD_NOT_LOGGED) == 0);
    else
        must(chunk_put(chunk, step->kind, step->argument, step->time, step->time) == 0);
    if (step->kind == STEP_CALL || step->kind == STEP_BEGIN)
        must(chunk_put_more(chunk, step->more) == 0);
}

static void must_be_same(const struct step *a, const struct step *b)
{
    const struct execution *x = &a->execution, *y = &b->execution;

    must(a->kind == b->kind && a->time == b->time);
    if (a->kind != STEP_EXECUTION) {
        must(a->argument == b->argument);
        must((a->kind != STEP_CALL && a->kind != STEP_BEGIN) || a->more == b->more);
        return;
    }
    must(x->operation == y->operation && x->host == y->host && x->session == y->session);
    must(x->eoi == y->eoi && x->ess == y->ess && x->tin == y->tin && x->tout == y->tout);
}

/* All steps that can be read, coded anew, and with another base. */
static void code_again(const struct chunk_view *view)
{
    struct chunk chunk = {.events = 0};
    struct chunk_view again;
    struct chunk_reader reader, other;
    struct step step, same;
    size_t steps = 0;

    chunk_begin(&chunk, view->base);
    chunk_read(&reader, view);
    while (chunk_next(&reader, &step) > 0) {
        put(&chunk, &step);
        steps++;
    }
    must(chunk_rebase(&chunk, view->base / 3) == 0);
    again = (struct chunk_view){.base = chunk.base, .events = chunk.events};
    for (int i = 0; i < CHUNK_PARTS; i++) {
        again.parts[i].bytes = chunk.parts[i].bytes;
        again.parts[i].size = chunk.parts[i].size;
    }
    chunk_read(&reader, view);
    chunk_read(&other, &again);
    for (; steps > 0; steps--) {
        must(chunk_next(&reader, &step) == 1 && chunk_next(&other, &same) == 1);
        must_be_same(&step, &same);
    }
    must(chunk_next(&other, &same) == 0);
    chunk_fini(&chunk);
}

/* Names are those of record types, then others; an operation's are its number's. */
static int on_name(void *context, uint32_t id, const char **text, size_t *length)
{
    (void)context;
    *text = id < RECORD_TYPES ? record_type((enum record_id)id)->name : "some text";
    *length = strlen(*text);
    return 0;
}

static int on_operation(void *context, uint32_t id, uint32_t *signature, uint32_t *class_signature)
{
    (void)context;
    *signature = id % 2000;
    *class_signature = id / 2;
    return 0;
}

static int on_record(void *context, const struct record *record)
{
    struct record_cursor cursor = {.record = record};

    while (record_next_value(&cursor) > 0)
        if (cursor.at && field_element(record->type->fields[cursor.field].type) == FIELD_STR)
            must(registry_get(record->registry, (int32_t)bytes_get32(cursor.at)) != NULL);
    must(record->type->field_count == 0 || cursor.next == record->fields + record->size);
    ++*(uint64_t *)context;
    return 0;
}

/* The chunks back to records, as far as they are any. */
static void give_back(struct input input, struct trace *trace)
{
    const struct records_texts texts = {on_name, on_operation, NULL};
    uint64_t given = 0;
    struct records *records = records_new(&texts, on_record, &given);
    struct records_losses losses;

    must(records != NULL);
    trace->metadata = (uint8_t)(trace->host % 3);
    trace->kind = (uint8_t)(trace->host / 3 % 2);
    must(records_begin(records, trace, 1) >= 0);
    while (input_left(&input) > 0) {
        struct chunk_view view;
        struct batch_record other = {.type = input_byte(&input)};

        cut(&input, &view);
        other.fields = view.parts[CHUNK_EXTRAS].bytes;
        other.size = (uint32_t)view.parts[CHUNK_EXTRAS].size;
        if (records_feed(records, &view) < 0 || records_other(records, &other, 1) < 0)
            must(records_error(records)[0] != '\0');
        if (view.events == 77)
            records_lose(records, view.events);
    }
    records_losses(records, &losses);
    records_free(records);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = {bytes, bytes + size};
    struct trace trace = {.end = (int64_t)input_number(&input, 8), .host = input_byte(&input)};
    struct seen seen = {.begun = 0};
    const struct walker walker = {on_enter, on_leave, &seen};
    struct walk *walk = walk_new(&trace, &walker);
    int whole = 1;

    must(walk != NULL);
    while (input_left(&input) > 0) {
        struct chunk_view view;

        cut(&input, &view);
        code_again(&view);
        whole = walk_feed(walk, &view) == 0 && whole;
    }
    whole = walk_end(walk) == 0 && whole;
    must(walk_error(walk)[0] != '\0');
    if (whole)
        must(seen.open.count == 0 && seen.left == seen.begun && seen.calls == seen.begun);
    list_fini(&seen.open);
    walk_free(walk);
    input = (struct input){bytes, bytes + size};
    input_number(&input, 9);
    give_back(input, &trace);
    return 0;
}
