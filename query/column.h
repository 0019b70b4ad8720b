/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of a verb's rows, as data: what of the JSON is shown, how, and which of them when
 * there is little room. */
#ifndef KIEKER_QUERY_COLUMN_H
#define KIEKER_QUERY_COLUMN_H

#include <jansson.h>
#include <stddef.h>

enum cell {
    CELL_NAME,     /* text that may be shortened in the middle */
    CELL_CALL,     /* an operation, with the row's "component" before it; may be shortened */
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
    const char *key;   /* of the JSON; what the user calls it is the same without _ns or _at */
    const char *title; /* above it */
    enum cell cell;
    int rank; /* of importance, 1 the highest: what goes first on a narrow page; 0: on demand only
               */
};

#define COLUMNS_MAX 32

/*
 * The columns that `fields` asks for: "a,b" these, "+a,b" the usual ones and these, "all", "none";
 * NULL: the usual ones. Their number, or -1 with the sentence in `error`.
 */
int column_choose(const struct column *columns, const char *fields,
    const struct column *chosen[COLUMNS_MAX], char *error, size_t error_size);

/* What the user calls a column, into `name`: its key without the unit. Returns `name`. */
char *column_name(const struct column *column, char *name, size_t size);

/* The value of a row in a column as text, cleaned, malloc'ed; NULL when memory is short. */
char *column_text(int utf8, const struct column *column, const json_t *row);

/* Whether a row, or a call, has failed calls. */
int column_has_failed(const json_t *row);

#endif
