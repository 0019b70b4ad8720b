/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one line an event, time, level, topic, then key=value. Values come from anywhere,
 * clients included: what is not plain is quoted and escaped here, so no caller can forget it. Any
 * thread.
 *
 *     log_warn("connection", log_field("stream", id), log_field("error", wire.error));
 *     2026-03-01T12:00:00Z warn connection stream=3 error="unknown record type (99) x.Y"
 */
#ifndef KIEKER_SERVER_LOG_H
#define KIEKER_SERVER_LOG_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LOG_LINE_MAX 4096 /* bytes; longer lines are cut, saying so */

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_LEVELS };

extern const char *const log_level_names[LOG_LEVELS + 1]; /* up to a NULL */

struct log_field {
    const char *key;
    const char *text; /* NULL: it is the number */
    int64_t number;
};

static inline struct log_field log_text_field(const char *key, const char *text)
{
    return (struct log_field){key, text ? text : "", 0};
}

static inline struct log_field log_number_field(const char *key, int64_t number)
{
    return (struct log_field){key, NULL, number};
}

#define log_field(key, value)                                                                      \
    _Generic((value), char *: log_text_field, const char *: log_text_field, default: log_number_field)(key, value)

/*
 * The log goes to this file from now on (NULL: standard error). 0; -1: errno says why, and it goes
 * on where it went.
 */
int log_open(const char *path);

/* Opens the file of this name anew, after it was moved away. As log_open. */
int log_reopen(void);
void log_close(void);

/* Gives the file to a user, so that it can be opened anew once the process is that user. */
void log_give(uid_t user, gid_t group);

/* Whether it goes to a file. */
int log_has_file(void);

void log_set_level(enum log_level level);

void log_write(
    enum log_level level, const char *topic, const struct log_field *fields, size_t count);

/*
 * Lines that others can cause as often as they like: LOG_PACE_BURST at once, then one a second. All
 * zero in the beginning. 1: write one, with `left_out` as a last field unless it is 0: as many were
 * left out since the last; 0: leave it out, it is counted.
 */
#define LOG_PACE_BURST 10
struct log_pace {
    int64_t due; /* when the credit is full again */
    uint64_t left_out;
};
int log_may(struct log_pace *pace, uint64_t *left_out);

/* The value as it stands in the log, quoted if need be; returns its length, at most size - 1. */
size_t log_escape(char *out, size_t size, const char *text);

/* The first element is there so that no field at all is a list, too. */
#define log_event(level, topic, ...)                                                               \
    log_write(level, topic, (const struct log_field[]){{0}, ##__VA_ARGS__} + 1,                    \
        sizeof((const struct log_field[]){{0}, ##__VA_ARGS__}) / sizeof(struct log_field) - 1)

#define log_debug(...) log_event(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_event(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_event(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_event(LOG_ERROR, __VA_ARGS__)

#endif
