/* SPDX-License-Identifier: Apache-2.0 */
#include "query/param.h"

#include "query/measure.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const states[] = {"running", "complete", "incomplete", "damaged", NULL};
static const char *const orders[] = {"desc", "asc", NULL};
static const char *const exports[] = {
    "kieker", "kieker-binary", "chrome", "folded", "speedscope", "otlp-json", "csv", NULL};
static const char *const packings[] = {"none", "gzip", "xz", "zip", NULL}; /* as enum packing */
static const char *const levels[] = {"operation", "component", "container", NULL};

const struct param params[PARAMS] = {
    [PARAM_RUN] = {"run", TYPE_TEXT, 0, "this run (a labelled recording)", "nightly", NULL, 0, 0},
    [PARAM_HOST] = {"host", TYPE_TEXT, 0, "only this host (execution container)", "web-1", NULL, 0,
        0},
    [PARAM_SINCE] = {"since", TYPE_TIME, 0, "only from this time on", "5m", NULL, 0, 0},
    [PARAM_UNTIL] = {"until", TYPE_TIME, 0, "only up to this time", "2026-03-01T12:00", NULL, 0, 0},
    [PARAM_OP] = {"op", TYPE_GLOB, 0,
        "only this operation, or component.operation; of traces: any call inside", "*.get_book",
        NULL, 0, 0},
    [PARAM_ROOT] = {"root", TYPE_GLOB, 0, "only traces that begin with this operation", "main",
        NULL, 0, 0},
    [PARAM_COMPONENT] = {"component", TYPE_GLOB, 0, "only this component (class or module)",
        "shop.*", NULL, 0, 0},
    [PARAM_MIN] = {"min", TYPE_DURATION, 0, "only what took at least this long", "10ms", NULL, 0,
        0},
    [PARAM_MAX] = {"max", TYPE_DURATION, 0, "only what took at most this long", "1s", NULL, 0, 0},
    [PARAM_MIN_CALLS] = {"min-calls", TYPE_NUMBER, 0, "only with at least so many calls", "100",
        NULL, 0, INT64_MAX},
    [PARAM_FAILED] = {"failed", TYPE_FLAG, 1, "only with failed calls", "1", NULL, 0, 0},
    [PARAM_STATE] = {"state", TYPE_CHOICE, 0, "only traces in this state", "running", states, 0, 0},
    [PARAM_INCOMPLETE] = {"incomplete", TYPE_FLAG, 1, "only traces that are incomplete or damaged",
        "1", NULL, 0, 0},
    [PARAM_ROOTS] = {"roots", TYPE_FLAG, 1, "only traces that no other trace has started", "1",
        NULL, 0, 0},
    [PARAM_CLASS] = {"class", TYPE_NUMBER, 0, "only traces of this class (equal call trees)", "12",
        NULL, 1, UINT32_MAX},
    [PARAM_CALLER] = {"caller", TYPE_NODE, 0,
        "only traces in which this operation calls `callee`: an id, or entry", "3", NULL, 0, 0},
    [PARAM_CALLEE] = {"callee", TYPE_NODE, 0,
        "only traces in which `caller` calls this operation: an id", "7", NULL, 0, 0},
    [PARAM_CALLER_COMPONENT] = {"caller-component", TYPE_TEXT, 0,
        "only traces in which this component calls `callee-component`; or entry", "shop.Catalog",
        NULL, 0, 0},
    [PARAM_CALLEE_COMPONENT] = {"callee-component", TYPE_TEXT, 0,
        "only traces in which `caller-component` calls this component", "shop.CRM", NULL, 0, 0},
    [PARAM_SLOWEST] = {"slowest", TYPE_NUMBER, 1, "the slowest (so many) of all, slowest first",
        "10", NULL, 1, INT64_MAX},
    [PARAM_LATEST] = {"latest", TYPE_NUMBER, 1, "the latest (so many), latest first", "10", NULL, 1,
        INT64_MAX},
    [PARAM_ID] = {"id", TYPE_NUMBER, 0, "the trace's id", "17", NULL, 1, INT64_MAX},
    [PARAM_CALL] = {"call", TYPE_NUMBER, 0, "only the subtree of the call at this position", "42",
        NULL, 0, INT64_MAX},
    [PARAM_DEPTH] = {"depth", TYPE_NUMBER, 0, "only so many levels of calls", "3", NULL, 1,
        REQUEST_DEPTH_MAX},
    [PARAM_LEVEL] = {"level", TYPE_CHOICE, 0, "what a node stands for", "operation", levels, 0, 0},
    [PARAM_QUERY] = {"query", TYPE_TEXT, 0, "the SQL", "SELECT root, duration FROM trace LIMIT 5",
        NULL, 0, 0},
    [PARAM_SORT] = {"sort", TYPE_CHOICE, 0, "by what rows are sorted", "duration", NULL, 0, 0},
    [PARAM_ORDER] = {"order", TYPE_CHOICE, 0, "largest (desc) or smallest (asc) first", "asc",
        orders, 0, 0},
    [PARAM_LIMIT] = {"limit", TYPE_NUMBER, 0, "at most so many rows", "20", NULL, 1, INT64_MAX},
    [PARAM_OFFSET] = {"offset", TYPE_NUMBER, 0, "leave out so many rows at the beginning", "20",
        NULL, 0, INT64_MAX},
    [PARAM_NEXT] = {"next", TYPE_TEXT, 0, "the rows after those of the answer that gave this token",
        "d1000-17", NULL, 0, 0},
    [PARAM_TO] = {"to", TYPE_CHOICE, 0, "the form that is written", "chrome", exports, 0, 0},
    [PARAM_OUT] = {"out", TYPE_TEXT, 0,
        "the file to write, else standard output; of Kieker logs the directory for them, else this "
        "one",
        "trace.json", NULL, 0, 0},
    [PARAM_COMPRESS] = {"compress", TYPE_CHOICE, 0, "how the files of a Kieker log are packed",
        "gzip", packings, 0, 0},
    [PARAM_LOG] = {"log", TYPE_TEXT, 0,
        "a Kieker log, or a directory with logs below it; may be repeated", "kieker-2026-UTC", NULL,
        0, 0},
    [PARAM_FOLLOW] = {"follow", TYPE_FLAG, 1, "go on with what is added, until Ctrl-C", "1", NULL,
        0, 0},
    [PARAM_RECORDS] = {"records", TYPE_TEXT, 0,
        "record types of your own, in Kieker's record language; several with commas between",
        "shop.irl", NULL, 0, 0},
    [PARAM_TYPE] = {"type", TYPE_TEXT, 0, "a record type: its class name, or the end of that",
        "CPUUtilizationRecord", NULL, 0, 0},
    [PARAM_FIELD] = {"field", TYPE_TEXT, 0, "only these fields, with commas between",
        "hostname,user", NULL, 0, 0},
    [PARAM_SERIES] = {"series", TYPE_TEXT, 0,
        "fields, with commas between, whose numbers are summed up over time; all: every field of numbers",
        "user,system", NULL, 0, 0},
    [PARAM_BUCKET] = {"bucket", TYPE_DURATION, 0, "the width of a step of the series", "10s", NULL,
        0, 0},
    [PARAM_BY] = {"by", TYPE_TEXT, 0,
        "fields, with commas between, by which series are told apart; none: none", "hostname,cpuID",
        NULL, 0, 0},
    [PARAM_ACTION] = {"action", TYPE_TEXT, 0,
        "what to do with which pattern: list, activate, deactivate, forget or reset", "activate",
        NULL, 0, 0},
    [PARAM_JVM] = {"jvm", TYPE_TEXT, 0,
        "order it of the JVM that listens there with Kieker's controller; set, add and remove "
        "PATTERN NAME VALUE... are for its parameters",
        "localhost:2020", NULL, 0, 0},
    [PARAM_FORMAT] = {"format", TYPE_CHOICE, 0, "the form of the answer", "csv", NULL, 0, 0},
};

