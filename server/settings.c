/* SPDX-License-Identifier: Apache-2.0 */
#include "server/settings.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/model.h"
#include "record/registry.h"
#include "server/log.h"
#include "server/quantity.h"

#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define NONE "none" /* the default of what has no limit unless told */

#define SETTINGS_VALUE_MAX 8192 /* characters of a value as text */

static const char *const durabilities[] = {"commit", "power", NULL}; /* enum store_durability */

static const char *const switches[] = {"no", "yes", NULL};

#define TEXT(member) OPTION_TEXT, offsetof(struct settings, member)
#define LIST_OF(member) OPTION_LIST, offsetof(struct settings, member)
#define NUMBER(member) OPTION_NUMBER, offsetof(struct settings, member)
#define DURATION(member) OPTION_DURATION, offsetof(struct settings, member)
#define SIZE(member) OPTION_SIZE, offsetof(struct settings, member)
#define CHOICE(member) OPTION_CHOICE, offsetof(struct settings, member)

const struct option options[] = {
    {"port", NUMBER(port), "10133", 0, 65535, NULL, 0,
        "TCP port that takes records; 0: any that is free"},
    {"listen", TEXT(listen), "127.0.0.1", 0, 0, NULL, 0,
        "addresses that take records, with commas between (IPv4, IPv6, names); 0.0.0.0 or ::: all "
        "of the machine"},
    {"http-port", NUMBER(http_port), "8080", 0, 65535, NULL, 0,
        "TCP port of the page and the HTTP API; 0: any that is free"},
    {"http-listen", TEXT(http_listen), "127.0.0.1", 0, 0, NULL, 0,
        "address of the page and the HTTP API; whoever reaches it can read all"},
    {"http-names", TEXT(http_names), NULL, 0, 0, NULL, 0,
        "names that the page may be asked under, with commas between, besides localhost, addresses "
        "and this machine's name"},
    {"http-token", TEXT(http_token), NULL, 0, 0, NULL, 0,
        "file that holds a token, which whoever reads the page or the API must know then; one word "
        "of at least 16 characters"},
    {"http-cert", TEXT(http_cert), NULL, 0, 0, NULL, 0,
        "file with a certificate (PEM): the page and the API are HTTPS then"},
    {"http-key", TEXT(http_key), NULL, 0, 0, NULL, 0,
        "file with the key of --http-cert; without it the key is in the same file"},
    {"http-changes", CHOICE(http_changes), "yes", 0, 0, switches, 0,
        "whether the page and the API may switch probes on and off: with the token, or without one "
        "from this machine alone"},
    {"tls-cert", TEXT(tls_cert), NULL, 0, 0, NULL, 0,
        "file with a certificate (PEM): records are taken by TLS, too, at --tls-port"},
    {"tls-key", TEXT(tls_key), NULL, 0, 0, NULL, 0,
        "file with the key of --tls-cert; without it the key is in the same file"},
    {"tls-client-ca", TEXT(tls_client_ca), NULL, 0, 0, NULL, 0,
        "file with authorities (PEM): who sends records by TLS must show a certificate of one of "
        "them"},
    {"tls-port", NUMBER(tls_port), "10134", 0, 65535, NULL, 0,
        "TCP port that takes records by TLS, once there is --tls-cert; 0: any that is free"},
    {"tls-listen", TEXT(tls_listen), "127.0.0.1", 0, 0, NULL, 0,
        "addresses that take records by TLS, as --listen"},
    {"tls-connections", NUMBER(tls_connections), "2000", 1, 1000000, NULL, 1,
        "clients by TLS at a time, of those of --max-connections; each takes 22 KiB"},
    {"tls-handshake-timeout", DURATION(tls_handshake_timeout), "10s", 100 * MS, 3600 * SECOND, NULL,
        1, "longest time that a client may take to begin TLS; who takes longer is closed"},
    {"user", TEXT(user), NULL, 0, 0, NULL, 0,
        "user to become when started as root, once ports are open and keys are read"},
    {"core-dumps", CHOICE(core_dumps), "no", 0, 0, switches, 0,
        "whether a crash may leave a core file, which holds what was recorded, and keys"},
    {"database", TEXT(database), NULL, 0, 0, NULL, 0,
        "file that keeps everything; without it $XDG_STATE_HOME/kieker/kieker.db or "
        "~/.local/state/kieker/kieker.db"},
    {"probes", TEXT(probes), NULL, 0, 0, NULL, 0,
        "file that keeps which probes are on and off, read again at SIGHUP; without it that of the "
        "database with .probes behind it"},
    {"durability", CHOICE(durability), "commit", 0, 0, durabilities, 0,
        "commit: what is committed survives a killed process; power: a power cut too, but is "
        "slower"},
    {"retain-age", DURATION(retain_age), NONE, 60 * SECOND, INT64_C(86400) * 36500 * SECOND, NULL,
        1, "how long what is stored is kept after it ended, such as 30d"},
    {"retain-size", SIZE(retain_size), NONE, 16 * MIB, 1024 * 1024 * GIB, NULL, 1,
        "most that the database may take on disk, such as 10G; beyond, the oldest goes"},
    {"records", LIST_OF(records), NULL, 0, 0, NULL, 0,
        "files with record types of your own, in Kieker's record language, with commas between; may "
        "be repeated"},
    {"run", TEXT(run), "default", 0, 0, NULL, 0,
        "run (labelled recording) that clients belong to which do not name one"},
    {"ready-file", TEXT(ready_file), NULL, 0, 0, NULL, 0,
        "file that is written once all is up: port=, http_port=, database=, pid=, one a line"},
    {"log", TEXT(log), NULL, 0, 0, NULL, 0,
        "file that the log goes to, opened anew at SIGHUP; without it standard error"},
    {"log-level", CHOICE(log_level), "info", 0, 0, log_level_names, 1,
        "the least important lines that are logged"},
    {"max-connections", NUMBER(max_connections), "10000", 1, 1000000, NULL, 1,
        "clients at a time; further ones wait until one leaves"},
    {"read-buffer", SIZE(read_buffer), "1M", 64 * KIB, 64 * MIB, NULL, 0,
        "most that is read of one client before the next has its turn"},
    {"memory", SIZE(memory), "256M", 128 * MIB, 1024 * GIB, NULL, 1,
        "most that all may take, nearly; as it fills, --stream-memory and --trace-memory get less"},
    {"stream-memory", SIZE(stream_memory), "64M", MIB, 64 * GIB, NULL, 1,
        "most that the strings and unfinished items of all clients may take; beyond, who has more "
        "than others is closed"},
    {"strings", NUMBER(strings), "1048576", 16, REGISTRY_ENTRIES_MAX, NULL, 0,
        "most strings that one client may announce; beyond, it is closed"},
    {"string-length", SIZE(string_length), "3M", KIB, REGISTRY_TEXT_MAX, NULL, 0,
        "longest string that a client may announce, in bytes; with a longer one it is closed"},
    {"open-traces", NUMBER(open_traces), "65536", 1, 16 * MIB, NULL, 0,
        "traces that may be open at a time; beyond, the one that rests longest is put away as "
        "incomplete"},
    {"trace-memory", SIZE(trace_memory), "64M", MIB, 64 * GIB, NULL, 0,
        "most that the calls and records of open traces may take; beyond, those that rest longest "
        "are put away as incomplete"},
    {"trace-depth", NUMBER(trace_depth), "1048576", 1, 256 * MIB, NULL, 0,
        "calls of one trace that may be open at a time; deeper ones are kept as records only"},
    {"trace-executions", NUMBER(trace_executions), "1048576", 1, 256 * MIB, NULL, 0,
        "operation executions of one trace that wait for it to be whole; beyond, it is put away as "
        "it is"},
    {"names", NUMBER(names), "524288", KIB, 16 * MIB, NULL, 0,
        "different strings that a database may hold; further ones become \"(too many names)\""},
    {"name-memory", SIZE(name_memory), "32M", 64 * KIB, 4 * GIB, NULL, 0,
        "most that these strings may take; beyond, likewise"},
    {"operations", NUMBER(operations), "131072", 16, MODEL_OPERATIONS_MAX, NULL, 0,
        "operations that a database may hold; further ones are counted as one"},
    {"paths", NUMBER(paths), "131072", 16, 16 * MIB, NULL, 0,
        "nodes of the aggregated call tree that a database may hold; calls of further ones are "
        "counted by caller and callee"},
    {"classes", NUMBER(classes), "65536", 16, 2 * MODEL_CLASSES_MAX, NULL, 0,
        "trace classes that a database may hold; traces of further ones have none"},
    {"batch-interval", DURATION(batch_interval), "300ms", 10 * MS, 60 * SECOND, NULL, 1,
        "longest time that records wait for others before they are committed"},
    {"batch-size", SIZE(batch_size), "4M", 64 * KIB, GIB, NULL, 1,
        "batch that is committed without waiting for more"},
    {"queue-size", SIZE(queue_size), "16M", 64 * KIB, 16 * GIB, NULL, 0,
        "batches that may wait for the database; beyond, clients are not read until it has caught "
        "up"},
    {"resume-wait", DURATION(resume_wait), "30s", 0, 3600 * SECOND, NULL, 0,
        "longest time that a stream whose connection broke waits for its agent to go on, before its "
        "traces end as incomplete"},
    {"http-connections", NUMBER(http_connections), "256", 4, 100000, NULL, 0,
        "HTTP connections at a time"},
    {"http-request-timeout", DURATION(http_request_timeout), "20s", 100 * MS, 3600 * SECOND, NULL,
        0,
        "longest time that an HTTP request may take to come, its head and then what it carries; "
        "beyond, it is closed, and before, where connections are few and others come"},
    {"http-workers", NUMBER(http_workers), "2", 1, 64, NULL, 0,
        "queries of the HTTP API that run at a time"},
    {"event-clients", NUMBER(event_clients), "64", 0, 10000, NULL, 0,
        "pages at a time that are told what is new (/api/v1/events)"},
    {"query-timeout", DURATION(query_timeout), "10s", 10 * MS, 3600 * SECOND, NULL, 0,
        "longest time that a query of the HTTP API may take"},
    {0},
};

