/* SPDX-License-Identifier: Apache-2.0 */
#include "query/table.h"

#include "query/text.h"
#include "query/units.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2        /* between columns */
#define NAME_EASY 24 /* shortened to no less before columns are left out */
#define NAME_LEAST 8 /* and to no less ever */

void table_manner(struct page *page, enum manner manner)
{
    static const char *const codes[] = {"\033[0m", "\033[1m", "\033[2m", "\033[31m"};

    if (page->colour)
        fputs(codes[manner], page->out);
}

void table_heading(struct page *page, const char *format, ...)
{
    va_list arguments;

    table_manner(page, BOLD);
    va_start(arguments, format);
    vfprintf(page->out, format, arguments);
    va_end(arguments);
    table_manner(page, PLAIN);
    putc('\n', page->out);
}

static int is_right(const struct column *column, const json_t *row)
{
    if (column->cell == CELL_RAW)
        return json_is_number(json_object_get(row, column->key));
    return column->cell != CELL_NAME && column->cell != CELL_CALL && column->cell != CELL_WORD &&
           column->cell != CELL_TIME && column->cell != CELL_MINUTE;
}

static int is_flexible(const struct column *column)
{
    return column->cell == CELL_NAME || column->cell == CELL_CALL || column->cell == CELL_RAW;
}

/* A table before it is printed: all its cells, since widths follow from them. */
struct table {
    struct page *page;
    const struct column *columns[COLUMNS_MAX];
    unsigned widths[COLUMNS_MAX];
    int count, marked;
    const json_t *rows;
    char **cells; /* row by row */
};

static char **cell_at(const struct table *table, size_t row, int column)
{
    return &table->cells[row * (size_t)table->count + (size_t)column];
}

static unsigned title_width(const struct table *table, int column)
{
    return table->page->header ? text_width(table->columns[column]->title) : 0;
}

static void measure(struct table *table)
{
    const json_t *row;
    size_t i;

    for (int c = 0; c < table->count; c++)
        table->widths[c] = title_width(table, c);
    json_array_foreach(table->rows, i, row)
    {
        table->marked |= column_has_failed(row);
        for (int c = 0; c < table->count; c++) {
            char *text = column_text(table->page->utf8, table->columns[c], row);
            unsigned width = text == NULL ? 0 : text_width(text);

            *cell_at(table, i, c) = text;
            if (width > table->widths[c])
                table->widths[c] = width;
        }
    }
}

static unsigned line_width(const struct table *table)
{
    unsigned width = table->marked ? 2 : 0;
    int shown = 0;

    for (int c = 0; c < table->count; c++)
        if (table->columns[c] != NULL) {
            width += table->widths[c] + (shown++ > 0 ? GAP : 0);
        }
    return width;
}

/* Takes columns from the widest names until the line fits or all names are at `least`. */
static void shrink(struct table *table, unsigned least)
{
    for (unsigned width = line_width(table); width > table->page->width; width--) {
        int widest = -1;

        for (int c = 0; c < table->count; c++)
            if (table->columns[c] != NULL && is_flexible(table->columns[c]) &&
                table->widths[c] > least && table->widths[c] > title_width(table, c) &&
                (widest < 0 || table->widths[c] > table->widths[widest]))
                widest = c;
        if (widest < 0)
            return;
        table->widths[widest]--;
    }
}

static int drop_least(struct table *table)
{
    int least = -1;

    for (int c = 0; c < table->count; c++)
        if (table->columns[c] != NULL && table->columns[c]->rank > 1 &&
            (least < 0 || table->columns[c]->rank > table->columns[least]->rank))
            least = c;
    if (least < 0)
        return 0;
    table->columns[least] = NULL;
    table->page->dropped++;
    return 1;
}

/* Names may give way a little, then columns go, the least important first, then names give way a
 * lot. */
static void fit(struct table *table)
{
    unsigned natural[COLUMNS_MAX], wide = table->page->width;

    if (wide == 0)
        return;
    for (int c = 0; c < table->count; c++) {
        if (is_flexible(table->columns[c]) && table->widths[c] > wide)
            table->widths[c] = wide;
        natural[c] = table->widths[c];
    }
    shrink(table, NAME_EASY);
    while (line_width(table) > wide && table->page->fields == NULL && drop_least(table)) {
        memcpy(table->widths, natural, sizeof(natural[0]) * (size_t)table->count);
        shrink(table, NAME_EASY);
    }
    shrink(table, NAME_LEAST);
}

static void put_cell(const struct table *table, char *text, unsigned width, int right, int last)
{
    FILE *out = table->page->out;
    unsigned own;

    text_shorten(text, width, table->page->utf8);
    own = text_width(text);
    for (unsigned i = own; right && i < width; i++)
        putc(' ', out);
    fputs(text, out);
    for (unsigned i = own; !right && !last && i < width; i++)
        putc(' ', out);
}

static void put_header(const struct table *table, int last)
{
    const json_t *first = json_array_get(table->rows, 0);
    int shown = 0;

    table_manner(table->page, BOLD);
    if (table->marked)
        fputs("  ", table->page->out);
    for (int c = 0; c < table->count; c++) {
        char *title = NULL;

        if (table->columns[c] != NULL)
            title = text_clean(table->columns[c]->title, table->page->utf8);
        if (title == NULL)
            continue;
        if (shown++ > 0)
            fprintf(table->page->out, "%*s", GAP, "");
        put_cell(table, title, table->widths[c], is_right(table->columns[c], first), c == last);
        free(title);
    }
    table_manner(table->page, PLAIN);
    putc('\n', table->page->out);
}