/* What the help calls a value, its type in a JSON schema, and its parser: 0 or -1 with the
 * sentence's second half. */
static int parse_text(const struct param *, int64_t, const char *, int64_t *, char *, size_t);
static int parse_duration(const struct param *, int64_t, const char *, int64_t *, char *, size_t);
static int parse_time(const struct param *, int64_t, const char *, int64_t *, char *, size_t);
static int parse_number(const struct param *, int64_t, const char *, int64_t *, char *, size_t);
static int parse_flag(const struct param *, int64_t, const char *, int64_t *, char *, size_t);
static int parse_node(const struct param *, int64_t, const char *, int64_t *, char *, size_t);

static const struct {
    const char *metavar, *schema;
    int (*parse)(const struct param *param, int64_t now, const char *text, int64_t *number,
        char *why, size_t size);
} types[PARAM_TYPES] = {
    [TYPE_TEXT] = {"TEXT", "string", parse_text},
    [TYPE_GLOB] = {"GLOB", "string", parse_text},
    [TYPE_DURATION] = {"DURATION", "string", parse_duration},
    [TYPE_TIME] = {"TIME", "string", parse_time},
    [TYPE_NUMBER] = {"N", "integer", parse_number},
    [TYPE_FLAG] = {"", "boolean", parse_flag},
    [TYPE_CHOICE] = {"WORD", "string", NULL},
    [TYPE_NODE] = {"ID", "string", parse_node},
};

const char *param_type_metavar(enum param_type type)
{
    return types[type].metavar;
}

const char *param_type_schema(enum param_type type)
{
    return types[type].schema;
}

const struct param *param_find(const char *name)
{
    for (int i = 0; i < PARAMS; i++)
        if (strcmp(params[i].name, name) == 0)
            return &params[i];
    return NULL;
}

const char *const *param_choices(const struct param *param, const struct verb *verb)
{
    if (param->type != TYPE_CHOICE || param->choices != NULL)
        return param->choices;
    return param == &params[PARAM_SORT] ? verb->sorts : verb->formats;
}

