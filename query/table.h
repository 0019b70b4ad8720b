/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for people: tables and trees whose columns are data, fitted to a page. The page says what it
 * is printed on; what is printed comes from an answer's JSON. Nothing here fails: what could not be
 * written is the stream's error.
 */
#ifndef KIEKER_QUERY_TABLE_H
#define KIEKER_QUERY_TABLE_H

#include <jansson.h>
#include <stdio.h>

enum cell {
    CELL_NAME,     /* text that may be shortened in the middle */
    CELL_CALL,     /* the operation under this key, with the row's "component" before it; may be
                      shortened */
    CELL_WORD,     /* short text, never shortened */
    CELL_ID,       /* a number that is a string */
    CELL_COUNT,    /* 103 421 */
    CELL_DURATION, /* 1.23 ms */
    CELL_BYTES,    /* 4.56 MiB */
    CELL_TIME,     /* local time, ISO */
    CELL_MINUTE,   /* likewise, without seconds */
    CELL_RAW       /* whatever it is, as it is */
};

/* A list of columns ends with one that has no key. */
struct column {
    const char *key,
        *title; /* key: of the JSON; what the user calls it is the same without _ns or _at */
    enum cell cell;
    int rank; /* 1: the last to be left out on a narrow page; higher ones go first; 0: shown only
                 when asked for */
};

#define TABLE_COLUMNS_MAX 32

struct page {
    FILE *out;
    unsigned width; /* characters a line; 0: any number */
    int colour, utf8;
    int header;         /* whether tables have one */
    int fold;           /* whether equal calls one after the other are folded */
    const char *fields; /* the columns the user chose, as given to -f, or NULL */
    int dropped;        /* answer: columns were left out because the page is narrow */
};

/*
 * The columns that `fields` asks for: "a,b" these, "+a,b" the usual ones and these, "all", "none";
 * NULL: the usual ones. Their number, or -1 with the sentence in `error`.
 */
int table_choose(const struct column *columns, const char *fields,
    const struct column *chosen[TABLE_COLUMNS_MAX], char *error, size_t error_size);

/* What the user calls a column, into `name`: its key without the unit. Returns `name`. */
char *table_name(const struct column *column, char *name, size_t size);

/* The value of a row in a column as text, cleaned, malloc'ed; NULL when memory is short. */
char *table_cell(const struct page *page, const struct column *column, const json_t *row);

/* Whether a row, or a call, has failed calls. */
int table_has_failed(const json_t *row);

/* Rows below one another; one whose "failed" is not 0 or false is marked. */
void table_print(struct page *page, const struct column *columns, const json_t *rows);

/* Rows of any kind: a column for each key of the first. */
void table_print_any(struct page *page, const json_t *rows);

/* One row, a line for each column. */
void table_print_sheet(struct page *page, const struct column *columns, const json_t *row);

/* One row on one line, each value behind its column's title; a row with failed calls is marked. */
void table_print_facts(struct page *page, const struct column *columns, const json_t *row);

/* Nested rows, a line each: the columns, then the tree; `answer` is that of `trace` or `tree`. */
void table_print_tree(struct page *page, const struct column *columns, const json_t *answer);

/* A line of its own, as a heading. */
void table_heading(struct page *page, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Begins and ends a manner of writing, if the page has colours. */
enum manner { PLAIN, BOLD, DIM, RED, CYAN };
void table_manner(struct page *page, enum manner manner);

#endif
