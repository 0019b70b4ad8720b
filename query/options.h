/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of kieker-query: VERB, the verb's parameters as options of the same name, and
 * the options that say where to look and how to print. They may come in any order; of an option
 * given twice the last counts.
 */
#ifndef KIEKER_QUERY_OPTIONS_H
#define KIEKER_QUERY_OPTIONS_H

#include "analysis/list.h"
#include "query/verb.h"

enum colouring { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };

/* A parameter as it was given; value NULL: without one. */
struct setting {
    const char *name, *value;
};

struct options {
    const char *database, *server;
    const char *ca, *token_file; /* of the server */
    unsigned timeout;            /* ms; 0: none */
    const char *form;            /* one of the verb's formats */
    const char *fields;          /* of -f */
    enum colouring colour;
    int header, wide, pager, fold, reverse, exit_code;
    int help, version;       /* help: 1 short, 2 whole */
    const struct verb *verb; /* NULL: none was given */
    LIST(const char *) words;
    LIST(struct setting) settings;
};

/* An option of the program, for the help. */
struct option_row {
    const char *name;
    char letter;               /* 0: none */
    const char *metavar, *doc; /* metavar NULL: a flag */
};
extern const struct option_row option_rows[]; /* up to one without name */

/* Reads the command line, whose texts are lent to the options. 0, or -1 with the sentence in
 * `error`. */
int options_read(
    struct options *options, int count, char **arguments, char *error, size_t error_size);
void options_fini(struct options *options);

/* The value of the last setting of this name, or NULL. */
const char *options_setting(const struct options *options, const char *name);

#endif
