/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of table.h: calls of a trace, or paths, a line each. */
#define _GNU_SOURCE /* asprintf */

#include "query/table.h"
#include "query/text.h"
#include "query/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STEP 3 /* columns that a level is indented */
#define LEVELS_UNBOUND                                                                             \
    20 /* shown by indentation on a page without width; deeper ones are numbered */
#define LEVELS_LEAST 3
#define NAME_LEAST 8
#define NAME_EASY 12 /* planned for; on a wide page a third of it */
#define CAUSE_MOST 60
#define DURATION_WIDTH 7

struct outline {
    struct page *page;
    const struct column *columns[COLUMNS_MAX];
    unsigned widths[COLUMNS_MAX],
        left; /* left: of all columns together, and what is between them */
    int count, marked;
    unsigned levels;      /* that are shown by indentation */
    unsigned char *lasts; /* for each level: is its node the last of its siblings */
};

/* What is printed on one line. */
struct line {
    const json_t *row;  /* NULL: a remark, without figures */
    const char *remark; /* behind the name, or alone */
    unsigned level;     /* from 0 */
    int last, failed;
};

static unsigned measure(struct outline *outline, const json_t *rows, unsigned level)
{
    const json_t *row;
    unsigned deepest = level;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const json_t *children = json_object_get(row, "children");

        outline->marked |= column_has_failed(row);
        for (int c = 0; c < outline->count; c++) {
            char *text = column_text(outline->page->utf8, outline->columns[c], row);
            unsigned width = text == NULL ? 0 : text_width(text);

            if (width > outline->widths[c])
                outline->widths[c] = width;
            free(text);
        }
        if (json_array_size(children) > 0) {
            unsigned below = measure(outline, children, level + 1);

            deepest = below > deepest ? below : deepest;
        }
    }
    return deepest;
}

static void put_padded(FILE *out, const char *text, unsigned width)
{
    for (unsigned own = text_width(text); own < width; own++)
        putc(' ', out);
    fputs(text, out);
}

/* The lines of the tree before a name; returns their width. */
static unsigned put_branches(struct outline *outline, unsigned level)
{
    static const char *const drawn[] = {"\u251c\u2500 ", "\u2514\u2500 ", "\u2502  ", "   "};
    static const char *const plain[] = {"|- ", "`- ", "|  ", "   "};
    const char *const *signs = outline->page->utf8 ? drawn : plain;
    FILE *out = outline->page->out;
    unsigned from = 1, width = 0;

    if (level > outline->levels) {
        from = level - outline->levels + 2;
        width = (unsigned)fprintf(out, "%4u> ", level + 1);
    }
    for (unsigned i = from; i <= level; i++)
        fputs(signs[(i == level ? 0 : 2) + outline->lasts[i]], out);
    return width + (level >= from ? (level - from + 1) * STEP : 0);
}

static void put_name(struct outline *outline, const struct line *line, unsigned used)
{
    static const struct column name_column = {"operation", "call", CELL_CALL, 1};
    struct page *page = outline->page;
    char *name = line->row == NULL ? strdup("") : column_text(page->utf8, &name_column, line->row);
    unsigned remark = line->remark == NULL ? 0 : text_width(line->remark);

    if (name == NULL)
        return;
    if (line->row != NULL && *name == '\0') {
        free(name);
        name = strdup("?");
    }
    if (name != NULL && page->width > 0)
        text_shorten(name,
            page->width > used + remark + NAME_LEAST ? page->width - used - remark : NAME_LEAST,
            page->utf8);
    if (line->failed)
        table_manner(page, RED);
    fputs(name == NULL ? "" : name, page->out);
    if (line->failed)
        table_manner(page, PLAIN);
    if (line->remark != NULL) {
        table_manner(page, DIM);
        fputs(line->remark, page->out);
        table_manner(page, PLAIN);
    }
    free(name);
}

