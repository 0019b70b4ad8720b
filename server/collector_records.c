/* SPDX-License-Identifier: Apache-2.0 */
/* Record types of users: those that files say, and those that the database knows from before. */
#include "server/collector.h"

#include <stdlib.h>
#include <string.h>

#include "record/irl.h"
#include "record/layout.h"
#include "server/log.h"

int collector_learn_records(struct collector *c)
{
    struct irl *irl = c->settings.records ? irl_new() : NULL;
    char *copy = c->settings.records ? strdup(c->settings.records) : NULL, *rest = copy, *path;
    int failed = c->settings.records && (irl == NULL || copy == NULL);

    if (failed)
        snprintf(c->error, sizeof(c->error), "memory is short");
    while (!failed && rest && (path = strsep(&rest, ",")))
        failed = *path != '\0' && irl_read(irl, path) < 0;
    if (!failed && irl)
        failed = irl_finish(irl) < 0;
    if (failed && irl && copy)
        snprintf(c->error, sizeof(c->error), "--records: %s", irl_error(irl));
    irl_free(irl);
    free(copy);
    return failed ? -1 : 0;
}

/* What a file says comes before what is remembered. */
static void recall(void *context, const char *name, uint64_t id)
{
    const struct collector *c = context;
    const struct model_name *stored = id < c->model.names.count ? &c->model.names.items[id] : NULL;
    struct record_type *type = stored ? layout_read(stored->text, stored->length) : NULL;
    const struct record_type *known =
        type ? record_type_find(type->name, strlen(type->name)) : NULL;

    if (known && strcmp(known->stored, type->stored) != 0)
        log_info("collector", log_field("event", "record type has another layout than before"),
            log_field("type", type->name),
            log_field("note", "what is stored keeps the layout that it came with"));
    if (type == NULL)
        log_warn("collector", log_field("event", "a stored record type cannot be read"),
            log_field("type", name + strlen(ASSEMBLER_LAYOUT)));
    else if (known || record_type_add(type) < 0)
        layout_free(type);
    /* else its texts are lent to the types for good */
}

int collector_recall_records(struct collector *c)
{
    if (store_notes(c->store, ASSEMBLER_LAYOUT, recall, c) == 0)
        return 0;
    snprintf(c->error, sizeof(c->error), "%s", store_error(c->store));
    return -1;
}