const struct settings_flag settings_flags[] = {
    {"--help", "print this", SETTINGS_HELP},
    {"-h", NULL, SETTINGS_HELP},
    {"--version", "print the version", SETTINGS_VERSION},
    {"--print-config", "print the configuration that would hold, as a file for --config",
        SETTINGS_PRINT},
    {"--check-config", "say whether the configuration is right: exit status 0 or 2",
        SETTINGS_CHECK},
    {0},
};

static char **text_of(struct settings *settings, const struct option *option)
{
    return (char **)((char *)settings + option->offset);
}

static int64_t *number_of(struct settings *settings, const struct option *option)
{
    return (int64_t *)((char *)settings + option->offset);
}

static int set_text(struct settings *settings, const struct option *option, const char *text,
    char *error, size_t size)
{
    char *copy;

    /* A configuration that is printed must say the same when it is read. */
    if (strlen(text) >= SETTINGS_VALUE_MAX)
        return snprintf(error, size, "\"%.40s...\" is too long: %d characters can be", text,
                   SETTINGS_VALUE_MAX - 1),
               -1;
    if (text[strcspn(text, "\r\n")] != '\0')
        return snprintf(error, size, "\"%.40s\" has more than one line", text), -1;
    copy = strdup(text);
    if (copy == NULL)
        return snprintf(error, size, "memory is short"), -1;
    free(*text_of(settings, option));
    *text_of(settings, option) = copy;
    return 0;
}

