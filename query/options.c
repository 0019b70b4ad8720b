/* SPDX-License-Identifier: Apache-2.0 */
#include "query/options.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query/param.h"

enum option {
    OPTION_DATABASE,
    OPTION_SERVER,
    OPTION_CA,
    OPTION_TOKEN_FILE,
    OPTION_TIMEOUT,
    OPTION_JSON,
    OPTION_NDJSON,
    OPTION_CSV,
    OPTION_FIELDS,
    OPTION_SORT,
    OPTION_REVERSE,
    OPTION_LIMIT,
    OPTION_NO_HEADER,
    OPTION_WIDE,
    OPTION_NO_FOLD,
    OPTION_COLOR,
    OPTION_NO_PAGER,
    OPTION_EXIT_CODE,
    OPTION_HELP,
    OPTION_VERSION,
    OPTIONS
};

const struct option_row option_rows[OPTIONS + 1] = {
    [OPTION_DATABASE] = {"database", 0, "FILE",
        "the database to look into; default: $KIEKER_DATABASE, else where kieker-collector keeps "
        "it"},
    [OPTION_SERVER] = {"server", 0, "URL",
        "ask a running kieker-collector instead, as http://127.0.0.1:8080; default: "
        "$KIEKER_SERVER"},
    [OPTION_CA] = {"ca", 0, "FILE",
        "authorities (PEM) that the certificate of an https:// server is believed from; default: "
        "$KIEKER_CA, else the system's"},
    [OPTION_TOKEN_FILE] = {"token-file", 0, "FILE",
        "file with the token that the server wants (its --http-token); default: "
        "$KIEKER_TOKEN_FILE, or the token itself in $KIEKER_TOKEN"},
    [OPTION_TIMEOUT] = {"timeout", 0, "DURATION",
        "give up an answer that takes longer, such as 30s; default: as long as it takes, or as "
        "the server allows (its --query-timeout)"},
    [OPTION_JSON] = {"json", 0, NULL,
        "one JSON document; ids are strings, durations whole nanoseconds"},
    [OPTION_NDJSON] = {"ndjson", 0, NULL, "a JSON object a row, each on its line"},
    [OPTION_CSV] = {"csv", 0, NULL, "comma-separated values with a header"},
    [OPTION_FIELDS] = {"fields", 'f', "LIST",
        "the columns: total,self or +p99 (one more) or all or none"},
    [OPTION_SORT] = {"sort", 's', "COLUMN", "sort by this column, the largest first"},
    [OPTION_REVERSE] = {"reverse", 'r', NULL, "the other way round"},
    [OPTION_LIMIT] = {"limit", 'n', "N", "at most so many rows, or all"},
    [OPTION_NO_HEADER] = {"no-header", 0, NULL, "no header line"},
    [OPTION_WIDE] = {"wide", 0, NULL,
        "do not shorten names or leave out columns to fit the terminal"},
    [OPTION_NO_FOLD] = {"no-fold", 0, NULL, "print equal calls one after the other singly"},
    [OPTION_COLOR] = {"color", 0, "WHEN", "auto (default), always or never; NO_COLOR is heeded"},
    [OPTION_NO_PAGER] = {"no-pager", 0, NULL,
        "do not page; else $PAGER, or less, when on a terminal"},
    [OPTION_EXIT_CODE] = {"exit-code", 0, NULL, "exit with 1 when there is no row"},
    [OPTION_HELP] = {"help", 'h', NULL, "this help; -h is short; `help VERB` tells of one verb"},
    [OPTION_VERSION] = {"version", 0, NULL, "version, record format and schema version"},
    [OPTIONS] = {NULL, 0, NULL, NULL},
};

/* What is being read: the arguments from `at` on, and what came with the option itself. */
struct reading {
    struct options *options;
    int count, at;
    char **arguments;
    const char *typed, *attached; /* "--min=5ms": attached is "5ms"; NULL: nothing is */
    char *error;
    size_t error_size;
};

static int __attribute__((format(printf, 2, 3)))
refuse(struct reading *reading, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reading->error, reading->error_size, format, arguments);
    va_end(arguments);
    return -1;
}

static int add_setting(struct options *options, const char *name, const char *value)
{
    struct setting *setting = list_add(&options->settings);

    if (setting == NULL)
        return -1;
    *setting = (struct setting){name, value};
    return 0;
}

