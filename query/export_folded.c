/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folded stacks, as flamegraph.pl, inferno and speedscope read them: "root;callee;leaf N", N being
 * the ns that the last one took itself. Equal stacks are added up as far as memory goes: a form
 * that allows a stack twice lets the sums be written and begun anew.
 */
#include "query/export.h"

#include <inttypes.h>
#include <stdlib.h>

#include "record/map.h"

#define STACKS_MAX (1u << 18)
#define NONE 0

struct stack {
    uint32_t caller, operation; /* caller: a stack, from 1; 0: none */
    uint64_t self;
};

struct state {
    LIST(struct stack) stacks; /* [0] is none */
    struct map places;         /* (caller, operation) -> stack */
    LIST(uint32_t) open;       /* operations of the open calls, the outermost first */
    uint32_t at;               /* the stack of the open calls */
};

static uint32_t stack_of(struct state *state, uint32_t caller, uint32_t operation)
{
    uint64_t key = (uint64_t)caller << 32 | operation;
    uint32_t place = map_get(&state->places, key);
    struct stack *stack;

    if (place != MAP_NONE)
        return place;
    stack = list_add(&state->stacks);
    if (stack == NULL || map_put(&state->places, key, (uint32_t)state->stacks.count - 1) < 0) {
        state->stacks.count -= stack != NULL;
        return NONE;
    }
    *stack = (struct stack){caller, operation, 0};
    return (uint32_t)state->stacks.count - 1;
}

static void put_frames(struct export *export, uint32_t place)
{
    const struct state *state = export->state;
    uint32_t frames[1024];
    unsigned count = 0;

    /* Paths that are deeper lose what is above, as they do elsewhere. */
    for (; place != NONE && count < 1024; place = state->stacks.items[place].caller)
        frames[count++] = state->stacks.items[place].operation;
    while (count-- > 0) {
        export_plain_name(export->out, export->reader, frames[count]);
        if (count > 0)
            putc(';', export->out);
    }
}

static void put_sums(struct export *export)
{
    const struct state *state = export->state;

    for (uint32_t i = 1; i < state->stacks.count; i++) {
        if (state->stacks.items[i].self == 0)
            continue;
        put_frames(export, i);
        fprintf(export->out, " %" PRIu64 "\n", state->stacks.items[i].self);
    }
}

/* Begins the sums anew: just the open calls' own stacks. 0, or -1 when memory is short. */
static int begin_sums(struct state *state)
{
    map_fini(&state->places);
    map_init(&state->places);
    state->stacks.count = 0;
    if (list_add(&state->stacks) == NULL)
        return -1;
    state->stacks.items[0] = (struct stack){0};
    state->at = NONE;
    for (size_t i = 0; i < state->open.count; i++) {
        state->at = stack_of(state, state->at, state->open.items[i]);
        if (state->at == NONE)
            return -1;
    }
    return 0;
}

static int begin(struct export *export)
{
    struct state *state = export->state = calloc(1, sizeof(*state));

    if (state && begin_sums(state) == 0)
        return 0;
    request_refuse(export->request, 500, "memory is short");
    return -1;
}

static void enter(struct export *export, struct call *call)
{
    struct state *state = export->state;
    uint32_t *place = list_add(&state->open);

    if (place == NULL) {
        export->failed = 1;
        return;
    }
    *place = call->operation;
    state->at = stack_of(state, state->at, call->operation);
    if (state->at == NONE) {
        export->failed = 1;
    } else if (state->stacks.count > STACKS_MAX && state->open.count < STACKS_MAX / 2) {
        put_sums(export);
        export->failed = begin_sums(state) < 0;
    }
}

static void leave(struct export *export, struct call *call)
{
    struct state *state = export->state;

    if (export->failed || state->open.count == 0)
        return;
    state->stacks.items[state->at].self += call->self > 0 ? (uint64_t)call->self : 0;
    state->at = state->stacks.items[state->at].caller;
    state->open.count--;
}

static int end(struct export *export)
{
    put_sums(export);
    return 0;
}

static void fini(struct export *export)
{
    struct state *state = export->state;

    if (state == NULL)
        return;
    list_fini(&state->stacks);
    list_fini(&state->open);
    map_fini(&state->places);
    free(state);
}

const struct export_form export_folded = {
    "folded", "text/plain; charset=utf-8", begin, NULL, enter, leave, NULL, end, fini};