static void put_line(struct outline *outline, const struct line *line)
{
    FILE *out = outline->page->out;
    unsigned used = outline->left;

    if (outline->marked) {
        table_manner(outline->page, line->failed ? RED : PLAIN);
        fputs(line->failed ? "! " : "  ", out);
        table_manner(outline->page, PLAIN);
    }
    for (int c = 0; c < outline->count; c++) {
        char *text = line->row == NULL
                         ? strdup("")
                         : column_text(outline->page->utf8, outline->columns[c], line->row);

        put_padded(out, text == NULL ? "" : text, outline->widths[c]);
        fputs("  ", out);
        free(text);
    }
    outline->lasts[line->level] = line->last != 0;
    used += put_branches(outline, line->level);
    put_name(outline, line, used);
    putc('\n', out);
}

/* Whether it has no callees that are shown. */
static int is_bare(const json_t *row)
{
    return json_array_size(json_object_get(row, "children")) == 0;
}

/*
 * What is said behind a call's name: how many equal ones it stands for, why it failed, that it has
 * not ended, what lies below it unseen. malloc'ed or NULL.
 */
static char *remark_of(const struct outline *outline, const json_t *row, size_t count)
{
    const char *cause = json_string_value(json_object_get(row, "cause"));
    const char *position = json_string_value(json_object_get(row, "call"));
    json_int_t hidden = json_integer_value(json_object_get(row, "hidden_calls"));
    char *remark = NULL, *clean, figure[UNITS_SIZE];
    size_t size;
    FILE *out = open_memstream(&remark, &size);

    if (out == NULL)
        return NULL;
    if (count > 1) {
        units_count((int64_t)count, figure);
        fprintf(out, "  %s %s", outline->page->utf8 ? "\u00d7" : "x", figure);
        units_duration(json_integer_value(json_object_get(row, "duration_ns")) / (json_int_t)count,
            outline->page->utf8, figure);
        fprintf(out, ", mean %s", figure);
    }
    clean = cause == NULL ? NULL : text_clean(cause, outline->page->utf8);
    if (clean != NULL) {
        unsigned most = outline->page->width / 3;

        text_shorten(
            clean, most == 0 || most > CAUSE_MOST ? CAUSE_MOST : most, outline->page->utf8);
        fprintf(out, "  failed: %s", clean);
    }
    free(clean);
    if (json_is_true(json_object_get(row, "open")))
        fputs("  (not ended)", out);
    if (json_is_true(json_object_get(row, "assumed")))
        fputs("  (assumed)", out);
    if (hidden > 0 && is_bare(row)) {
        units_count(hidden, figure);
        fprintf(out, "  (%s call%s below", figure, hidden == 1 ? "" : "s");
        fprintf(out, count == 1 && position != NULL ? ": --call %s)" : ")%s",
            count == 1 && position != NULL ? position : "");
    }
    fclose(out);
    return remark;
}

/* Below the children that are shown, those that are not; a node without any has them on its own
 * line. */
static void put_hidden(struct outline *outline, const json_t *of, unsigned level)
{
    json_int_t calls = json_integer_value(json_object_get(of, "hidden_calls"));
    const char *position = json_string_value(json_object_get(of, "call"));
    char count[UNITS_SIZE], time[UNITS_SIZE], remark[256];
    struct line line = {.remark = remark, .level = level, .last = 1};

    if (calls == 0 || (level > 0 && is_bare(of)))
        return;
    units_count(calls, count);
    units_duration(json_integer_value(json_object_get(of, "hidden_ns")), outline->page->utf8, time);
    snprintf(remark, sizeof(remark), "%s %s more call%s, %s%s%s",
        outline->page->utf8 ? "\u2026" : "...", count, calls == 1 ? "" : "s", time,
        position != NULL ? ": --call " : "", position != NULL ? position : "");
    put_line(outline, &line);
}