const char *options_setting(const struct options *options, const char *name)
{
    for (size_t i = options->settings.count; i-- > 0;)
        if (strcmp(options->settings.items[i].name, name) == 0)
            return options->settings.items[i].value;
    return NULL;
}

/* The option's value: attached, or the argument behind it. NULL: there is none. */
static const char *take_value(struct reading *reading)
{
    const char *value = reading->attached;

    if (value == NULL && reading->at < reading->count)
        value = reading->arguments[reading->at++];
    reading->attached = NULL;
    if (value == NULL)
        refuse(reading, "%s needs a value", reading->typed);
    return value;
}

static int set_colour(struct reading *reading, const char *value)
{
    static const char *const words[] = {"auto", "always", "never"};

    for (int i = 0; i < 3; i++)
        if (strcmp(value, words[i]) == 0) {
            reading->options->colour = (enum colouring)i;
            return 0;
        }
    return refuse(reading, "--color: \"%s\" is neither auto nor always nor never", value);
}

static int set_timeout(struct reading *reading, const char *value)
{
    static const struct param timeout = {
        .name = "--timeout", .type = TYPE_DURATION, .example = "30s"};
    const char *choice;
    int64_t ns;

    if (param_parse(&timeout, NULL, 0, value, &ns, &choice, reading->error, reading->error_size) <
        0)
        return -1;
    if (ns < 1000000 || ns / 1000000 > INT32_MAX)
        return refuse(reading, "--timeout: \"%s\" is not between 1ms and 24 days", value);
    reading->options->timeout = (unsigned)(ns / 1000000);
    return 0;
}

static int apply(struct reading *reading, enum option option)
{
    struct options *options = reading->options;
    const char *value = NULL;

    if (option_rows[option].metavar != NULL && (value = take_value(reading)) == NULL)
        return -1;
    switch (option) {
    case OPTION_DATABASE:
        options->database = value;
        break;
    case OPTION_SERVER:
        options->server = value;
        break;
    case OPTION_CA:
        options->ca = value;
        break;
    case OPTION_TOKEN_FILE:
        options->token_file = value;
        break;
    case OPTION_TIMEOUT:
        return set_timeout(reading, value);
    case OPTION_JSON:
    case OPTION_NDJSON:
    case OPTION_CSV:
        options->form = option_rows[option].name;
        break;
    case OPTION_FIELDS:
        options->fields = value;
        break;
    case OPTION_SORT:
    case OPTION_LIMIT:
        return add_setting(options, option_rows[option].name, value);
    case OPTION_REVERSE:
        options->reverse = 1;
        break;
    case OPTION_NO_HEADER:
        options->header = 0;
        break;
    case OPTION_WIDE:
        options->wide = 1;
        break;
    case OPTION_NO_FOLD:
        options->fold = 0;
        break;
    case OPTION_COLOR:
        return set_colour(reading, value);
    case OPTION_NO_PAGER:
        options->pager = 0;
        break;
    case OPTION_EXIT_CODE:
        options->exit_code = 1;
        break;
    case OPTION_HELP:
        options->help = reading->typed[1] == '-' ? 2 : 1;
        break;
    case OPTION_VERSION:
        options->version = 1;
        break;
    case OPTIONS:
        break;
    }
    return 0;
}

/* A parameter as an option. One that may be bare takes the argument behind it only if that is a
 * number, and a flag never. */
static int apply_param(struct reading *reading, const struct param *param)
{
    const char *value;

    if (param == &params[PARAM_FORMAT]) {
        reading->options->form = take_value(reading);
        return reading->options->form == NULL ? -1 : 0;
    }
    if (!param->bare) {
        value = take_value(reading);
        return value == NULL ? -1 : add_setting(reading->options, param->name, value);
    }
    value = reading->attached;
    reading->attached = NULL;
    if (value == NULL && param->type == TYPE_NUMBER && reading->at < reading->count &&
        isdigit((unsigned char)*reading->arguments[reading->at]))
        value = reading->arguments[reading->at++];
    return add_setting(reading->options, param->name, value);
}