static int parse_text(const struct param *param, int64_t now, const char *text, int64_t *number,
    char *why, size_t size)
{
    (void)param;
    (void)now;
    if (*text == '\0') {
        snprintf(why, size, "is empty");
        return -1;
    }
    *number = 0;
    return 0;
}

static int parse_duration(const struct param *param, int64_t now, const char *text, int64_t *number,
    char *why, size_t size)
{
    (void)param;
    (void)now;
    return measure_duration(text, number, why, size);
}

static int parse_time(const struct param *param, int64_t now, const char *text, int64_t *number,
    char *why, size_t size)
{
    (void)param;
    if (measure_time(text, now, number, why, size) < 0)
        return -1;
    if (*number == 0)
        *number = 1; /* 0 is "not given" in a filter */
    return 0;
}

static int parse_number(const struct param *param, int64_t now, const char *text, int64_t *number,
    char *why, size_t size)
{
    char *end;
    unsigned long long value;

    (void)now;
    errno = 0;
    value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end != '\0') {
        snprintf(why, size, "is not a whole number");
        return -1;
    }
    if (errno != 0 || value > param->maximum) {
        snprintf(
            why, size, "is too large: it may be up to %llu", (unsigned long long)param->maximum);
        return -1;
    }
    if (value < param->minimum) {
        snprintf(why, size, "is too small: it must be at least %llu",
            (unsigned long long)param->minimum);
        return -1;
    }
    *number = (int64_t)value;
    return 0;
}

static int parse_flag(const struct param *param, int64_t now, const char *text, int64_t *number,
    char *why, size_t size)
{
    static const char *const words[] = {"0", "1", "no", "yes", "false", "true", "off", "on"};

    (void)param;
    (void)now;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(text, words[i]) == 0) {
            *number = (int64_t)(i & 1);
            return 0;
        }
    snprintf(why, size, "is neither 1 nor 0");
    return -1;
}

static int parse_node(const struct param *param, int64_t now, const char *text, int64_t *number,
    char *why, size_t size)
{
    (void)now;
    *number = 0;
    if (param == &params[PARAM_CALLER] && strcmp(text, "entry") == 0)
        return 0;
    if (*text != '\0' && text[strspn(text, "0123456789")] == '\0' && strlen(text) <= 10)
        return 0;
    snprintf(why, size, "is not an operation's id (`operations` and `graph` show them)");
    return -1;
}

/* `total` and `total_ns` are the same. */
static int is_choice(const char *text, const char *choice)
{
    size_t length = strlen(choice);

    return strncmp(text, choice, length) == 0 &&
           (text[length] == '\0' || strcmp(text + length, "_ns") == 0 ||
               strcmp(text + length, "_at") == 0);
}

static int parse_choice(const char *text, const char *const *choices, int64_t *number,
    const char **choice, char *why, size_t size)
{
    size_t used;

    for (int i = 0; choices[i] != NULL; i++)
        if (is_choice(text, choices[i])) {
            *number = i;
            *choice = choices[i];
            return 0;
        }
    used = (size_t)snprintf(why, size, "is not known: there are");
    for (int i = 0; choices[i] != NULL && used < size; i++)
        used += (size_t)snprintf(why + used, size - used, " %s", choices[i]);
    return -1;
}

int param_parse(const struct param *param, const struct verb *verb, int64_t now, const char *text,
    int64_t *number, const char **choice, char *error, size_t error_size)
{
    char why[256];
    struct param bounded = *param;
    int failed;

    *choice = text;
    if (param->type == TYPE_CHOICE) {
        failed = parse_choice(text, param_choices(param, verb), number, choice, why, sizeof(why));
    } else if (param == &params[PARAM_LIMIT]) {
        bounded.maximum = verb->limit_max;
        failed = parse_number(&bounded, now, text, number, why, sizeof(why));
    } else {
        failed = types[param->type].parse(param, now, text, number, why, sizeof(why));
    }
    if (failed < 0 && param->type == TYPE_CHOICE)
        snprintf(error, error_size, "%s: \"%.80s\" %s", param->name, text, why);
    else if (failed < 0)
        snprintf(error, error_size, "%s: \"%.80s\" %s; write for example %s", param->name, text,
            why, param->example);
    return failed < 0 ? -1 : 0;
}

#define NAME_MAX_COMPARED 32

unsigned param_distance(const char *a, const char *b)
{
    unsigned rows[3][NAME_MAX_COMPARED + 1];
    size_t n = strlen(a), m = strlen(b);

    if (n > NAME_MAX_COMPARED || m > NAME_MAX_COMPARED)
        return NAME_MAX_COMPARED;
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned *now = rows[i % 3], *last = rows[(i + 2) % 3], *older = rows[(i + 1) % 3];

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            now[j] = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < now[j])
                now[j] = last[j] + 1;
            if (now[j - 1] + 1 < now[j])
                now[j] = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                older[j - 2] + 1 < now[j])
                now[j] = older[j - 2] + 1;
        }
    }
    return rows[n % 3][m];
}

int param_is_near(const char *typed, unsigned distance)
{
    return distance <= 1 + strlen(typed) / 4;
}
