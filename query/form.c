/* SPDX-License-Identifier: Apache-2.0 */
#include "query/form.h"

#include <stdlib.h>
#include <string.h>

static void write_json(const struct request *request, const json_t *answer, struct page *page)
{
    (void)request;
    page->failed |= json_dumpf(answer, page->out, JSON_COMPACT);
    putc('\n', page->out);
}

static void write_lines(const json_t *rows, const char *kind, struct page *page)
{
    const json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        if (kind != NULL) {
            json_t *copy = json_pack("{s:s}", "kind", kind);

            page->failed |= json_object_update(copy, (json_t *)(uintptr_t)row) < 0 ||
                            json_dumpf(copy, page->out, JSON_COMPACT) < 0;
            json_decref(copy);
        } else {
            page->failed |= json_dumpf(row, page->out, JSON_COMPACT);
        }
        putc('\n', page->out);
    }
}

static void write_ndjson(const struct request *request, const json_t *answer, struct page *page)
{
    (void)request;
    write_lines(json_object_get(answer, "rows"), NULL, page);
    write_lines(json_object_get(answer, "nodes"), "node", page);
    write_lines(json_object_get(answer, "edges"), "edge", page);
}

void form_put_field(FILE *out, const char *text)
{
    if (text[strcspn(text, "\",\r\n")] == '\0') {
        fputs(text, out);
        return;
    }
    putc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            putc('"', out);
        putc(*text, out);
    }
    putc('"', out);
}

static void put_value(FILE *out, const json_t *value)
{
    char *text;

    if (value == NULL || json_is_null(value))
        return;
    if (json_is_string(value)) {
        form_put_field(out, json_string_value(value));
        return;
    }
    text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    if (text != NULL)
        form_put_field(out, text);
    free(text);
}

/* The keys of the table's columns: those the user chose, else all of a row but what is nested. */
struct keys {
    const char *names[256];
    int count, levels; /* levels: the rows are nested, their level is a column */
};

static void choose_keys(
    struct keys *keys, const struct request *request, const struct page *page, const json_t *row)
{
    const struct column *chosen[COLUMNS_MAX];
    char error[512];

    keys->levels = json_object_get(row, "children") != NULL;
    if (page->fields != NULL && request->verb->columns != NULL) {
        keys->count =
            column_choose(request->verb->columns, page->fields, chosen, error, sizeof(error));
        for (int i = 0; i < keys->count; i++)
            keys->names[i] = chosen[i]->key;
        return;
    }
    for (void *at = json_object_iter((json_t *)(uintptr_t)row);
         at != NULL && keys->count < (int)(sizeof(keys->names) / sizeof(keys->names[0]));
         at = json_object_iter_next((json_t *)(uintptr_t)row, at))
        if (!json_is_array(json_object_iter_value(at)))
            keys->names[keys->count++] = json_object_iter_key(at);
}

static void put_records(const struct keys *keys, const json_t *rows, int level, FILE *out)
{
    const json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        if (keys->levels)
            fprintf(out, "%d%s", level, keys->count > 0 ? "," : "");
        for (int k = 0; k < keys->count; k++) {
            if (k > 0)
                putc(',', out);
            put_value(out, json_object_get(row, keys->names[k]));
        }
        putc('\n', out);
        put_records(keys, json_object_get(row, "children"), level + 1, out);
    }
}

static void write_csv(const struct request *request, const json_t *answer, struct page *page)
{
    const json_t *rows = json_object_get(answer, "rows");
    struct keys keys = {.count = 0};

    if (rows == NULL)
        rows = json_object_get(answer, "edges");
    if (json_array_size(rows) == 0)
        return;
    choose_keys(&keys, request, page, json_array_get(rows, 0));
    if (page->header) {
        if (keys.levels)
            fputs(keys.count > 0 ? "level," : "level", page->out);
        for (int k = 0; k < keys.count; k++) {
            if (k > 0)
                putc(',', page->out);
            form_put_field(page->out, keys.names[k]);
        }
        putc('\n', page->out);
    }
    put_records(&keys, rows, 0, page->out);
}

static void write_text(const struct request *request, const json_t *answer, struct page *page)
{
    request->verb->print(request, answer, page);
}

static const struct form {
    const char *name, *type;
    int text;
    void (*write)(const struct request *request, const json_t *answer, struct page *page);
} forms[] = {
    {"json", "application/json", 0, write_json},
    {"ndjson", "application/x-ndjson", 0, write_ndjson},
    {"csv", "text/csv; charset=utf-8", 0, write_csv},
    {"text", "text/plain; charset=utf-8", 1, write_text},
    {"dot", "text/vnd.graphviz; charset=utf-8", 0, write_text},
    {"mermaid", "text/plain; charset=utf-8", 0, write_text},
};

static const struct form *find(const char *name)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (strcmp(forms[i].name, name) == 0)
            return &forms[i];
    return &forms[0];
}

void form_write(
    const char *form, const struct request *request, const json_t *answer, struct page *page)
{
    find(form)->write(request, answer, page);
}

const char *form_type(const char *form)
{
    return find(form)->type;
}

int form_is_text(const char *form)
{
    return find(form)->text;
}