static int refuse_option(struct reading *reading, const char *name)
{
    const char *nearest = NULL;
    unsigned best = UINT32_MAX, distance;

    for (int i = 0; i < OPTIONS + PARAMS; i++) {
        const char *other = i < OPTIONS ? option_rows[i].name : params[i - OPTIONS].name;

        distance = param_distance(name, other);
        if (distance < best) {
            best = distance;
            nearest = other;
        }
    }
    if (nearest != NULL && param_is_near(name, best))
        return refuse(
            reading, "There is no option %.80s; did you mean --%s?", reading->typed, nearest);
    return refuse(reading, "There is no option %.80s; see kieker-query --help", reading->typed);
}

static int read_long(struct reading *reading)
{
    char name[64];
    const char *text = reading->typed + 2;
    size_t length = strcspn(text, "=");
    const struct param *param;

    if (length >= sizeof(name))
        return refuse(reading, "There is no option %.80s; see kieker-query --help", reading->typed);
    memcpy(name, text, length);
    name[length] = '\0';
    if (strcmp(name, "colour") == 0)
        memcpy(name, "color", sizeof("color"));
    reading->attached = text[length] == '=' ? text + length + 1 : NULL;
    for (int i = 0; i < OPTIONS; i++)
        if (strcmp(option_rows[i].name, name) == 0) {
            if (apply(reading, (enum option)i) < 0)
                return -1;
            return reading->attached == NULL ? 0
                                             : refuse(reading, "%s takes no value", reading->typed);
        }
    param = param_find(name);
    return param == NULL ? refuse_option(reading, name) : apply_param(reading, param);
}

/* "-n5", "-n 5", "-rn 5" */
static int read_letters(struct reading *reading)
{
    const char *whole = reading->typed;

    for (const char *at = whole + 1; *at != '\0'; at++) {
        int option = 0;

        while (option < OPTIONS && option_rows[option].letter != *at)
            option++;
        if (option == OPTIONS)
            return refuse(reading, "There is no option %.80s; see kieker-query --help", whole);
        reading->attached =
            option_rows[option].metavar != NULL && at[1] != '\0' ? at + 1 + (at[1] == '=') : NULL;
        if (apply(reading, (enum option)option) < 0)
            return -1;
        if (option_rows[option].metavar != NULL)
            return 0;
    }
    return 0;
}

static int read_word(struct reading *reading, const char *word)
{
    struct options *options = reading->options;
    const struct verb *nearest;
    const char **place;

    if (options->verb == NULL && options->help < 3) {
        options->verb = verb_find(word);
        if (options->verb != NULL)
            return 0;
        if (strcmp(word, "help") == 0) {
            options->help = 3;
            return 0;
        }
        nearest = verb_nearest(word);
        if (nearest != NULL)
            return refuse(
                reading, "There is no verb \"%.80s\"; did you mean %s?", word, nearest->name);
        return refuse(reading, "There is no verb \"%.80s\"; kieker-query -h lists them", word);
    }
    place = list_add(&options->words);
    if (place == NULL)
        return -1;
    *place = word;
    return 0;
}

/* `help VERB` is VERB --help. */
static int read_help(struct reading *reading)
{
    struct options *options = reading->options;

    options->help = 2;
    if (options->words.count == 0)
        return 0;
    options->verb = verb_find(options->words.items[0]);
    if (options->verb != NULL)
        return 0;
    return refuse(
        reading, "There is no verb \"%.80s\"; kieker-query -h lists them", options->words.items[0]);
}

int options_read(
    struct options *options, int count, char **arguments, char *error, size_t error_size)
{
    struct reading reading = {.options = options,
        .count = count,
        .at = 1,
        .arguments = arguments,
        .error = error,
        .error_size = error_size};
    int only_words = 0, result = 0;

    memset(options, 0, sizeof(*options));
    options->header = options->pager = options->fold = 1;
    snprintf(error, error_size, "memory is short");
    while (result == 0 && reading.at < count) {
        reading.typed = arguments[reading.at++];
        if (only_words || reading.typed[0] != '-' || reading.typed[1] == '\0')
            result = read_word(&reading, reading.typed);
        else if (strcmp(reading.typed, "--") == 0)
            only_words = 1;
        else if (reading.typed[1] == '-')
            result = read_long(&reading);
        else
            result = read_letters(&reading);
    }
    return result == 0 && options->help == 3 ? read_help(&reading) : result;
}

void options_fini(struct options *options)
{
    list_fini(&options->words);
    list_fini(&options->settings);
}
