/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's options: one table, one row an option. They come from a file, then from KIEKER_*
 * in the environment, then from the command line; the later wins. Help and documentation are
 * printed from the table. One thread.
 */
#ifndef KIEKER_SERVER_SETTINGS_H
#define KIEKER_SERVER_SETTINGS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Durations in ns, sizes in bytes, choices by their index. */
struct settings {
    char *listen, *http_listen, *http_names;
    char *http_token, *http_cert, *http_key;
    char *tls_listen, *tls_cert, *tls_key, *tls_client_ca;
    int64_t tls_port, tls_connections, tls_handshake_timeout;
    char *user;
    int64_t core_dumps, http_changes;
    int64_t port, http_port;
    char *database, *probes, *records, *run, *ready_file, *log;
    int64_t durability, log_level;
    int64_t max_connections, read_buffer, memory, stream_memory;
    int64_t strings, string_length;
    int64_t open_traces, trace_memory, trace_depth, trace_executions;
    int64_t names, name_memory, operations, paths, classes;
    int64_t batch_interval, batch_size, queue_size, resume_wait;
    int64_t http_connections, http_workers, event_clients, query_timeout, http_request_timeout;
    int64_t retain_age, retain_size; /* 0: without end */
};

enum option_type {
    OPTION_TEXT,
    OPTION_LIST, /* texts with commas between; given again in the same place, it goes on */
    OPTION_NUMBER,
    OPTION_DURATION,
    OPTION_SIZE,
    OPTION_CHOICE
};

struct option {
    const char *name; /* --NAME, KIEKER_NAME, NAME= in the file */
    enum option_type type;
    size_t offset;              /* in struct settings: char * for texts, else int64_t */
    const char *value;          /* the default, as text; NULL: none */
    int64_t minimum, maximum;   /* of OPTION_TEXT none */
    const char *const *choices; /* of OPTION_CHOICE, up to a NULL */
    int live;                   /* a reload (SIGHUP) applies it */
    const char *doc;
};

extern const struct option options[]; /* up to a name that is NULL */

/* What the command line asks for besides options. */
enum settings_action {
    SETTINGS_RUN,
    SETTINGS_HELP,
    SETTINGS_VERSION,
    SETTINGS_PRINT,
    SETTINGS_CHECK
};

/* Arguments that ask for one of these. */
struct settings_flag {
    const char *name, *doc; /* doc NULL: another name of the one before */
    enum settings_action action;
};

extern const struct settings_flag settings_flags[]; /* up to a name that is NULL */

/*
 * Fills an all zero `settings` from defaults, file, environment and arguments. 0; -1 with a
 * sentence in `error` that names the option and where it was set. settings_fini is due in any case.
 */
int settings_load(struct settings *settings, int argc, char **argv, enum settings_action *action,
    char *error, size_t error_size);
void settings_fini(struct settings *settings);

/* Whether its value is text. */
int option_is_text(const struct option *option);

/* Which lists were given already in one place, of file, environment and command line. */
struct settings_given {
    const struct option *lists[4];
};

/* settings_set, but what a list says in the same place again is added to it. */
int settings_give(struct settings *settings, const struct option *option, const char *text,
    struct settings_given *given, char *error, size_t error_size);

/* Sets one option from text. 0, or -1 with a sentence that does not name the option. */
int settings_set(struct settings *settings, const struct option *option, const char *text,
    char *error, size_t error_size);

/* Options of [collector], or of no section at all, from an open file. As settings_load. */
int settings_read(
    struct settings *settings, FILE *file, const char *name, char *error, size_t error_size);

const struct option *settings_find(const char *name);

/* The value as text that settings_set takes; "" if there is none. */
void settings_value(
    const struct settings *settings, const struct option *option, char *out, size_t size);

/* The configuration as a file that --config takes. */
void settings_print(const struct settings *settings, FILE *out);
void settings_help(FILE *out);

#endif
