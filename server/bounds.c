/* SPDX-License-Identifier: Apache-2.0 */
#include "server/bounds.h"

#include <string.h>

#include "server/clock.h"
#include "server/log.h"

#define SAY_AGAIN (60 * CLOCK_SECOND)

static const struct {
    const char *counter, *sentence, *options;
} bounds[] = {
    {"evicted", "open traces are put away as they are, those that rested longest first",
        "--open-traces --trace-memory --trace-executions"},
    {"too_deep", "calls are deeper than is followed: they are kept as records only",
        "--trace-depth"},
    {"names_refused", "there are too many names: new ones are counted as one",
        "--names --name-memory --operations"},
    {"calls_folded", "there are too many paths: calls are counted by caller and callee", "--paths"},
    {"classes_refused", "there are too many trace classes: traces get none", "--classes"},
    {"too_many_names", "a client announces more strings than it may: it is closed",
        "--strings --string-length"},
};

_Static_assert(sizeof(bounds) / sizeof(*bounds) == BOUNDS, "BOUNDS says how many there are");

static void say(struct bounds *said, size_t bound, uint64_t more)
{
    int64_t now = clock_monotonic();

    if (said->said_at[bound] != 0 && now - said->said_at[bound] < SAY_AGAIN)
        return;
    said->said_at[bound] = now;
    log_warn("bounds", log_field("event", bounds[bound].counter), log_field("count", more),
        log_field("error", bounds[bound].sentence), log_field("options", bounds[bound].options));
}

void bounds_look(struct bounds *said, const struct batch *batch)
{
    uint64_t reached[BOUNDS] = {0};

    for (size_t i = 0; i < batch->counters.count; i++)
        for (size_t bound = 0; bound < BOUNDS; bound++)
            if (strcmp(batch->counters.items[i].name, bounds[bound].counter) == 0)
                reached[bound] += batch->counters.items[i].more;
    for (size_t bound = 0; bound < BOUNDS; bound++)
        if (reached[bound] > 0)
            say(said, bound, reached[bound]);
}

void bounds_get(const struct settings *settings, struct assembler_limits *limits)
{
    *limits = (struct assembler_limits){.open_traces = (size_t)settings->open_traces,
        .trace_memory = (size_t)settings->trace_memory,
        .depth = (size_t)settings->trace_depth,
        .executions = (size_t)settings->trace_executions,
        .model = {.names = (size_t)settings->names,
            .name_bytes = (size_t)settings->name_memory,
            .operations = (size_t)settings->operations,
            .paths = (size_t)settings->paths,
            .classes = (size_t)settings->classes}};
}
