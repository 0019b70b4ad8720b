/* SPDX-License-Identifier: Apache-2.0 */
#include "server/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server/clock.h"

const char *const log_level_names[LOG_LEVELS + 1] = {"debug", "info", "warn", "error", NULL};

/* One log a process, as there is one standard error. */
static struct {
    pthread_mutex_t lock;
    enum log_level level;
    int fd;
    char *path;
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = LOG_INFO, .fd = STDERR_FILENO};

/* The file takes the place of the former one only once it is open. Called with the lock held. */
static int switch_to(const char *path)
{
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640) : STDERR_FILENO;

    if (fd < 0)
        return -1;
    if (sink.fd != STDERR_FILENO)
        close(sink.fd);
    sink.fd = fd;
    return 0;
}

int log_open(const char *path)
{
    char *copy = path ? strdup(path) : NULL;
    int done;

    if (path && copy == NULL)
        return -1;
    pthread_mutex_lock(&sink.lock);
    done = switch_to(copy);
    if (done == 0) {
        free(sink.path);
        sink.path = copy;
        copy = NULL;
    }
    pthread_mutex_unlock(&sink.lock);
    free(copy);
    return done;
}

int log_reopen(void)
{
    int done;

    pthread_mutex_lock(&sink.lock);
    done = sink.path ? switch_to(sink.path) : 0;
    pthread_mutex_unlock(&sink.lock);
    return done;
}

void log_give(uid_t user, gid_t group)
{
    pthread_mutex_lock(&sink.lock);
    /* Of what is no file of ours, a terminal say, nothing needs to be said. */
    if (sink.path && fchown(sink.fd, user, group) < 0)
        errno = 0;
    pthread_mutex_unlock(&sink.lock);
}

void log_close(void)
{
    log_open(NULL);
}

int log_has_file(void)
{
    int has;

    pthread_mutex_lock(&sink.lock);
    has = sink.path != NULL;
    pthread_mutex_unlock(&sink.lock);
    return has;
}

void log_set_level(enum log_level level)
{
    pthread_mutex_lock(&sink.lock);
    sink.level = level;
    pthread_mutex_unlock(&sink.lock);
}

/*
 * The bytes of the UTF-8 sequence at `at` if it may stand in a log as it is; 0 if not: broken ones,
 * control characters (U+0080 to U+009F too), and what turns a terminal's writing direction or ends
 * its line (U+2028 to U+202E, U+2066 to U+2069).
 */
static unsigned printable(const unsigned char *at)
{
    unsigned length = at[0] < 0x80   ? 1
                      : at[0] < 0xC2 ? 0
                      : at[0] < 0xE0 ? 2
                      : at[0] < 0xF0 ? 3
                      : at[0] < 0xF5 ? 4
                                     : 0;

    if (length == 1)
        return at[0] >= 0x20 && at[0] != 0x7F;
    for (unsigned i = 1; i < length; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    if (length == 2 && at[0] == 0xC2 && at[1] < 0xA0)
        return 0;
    if (length == 3 && at[0] == 0xE2 &&
        ((at[1] == 0x80 && at[2] >= 0xA8 && at[2] <= 0xAE) ||
            (at[1] == 0x81 && at[2] >= 0xA6 && at[2] <= 0xA9)))
        return 0;
    return length;
}

static int is_plain(const char *text)
{
    for (const char *at = text; *at; at++)
        if (*at <= ' ' || *at > '~' || *at == '"' || *at == '\\' || *at == '=')
            return 0;
    return *text != '\0';
}

size_t log_escape(char *out, size_t size, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t used = 0;

    if (is_plain(text)) {
        size_t length = strlen(text);

        if (length < size) {
            memcpy(out, text, length + 1);
            return length;
        }
    }
    if (size < 16)
        return *out = '\0', 0;
    out[used++] = '"';
    /* Room is kept for one more escape, "..." where it is cut, the closing quote and the NUL. */
    while (*at && used + 4 + 5 < size) {
        unsigned length = printable(at);

        if (*at == '"' || *at == '\\') {
            out[used++] = '\\';
            out[used++] = (char)*at++;
        } else if (length == 0) {
            used += (size_t)sprintf(out + used, "\\x%02x", *at++);
        } else {
            memcpy(out + used, at, length);
            used += length;
            at += length;
        }
    }
    used += (size_t)sprintf(out + used, "%s\"", *at ? "..." : "");
    return used;
}

int log_may(struct log_pace *pace, uint64_t *left_out)
{
    int64_t now = clock_monotonic();
    int may;

    pthread_mutex_lock(&sink.lock);
    if (pace->due < now)
        pace->due = now;
    may = pace->due - now <= (LOG_PACE_BURST - 1) * CLOCK_SECOND;
    if (may) {
        pace->due += CLOCK_SECOND;
        *left_out = pace->left_out;
        pace->left_out = 0;
    } else {
        pace->left_out++;
    }
    pthread_mutex_unlock(&sink.lock);
    return may;
}

static size_t put_time(char *out, size_t size)
{
    time_t now = time(NULL);
    struct tm tm;

    gmtime_r(&now, &tm);
    return strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void log_write(
    enum log_level level, const char *topic, const struct log_field *fields, size_t count)
{
    char line[LOG_LINE_MAX];
    size_t used = put_time(line, sizeof(line));

    used +=
        (size_t)snprintf(line + used, sizeof(line) - used, " %s %s", log_level_names[level], topic);
    for (size_t i = 0; i < count && used + 64 < sizeof(line); i++) {
        used += (size_t)snprintf(line + used, sizeof(line) - used, " %.32s=", fields[i].key);
        if (fields[i].text)
            used += log_escape(line + used, sizeof(line) - used - 1, fields[i].text);
        else
            used +=
                (size_t)snprintf(line + used, sizeof(line) - used, "%" PRId64, fields[i].number);
    }
    line[used++] = '\n';
    pthread_mutex_lock(&sink.lock);
    if (level >= sink.level)
        while (write(sink.fd, line, used) < 0 && errno == EINTR)
            continue;
    pthread_mutex_unlock(&sink.lock);
}