static int set_choice(struct settings *settings, const struct option *option, const char *text,
    char *error, size_t size)
{
    size_t used;

    for (int i = 0; option->choices[i]; i++)
        if (strcmp(option->choices[i], text) == 0) {
            *number_of(settings, option) = i;
            return 0;
        }
    used = (size_t)snprintf(error, size, "\"%.40s\" is none of", text);
    for (int i = 0; option->choices[i] && used < size; i++)
        used +=
            (size_t)snprintf(error + used, size - used, "%s %s", i ? "," : "", option->choices[i]);
    return -1;
}

/* A number that may also be none at all, which is 0. */
static int has_none(const struct option *option)
{
    return option->value && strcmp(option->value, NONE) == 0;
}

int settings_set(struct settings *settings, const struct option *option, const char *text,
    char *error, size_t error_size)
{
    static const enum quantity quantities[] = {[OPTION_NUMBER] = QUANTITY_COUNT,
        [OPTION_DURATION] = QUANTITY_DURATION,
        [OPTION_SIZE] = QUANTITY_SIZE};
    int64_t value;

    if (option_is_text(option))
        return set_text(settings, option, text, error, error_size);
    if (option->type == OPTION_CHOICE)
        return set_choice(settings, option, text, error, error_size);
    if (has_none(option) && strcmp(text, NONE) == 0) {
        *number_of(settings, option) = 0;
        return 0;
    }
    if (quantity_parse(quantities[option->type], text, &value, error, error_size) < 0)
        return -1;
    if (value < option->minimum || value > option->maximum) {
        char least[32], most[32];

        quantity_print(quantities[option->type], option->minimum, least, sizeof(least));
        quantity_print(quantities[option->type], option->maximum, most, sizeof(most));
        snprintf(
            error, error_size, "\"%.40s\" is out of range: %s to %s can be", text, least, most);
        return -1;
    }
    *number_of(settings, option) = value;
    return 0;
}

int option_is_text(const struct option *option)
{
    return option->type == OPTION_TEXT || option->type == OPTION_LIST;
}

