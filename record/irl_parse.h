/* SPDX-License-Identifier: Apache-2.0 */
/* What a file in Kieker's record language says, before any name is looked up. Not for others to
 * include than irl*.c. */
#ifndef KIEKER_RECORD_IRL_PARSE_H
#define KIEKER_RECORD_IRL_PARSE_H

#include "record/irl.h"
#include "record/irl_lex.h"
#include "record/types.h"

#define IRL_TYPES_MAX 4096 /* of all files */
#define IRL_PARTS_MAX 256  /* fields and constants of one type, its templates, a file's imports */

/* A word of a file, and where it stands. `text` is NULL where there is none. */
struct irl_word {
    char *text;
    unsigned line, column;
};

struct irl_words {
    struct irl_word *items;
    size_t count;
};

/* A default, or a constant's value. An array's elements are chained. */
struct irl_literal {
    enum irl_token token; /* IRL_END: there is none */
    struct irl_word word; /* a string with its quotes */
    int is_array;
    struct irl_literal *next;
};

struct irl_part {
    enum { IRL_FIELD, IRL_CONSTANT, IRL_ALIAS } kind;
    struct irl_word type, name, group; /* group: field of `type` that gives the type */
    int is_array, is_transient;
    struct irl_literal value;
};

struct irl_type {
    enum { IRL_ENTITY, IRL_TEMPLATE, IRL_ENUM } kind;
    const struct irl_file *file;
    struct irl_word name; /* with its package */
    int is_abstract;
    struct irl_word parent;
    struct irl_words templates; /* or the enumerations that this one continues */
    struct irl_part *parts;     /* of an enumeration: its literals, as constants */
    size_t part_count;
    /* once looked up: */
    enum { IRL_NEW, IRL_BUSY, IRL_DONE } state;
    unsigned role; /* and form, see types.h */
    struct record_field *fields;
    unsigned field_count;
    char *literals; /* of an enumeration, once they were asked for; see struct record_field */
};

struct irl_file {
    char *path, *package;
    struct irl_words imports; /* names; a package's ends with ".*" */
    struct irl_file *next;
};

struct irl {
    struct irl_type *types[IRL_TYPES_MAX];
    size_t count;
    struct irl_file *files;
    char error[320];
};

/* Sets the error to "path:line:column: ..."; gives -1. */
int irl_fail(struct irl *irl, const struct irl_file *file, const struct irl_word *where,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Reads the text of a file into types that nothing is known of yet. 0 or -1. */
int irl_parse(struct irl *irl, const char *path, const char *text, size_t size);

void irl_type_free(struct irl_type *type);
void irl_file_free(struct irl_file *file);

#endif
