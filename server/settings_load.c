/* SPDX-License-Identifier: Apache-2.0 */
#include "server/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 8192 /* of a file, with its end */

/* Cuts white space off both ends, in place. */
static char *trim(char *text)
{
    size_t length;

    while (isspace((unsigned char)*text))
        text++;
    length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    text[length] = '\0';
    return text;
}

static int read_setting(struct settings *settings, char *line, struct settings_given *given,
    char *error, size_t error_size)
{
    char *equals = strchr(line, '='), why[256];
    const struct option *option;
    char *name, *value;

    if (equals == NULL)
        return snprintf(error, error_size, "\"%.60s\" is no setting: name = value is one", line),
               -1;
    *equals = '\0';
    name = trim(line);
    value = trim(equals + 1);
    option = settings_find(name);
    if (option == NULL)
        return snprintf(error, error_size, "there is no option \"%.60s\": --help lists all", name),
               -1;
    if (settings_give(settings, option, value, given, why, sizeof(why)) < 0)
        return snprintf(error, error_size, "%s: %s", name, why), -1;
    return 0;
}

/* What a file holds may be anything, and goes to a terminal. */
static void disarm(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
            *text = '?';
}

/* One line without its end. 1; 0: there is none; -1: it is none that a file may have. */
static int read_line(FILE *file, char *line, size_t size)
{
    size_t length;

    if (fgets(line, (int)size, file) == NULL)
        return 0;
    length = strlen(line);
    if (length > 0 && line[length - 1] == '\n') {
        line[length - 1] = '\0';
        return 1;
    }
    return feof(file) && length > 0 && length + 1 < size ? 1 : -1;
}

int settings_read(
    struct settings *settings, FILE *file, const char *name, char *error, size_t error_size)
{
    char line[LINE_MAX_BYTES], why[400];
    struct settings_given given = {0};
    int number = 0, ours = 1, done = 0, got;

    while (done == 0 && (got = read_line(file, line, sizeof(line))) != 0) {
        char *text = trim(line);

        number++;
        if (got < 0)
            done = (snprintf(why, sizeof(why), "the line is longer than %d bytes, or holds a NUL",
                        LINE_MAX_BYTES - 2),
                -1);
        else if (*text == '\0' || *text == '#' || *text == ';')
            continue;
        else if (*text == '[' && text[strlen(text) - 1] != ']')
            done = (snprintf(why, sizeof(why), "\"%.60s\" is no section: [collector] is one", text),
                -1);
        else if (*text == '[')
            ours = strcmp(text, "[collector]") == 0;
        else if (ours && read_setting(settings, text, &given, why, sizeof(why)) < 0)
            done = -1;
    }
    if (done < 0) {
        disarm(why);
        snprintf(error, error_size, "%s:%d: %s", name, number, why);
    }
    if (done == 0 && ferror(file))
        done = (snprintf(error, error_size, "%s: cannot be read: %s", name, strerror(errno)), -1);
    return done;
}

static int read_file(struct settings *settings, const char *path, char *error, size_t error_size)
{
    FILE *file = fopen(path, "re");
    int done;

    if (file == NULL)
        return snprintf(error, error_size, "the configuration %s cannot be opened: %s", path,
                   strerror(errno)),
               -1;
    done = settings_read(settings, file, path, error, error_size);
    fclose(file);
    return done;
}

static int read_environment(struct settings *settings, char *error, size_t error_size)
{
    char why[256];

    for (const struct option *option = options; option->name; option++) {
        char name[64];
        const char *value;
        size_t length = (size_t)snprintf(name, sizeof(name), "KIEKER_%s", option->name);

        for (size_t i = 0; i < length; i++)
            name[i] = name[i] == '-' ? '_' : (char)toupper((unsigned char)name[i]);
        value = getenv(name);
        if (value && *value && settings_set(settings, option, value, why, sizeof(why)) < 0)
            return snprintf(error, error_size, "%s in the environment: %s", name, why), -1;
    }
    return 0;
}

static int is_action(const char *argument, enum settings_action *action)
{
    for (const struct settings_flag *flag = settings_flags; flag->name; flag++)
        if (strcmp(flag->name, argument) == 0) {
            /* The first one asked for counts, but help always. */
            if (*action == SETTINGS_RUN || flag->action == SETTINGS_HELP)
                *action = flag->action;
            return 1;
        }
    return 0;
}

/*
 * Takes --name=value or --name value at argv[*at]. 1 with name and value; 0 if it is not
 * --something; -1 without value.
 */
static int split(int argc, char **argv, int *at, char *name, size_t size, const char **value)
{
    const char *text = argv[*at], *equals = strchr(text, '=');
    size_t length = equals ? (size_t)(equals - text) : strlen(text);

    if (strncmp(text, "--", 2) != 0 || length - 2 >= size)
        return 0;
    memcpy(name, text + 2, length - 2);
    name[length - 2] = '\0';
    if (equals)
        *value = equals + 1;
    else if (*at + 1 < argc)
        *value = argv[++*at];
    else
        return -1;
    return 1;
}

/*
 * Goes through the arguments: sets options if there is a `settings`, else only finds `file` and
 * `action`.
 */
static int read_arguments(struct settings *settings, int argc, char **argv, const char **file,
    enum settings_action *action, char *error, size_t error_size)
{
    struct settings_given given = {0};
    char why[256], name[64];

    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i], *value = NULL;
        const struct option *option;
        int is_config, got;

        if (is_action(argument, action))
            continue;
        got = split(argc, argv, &i, name, sizeof(name), &value);
        option = got ? settings_find(name) : NULL;
        is_config = got && strcmp(name, "config") == 0;
        if (!is_config && option == NULL)
            return snprintf(
                       error, error_size, "there is no option %.60s: --help lists all", argument),
                   -1;
        if (got < 0)
            return snprintf(error, error_size, "--%s needs a value: --%s VALUE", name, name), -1;
        if (is_config)
            *file = value;
        else if (settings && settings_give(settings, option, value, &given, why, sizeof(why)) < 0)
            return snprintf(error, error_size, "--%s: %s", name, why), -1;
    }
    return 0;
}

int settings_load(struct settings *settings, int argc, char **argv, enum settings_action *action,
    char *error, size_t error_size)
{
    const char *file = getenv("KIEKER_CONFIG");

    *action = SETTINGS_RUN;
    for (const struct option *option = options; option->name; option++)
        if (option->value && settings_set(settings, option, option->value, error, error_size) < 0)
            return -1;
    if (read_arguments(NULL, argc, argv, &file, action, error, error_size) < 0)
        return -1;
    if (*action == SETTINGS_HELP || *action == SETTINGS_VERSION)
        return 0;
    if (file && *file && read_file(settings, file, error, error_size) < 0)
        return -1;
    if (read_environment(settings, error, error_size) < 0)
        return -1;
    return read_arguments(settings, argc, argv, &file, action, error, error_size);
}
