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

#include "query/column.h"

struct page {
    FILE *out;
    unsigned width; /* characters a line; 0: any number */
    int colour, utf8;
    int header;         /* whether tables have one */
    int fold;           /* whether equal calls one after the other are folded */
    const char *fields; /* the columns the user chose, as given to -f, or NULL */
    int dropped;        /* answer: columns were left out because the page is narrow */
    int failed;         /* answer: memory is short, and it is not whole */
};

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
enum manner { PLAIN, BOLD, DIM, RED };
void table_manner(struct page *page, enum manner manner);

#endif