static void put_row(const struct table *table, size_t index, const json_t *row, int last)
{
    int shown = 0, failed = column_has_failed(row);

    if (table->marked) {
        table_manner(table->page, failed ? RED : PLAIN);
        fputs(failed ? "! " : "  ", table->page->out);
        table_manner(table->page, PLAIN);
    }
    for (int c = 0; c < table->count; c++) {
        const struct column *column = table->columns[c];
        char *text = column == NULL ? NULL : *cell_at(table, index, c);
        int red = failed && column != NULL && strcmp(column->key, "failed") == 0;

        if (text == NULL)
            continue;
        if (shown++ > 0)
            fprintf(table->page->out, "%*s", GAP, "");
        if (red)
            table_manner(table->page, RED);
        put_cell(table, text, table->widths[c], is_right(column, row), c == last);
        if (red)
            table_manner(table->page, PLAIN);
    }
    putc('\n', table->page->out);
}

/* Prints `rows` with the columns that are in the table. */
static void print_table(struct table *table)
{
    size_t count = json_array_size(table->rows), i;
    const json_t *row;
    int last = -1, columns = table->count;

    table->cells = calloc(count * (size_t)columns + 1, sizeof(*table->cells));
    if (table->cells == NULL || columns == 0)
        goto out;
    measure(table);
    fit(table);
    for (int c = 0; c < columns; c++)
        if (table->columns[c] != NULL)
            last = c;
    if (table->page->header)
        put_header(table, last);
    json_array_foreach(table->rows, i, row) put_row(table, i, row, last);
out:
    for (i = 0; table->cells != NULL && i < count * (size_t)columns; i++)
        free(table->cells[i]);
    free(table->cells);
}

void table_print(struct page *page, const struct column *columns, const json_t *rows)
{
    struct table table = {.page = page, .rows = rows};
    char error[512];

    table.count = column_choose(columns, page->fields, table.columns, error, sizeof(error));
    if (table.count > 0 && json_array_size(rows) > 0)
        print_table(&table);
}

void table_print_any(struct page *page, const json_t *rows)
{
    struct table table = {.page = page, .rows = rows};
    struct column columns[COLUMNS_MAX];
    char *titles[COLUMNS_MAX]; /* the user's, so they may be anything */
    void *at;

    for (at = json_object_iter(json_array_get(rows, 0)); at != NULL && table.count < COLUMNS_MAX;
         at = json_object_iter_next(json_array_get(rows, 0), at)) {
        char *title = text_clean(json_object_iter_key(at), page->utf8);

        titles[table.count] = title;
        columns[table.count] =
            (struct column){json_object_iter_key(at), title ? title : "", CELL_RAW, 1};
        table.columns[table.count] = &columns[table.count];
        table.count++;
    }
    if (table.count > 0)
        print_table(&table);
    while (table.count > 0)
        free(titles[--table.count]);
}

void table_print_sheet(struct page *page, const struct column *columns, const json_t *row)
{
    const struct column *chosen[COLUMNS_MAX];
    char error[512];
    int count = column_choose(columns, page->fields, chosen, error, sizeof(error));
    unsigned widest = 0;

    for (int c = 0; c < count; c++)
        if (text_width(chosen[c]->title) > widest)
            widest = text_width(chosen[c]->title);
    for (int c = 0; c < count; c++) {
        char *text = column_text(page->utf8, chosen[c], row);

        if (page->header)
            fprintf(page->out, "%-*s", (int)widest + GAP, chosen[c]->title);
        if (text != NULL && page->width > widest + GAP + NAME_LEAST && is_flexible(chosen[c]))
            text_shorten(text, page->width - widest - GAP, page->utf8);
        fprintf(page->out, "%s\n", text == NULL ? "" : text);
        free(text);
    }
}

void table_print_facts(struct page *page, const struct column *columns, const json_t *row)
{
    char *texts[COLUMNS_MAX] = {NULL};
    unsigned width = 0;
    int failed = column_has_failed(row), count = 0, least;

    for (; columns[count].key != NULL && count < COLUMNS_MAX; count++) {
        texts[count] = column_text(page->utf8, &columns[count], row);
        if (texts[count] != NULL)
            width += text_width(columns[count].title) + text_width(texts[count]) + GAP;
    }
    while (page->width > 0 && width > page->width) {
        least = 0;
        for (int c = 1; c < count; c++)
            if (texts[c] != NULL && columns[c].rank > columns[least].rank)
                least = c;
        if (least == 0)
            break;
        width -= text_width(columns[least].title) + text_width(texts[least]) + GAP;
        free(texts[least]);
        texts[least] = NULL;
    }
    table_manner(page, failed ? RED : BOLD);
    fputs(failed ? "! " : "", page->out);
    for (int c = 0; c < count; c++) {
        if (texts[c] != NULL)
            fprintf(page->out, "%s%s%s", c == 0 ? "" : "  ", columns[c].title, texts[c]);
        free(texts[c]);
    }
    table_manner(page, PLAIN);
    putc('\n', page->out);
}