int settings_give(struct settings *settings, const struct option *option, const char *text,
    struct settings_given *given, char *error, size_t error_size)
{
    const char *before = option_is_text(option) ? *text_of(settings, option) : NULL;
    char *both;
    size_t i = 0;
    int result;

    if (option->type != OPTION_LIST)
        return settings_set(settings, option, text, error, error_size);
    while (given->lists[i] && given->lists[i] != option)
        i++;
    if (given->lists[i] == NULL || before == NULL) {
        given->lists[i] = option;
        return settings_set(settings, option, text, error, error_size);
    }
    if (asprintf(&both, "%s,%s", before, text) < 0)
        return snprintf(error, error_size, "memory is short"), -1;
    result = settings_set(settings, option, both, error, error_size);
    free(both);
    return result;
}

const struct option *settings_find(const char *name)
{
    for (const struct option *option = options; option->name; option++)
        if (strcmp(option->name, name) == 0)
            return option;
    return NULL;
}

void settings_fini(struct settings *settings)
{
    for (const struct option *option = options; option->name; option++)
        if (option_is_text(option)) {
            free(*text_of(settings, option));
            *text_of(settings, option) = NULL;
        }
}

void settings_value(
    const struct settings *settings, const struct option *option, char *out, size_t size)
{
    const char *at = (const char *)settings + option->offset;

    if (has_none(option) && *(const int64_t *)at == 0) {
        snprintf(out, size, NONE);
        return;
    }
    switch (option->type) {
    case OPTION_TEXT:
    case OPTION_LIST:
        snprintf(out, size, "%s", *(char *const *)at ? *(char *const *)at : "");
        break;
    case OPTION_CHOICE:
        snprintf(out, size, "%s", option->choices[*(const int64_t *)at]);
        break;
    case OPTION_NUMBER:
        quantity_print(QUANTITY_COUNT, *(const int64_t *)at, out, size);
        break;
    case OPTION_DURATION:
        quantity_print(QUANTITY_DURATION, *(const int64_t *)at, out, size);
        break;
    case OPTION_SIZE:
        quantity_print(QUANTITY_SIZE, *(const int64_t *)at, out, size);
        break;
    }
}

void settings_print(const struct settings *settings, FILE *out)
{
    fputs("[collector]\n", out);
    for (const struct option *option = options; option->name; option++) {
        char value[SETTINGS_VALUE_MAX];

        settings_value(settings, option, value, sizeof(value));
        fprintf(out, "# %s\n%s%s = %s\n", option->doc, *value ? "" : "#", option->name, value);
    }
}

static const char *metavar(const struct option *option)
{
    static const char *const names[] = {[OPTION_TEXT] = "TEXT",
        [OPTION_LIST] = "TEXTS",
        [OPTION_NUMBER] = "NUMBER",
        [OPTION_DURATION] = "DURATION",
        [OPTION_SIZE] = "SIZE",
        [OPTION_CHOICE] = "WORD"};

    return names[option->type];
}

void settings_help(FILE *out)
{
    fputs("Usage: kieker-collector [OPTION]...\n"
          "Takes monitoring records of Kieker clients, keeps them in one file, and shows them on a "
          "page.\n"
          "No option is needed. Each can also be given as KIEKER_NAME in the environment, or as a "
          "line\n"
          "name = value of a file (in its section [collector]); the command line comes before the\n"
          "environment, and that before the file.\n\n",
        out);
    for (const struct option *option = options; option->name; option++) {
        char head[64];

        snprintf(head, sizeof(head), "--%s %s", option->name, metavar(option));
        fprintf(out, "  %s\n      %s", head, option->doc);
        if (option->choices) {
            fputs(" (", out);
            for (int i = 0; option->choices[i]; i++)
                fprintf(out, "%s%s", i ? " " : "", option->choices[i]);
            fputc(')', out);
        }
        fprintf(out, "%s%s%s\n", option->value ? " [" : "", option->value ? option->value : "",
            option->value ? "]" : "");
    }
    fputs("  --config FILE\n      read options from this file first (KIEKER_CONFIG)\n", out);
    for (const struct settings_flag *flag = settings_flags; flag->name; flag++)
        if (flag->doc)
            fprintf(out, "  %s\n      %s\n", flag->name, flag->doc);
    fputs("\nDurations have a unit (ns us ms s m h d), sizes too (B K M G).\n"
          "SIGTERM and SIGINT store what has come and exit with 0; SIGHUP opens the log anew and "
          "reads the\n"
          "configuration again.\n",
        out);
}