static int is_alike(const json_t *a, const json_t *b)
{
    static const char *const keys[] = {"operation_id", "host", "failed", "cause", "assumed"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (!json_equal(json_object_get(a, keys[i]), json_object_get(b, keys[i])))
            return 0;
    return 1;
}

/*
 * How many calls from `at` on are alike and show no callees; what they are together as one row into
 * *sum (a new reference).
 */
static size_t fold(const json_t *rows, size_t at, json_t **sum)
{
    static const char *const figures[] = {"duration_ns", "self_ns", "calls", "hidden_calls"};
    const json_t *first = json_array_get(rows, at), *next;
    json_int_t sums[4] = {0};
    size_t count = 0;

    if (json_object_get(first, "duration_ns") == NULL)
        return 1; /* paths: there are no two alike */
    while ((next = json_array_get(rows, at + count)) != NULL && is_bare(next) &&
           !json_is_true(json_object_get(next, "open")) && is_alike(first, next)) {
        for (int i = 0; i < 4; i++)
            sums[i] += json_integer_value(json_object_get(next, figures[i]));
        count++;
    }
    if (count < 2)
        return 1;
    *sum = json_copy((json_t *)(uintptr_t)first);
    for (int i = 0; i < 4; i++)
        json_object_set_new(*sum, figures[i], json_integer(sums[i]));
    return count;
}

static void put_rows(struct outline *outline, const json_t *of, const json_t *rows, unsigned level)
{
    size_t size = json_array_size(rows), count;
    int hides = json_integer_value(json_object_get(of, "hidden_calls")) > 0;

    for (size_t i = 0; i < size; i += count) {
        json_t *sum = NULL;
        struct line line = {.row = json_array_get(rows, i), .level = level};
        char *remark;

        count = outline->page->fold ? fold(rows, i, &sum) : 1;
        if (sum != NULL)
            line.row = sum;
        line.failed = column_has_failed(line.row);
        line.last = i + count == size && !hides;
        remark = remark_of(outline, line.row, count);
        line.remark = remark;
        put_line(outline, &line);
        free(remark);
        put_rows(outline, line.row, json_object_get(line.row, "children"), level + 1);
        json_decref(sum);
    }
    put_hidden(outline, of, level);
}

static void put_titles(struct outline *outline)
{
    struct page *page = outline->page;

    table_manner(page, BOLD);
    if (outline->marked)
        fputs("  ", page->out);
    for (int c = 0; c < outline->count; c++) {
        put_padded(page->out, outline->columns[c]->title, outline->widths[c]);
        fputs("  ", page->out);
    }
    fputs("call", page->out);
    table_manner(page, PLAIN);
    putc('\n', page->out);
}

void table_print_tree(struct page *page, const struct column *columns, const json_t *answer)
{
    struct outline outline = {.page = page};
    const json_t *rows = json_object_get(answer, "rows");
    char error[512];
    unsigned deepest;

    outline.count = column_choose(columns, page->fields, outline.columns, error, sizeof(error));
    if (outline.count < 0 || json_array_size(rows) == 0)
        return;
    for (int c = 0; c < outline.count; c++) {
        outline.widths[c] = page->header ? text_width(outline.columns[c]->title) : 0;
        if (outline.columns[c]->cell == CELL_DURATION && outline.widths[c] < DURATION_WIDTH)
            outline.widths[c] = DURATION_WIDTH; /* the sums of what is folded are no row's own */
    }
    deepest = measure(&outline, rows, 0);
    outline.left = outline.marked ? 2 : 0;
    for (int c = 0; c < outline.count; c++)
        outline.left += outline.widths[c] + 2;
    outline.levels = LEVELS_UNBOUND;
    if (page->width > 0) {
        unsigned name = page->width / 3 > NAME_EASY ? page->width / 3 : NAME_EASY;
        unsigned room = page->width > outline.left + name ? page->width - outline.left - name : 0;

        outline.levels = room / STEP > LEVELS_LEAST ? room / STEP : LEVELS_LEAST;
    }
    outline.lasts = calloc(deepest + 2, 1);
    if (outline.lasts == NULL)
        return;
    if (page->header && outline.count > 0)
        put_titles(&outline);
    put_rows(&outline, answer, rows, 0);
    free(outline.lasts);
}
