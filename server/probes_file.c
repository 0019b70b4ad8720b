/* SPDX-License-Identifier: Apache-2.0 */
#include "server/probes_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *without_blanks(char *text)
{
    size_t length;

    text += strspn(text, " \t");
    length = strlen(text);
    while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL)
        text[--length] = '\0';
    return text;
}

int probes_list_take(struct probes_list *list, const char *pattern)
{
    for (unsigned i = 0; i < list->count; i++) {
        if (strcmp(list->rules[i].pattern, pattern) != 0)
            continue;
        list->count--;
        memmove(&list->rules[i], &list->rules[i + 1], (list->count - i) * sizeof(*list->rules));
        return 0;
    }
    return -1;
}

int probes_list_put(struct probes_list *list, const char *text, int on, int64_t since, char *error,
    size_t error_size)
{
    struct pattern *pattern = pattern_new(text, error, error_size);

    if (pattern == NULL)
        return -1;
    pattern_free(pattern);
    probes_list_take(list, text);
    if (list->count == TALK_PATTERNS_MAX) {
        snprintf(error, error_size,
            "there are %u patterns already: forget some, or begin anew with reset",
            TALK_PATTERNS_MAX);
        return -1;
    }
    list->rules[list->count].on = on;
    list->rules[list->count].since = since;
    snprintf(list->rules[list->count].pattern, PATTERN_MAX + 1, "%s", text);
    list->count++;
    return 0;
}

static int read_lines(
    FILE *file, const char *name, struct probes_list *list, char *error, size_t error_size)
{
    char *line = NULL, why[300];
    size_t room = 0;
    int result = 0;

    for (unsigned number = 1; result == 0 && getline(&line, &room, file) > 0; number++) {
        const char *text = without_blanks(line);

        if (*text == '\0' || *text == '#')
            continue;
        if (*text != '+' && *text != '-') {
            snprintf(why, sizeof(why), "a line begins with + (activate), - (deactivate) or #");
            result = -1;
        } else {
            result = probes_list_put(
                list, text + 1 + strspn(text + 1, " \t"), *text == '+', 0, why, sizeof(why));
        }
        if (result < 0)
            snprintf(error, error_size, "%.700s:%u: %s", name, number, why);
    }
    free(line);
    return result;
}

int probes_file_read(const char *name, struct probes_list *list, char *error, size_t error_size)
{
    FILE *file = fopen(name, "re");
    int result;

    if (file == NULL && errno == ENOENT)
        return 0;
    if (file == NULL) {
        snprintf(error, error_size, "the patterns %.700s cannot be read: %s (--probes)", name,
            strerror(errno));
        return -1;
    }
    result = read_lines(file, name, list, error, error_size);
    if (result == 0 && ferror(file)) {
        snprintf(error, error_size, "the patterns %.700s cannot be read: %s (--probes)", name,
            strerror(errno));
        result = -1;
    }
    fclose(file);
    return result;
}

static int write_lines(int fd, const struct probes_list *list)
{
    FILE *file = fdopen(fd, "w");
    int result;

    if (file == NULL) {
        close(fd);
        return -1;
    }
    fputs("# What is recorded (+) and what is not (-); the last pattern that fits counts.\n"
          "# kieker-collector writes this file anew with each change, and reads it at SIGHUP.\n",
        file);
    for (unsigned i = 0; i < list->count; i++)
        fprintf(file, "%c %s\n", list->rules[i].on ? '+' : '-', list->rules[i].pattern);
    result = fflush(file) == 0 && fsync(fd) == 0 ? 0 : -1;
    return fclose(file) == 0 ? result : -1;
}

int probes_file_write(
    const char *name, const struct probes_list *list, char *error, size_t error_size)
{
    char *other = NULL;
    int fd = -1, result = -1;

    if (asprintf(&other, "%s.new", name) < 0)
        other = NULL;
    else
        fd = open(other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && write_lines(fd, list) == 0 && rename(other, name) == 0)
        result = 0;
    else
        snprintf(error, error_size,
            "the patterns hold, but could not be kept in %.700s: %s (--probes)", name,
            strerror(errno));
    if (result < 0 && fd >= 0)
        unlink(other);
    free(other);
    return result;
}
