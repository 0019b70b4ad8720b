/* SPDX-License-Identifier: Apache-2.0 */
#include "query/outlet.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "query/units.h"

#define SENTENCES_MAX 50 /* what more there is to say is counted */
#define BUFFER_SIZE (256u << 10)
#define LOOK_EVERY 64 /* traces, at the clock */

struct telling {
    unsigned said, more;
    int watched, shown; /* shown: there is a line of progress */
    struct timespec begun, last;
};

static double seconds_since(const struct timespec *then)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - then->tv_sec) + (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

static void clear_line(struct telling *telling)
{
    if (telling->shown)
        fputs("\r\033[K", stderr);
    telling->shown = 0;
}

static void on_say(void *context, const char *sentence)
{
    struct telling *telling = context;

    if (telling->said == SENTENCES_MAX) {
        telling->more++;
        return;
    }
    telling->said++;
    clear_line(telling);
    fprintf(stderr, "kieker-query: %s\n", sentence);
}

static void on_made(void *context, const char *path)
{
    (void)context;
    printf("%s\n", path);
}

/* After a second, five times a second. */
static void on_progress(void *context, uint64_t traces)
{
    struct telling *telling = context;
    char count[UNITS_SIZE];

    if (!telling->watched || traces % LOOK_EVERY != 0 || seconds_since(&telling->begun) < 1 ||
        seconds_since(&telling->last) < 0.2)
        return;
    clock_gettime(CLOCK_MONOTONIC, &telling->last);
    units_count((int64_t)traces, count);
    fprintf(stderr, "\r\033[K%s traces", count);
    telling->shown = 1;
}

static int is_same(const char *path, const struct stat *other)
{
    struct stat status;

    return path != NULL && stat(path, &status) == 0 && status.st_dev == other->st_dev &&
           status.st_ino == other->st_ino;
}

/* The file, which must not be the one that is read. */
static FILE *open_file(struct source *source, struct request *request, const char *path)
{
    struct stat status;
    FILE *file;

    if (stat(path, &status) == 0 && is_same(source_database(source), &status)) {
        request_refuse(
            request, 400, "%s is the database itself: give another file with --out", path);
        return NULL;
    }
    file = fopen(path, "we");
    if (file == NULL)
        request_refuse(request, 500, "%s cannot be written: %s", path, strerror(errno));
    return file;
}

static void close_file(struct request *request, FILE *file, const char *path)
{
    int failed = ferror(file) || fflush(file) != 0;
    int why = errno;

    if (path != NULL && fclose(file) != 0 && !failed) {
        failed = 1;
        why = errno;
    }
    if (failed)
        request_refuse(request, 500, "%s could not be written to the end: %s",
            path ? path : "The answer", strerror(why));
}

static void sum_up(const struct telling *telling, const struct outlet *outlet)
{
    char traces[UNITS_SIZE], lost[UNITS_SIZE];

    if (telling->more > 0)
        fprintf(stderr, "kieker-query: and %u more like these\n", telling->more);
    if (outlet->lost == 0)
        return;
    units_count((int64_t)outlet->traces, traces);
    units_count((int64_t)outlet->lost_traces, lost);
    fprintf(stderr,
        "kieker-query: the export is not whole: it has %s traces; what is said above is left out"
        "%s%s%s\n",
        traces, outlet->lost_traces > 0 ? ", with it " : "", outlet->lost_traces > 0 ? lost : "",
        outlet->lost_traces > 0 ? " traces or more" : "");
}

int outlet_write(struct source *source, struct request *request)
{
    const char *to = request_text(request, PARAM_TO), *path = request_text(request, PARAM_OUT);
    int is_log = to != NULL && strncmp(to, "kieker", 6) == 0;
    struct telling telling = {.watched = isatty(STDERR_FILENO)};
    struct outlet outlet = {.out = stdout,
        .packing = (enum packing)request_number(request, PARAM_COMPRESS, PACKING_NONE),
        .say = on_say,
        .made = on_made,
        .progress = on_progress,
        .context = &telling};

    if (is_log && source_server(source) == NULL)
        outlet.directory = path != NULL ? path : ".";
    else if (path != NULL)
        outlet.out = is_log ? NULL : open_file(source, request, path);
    if (outlet.out == NULL && !is_log)
        return -1;
    clock_gettime(CLOCK_MONOTONIC, &telling.begun);
    if (outlet.out != NULL)
        setvbuf(outlet.out, NULL, _IOFBF, BUFFER_SIZE);
    source_write(source, request, &outlet);
    clear_line(&telling);
    if (outlet.out != NULL)
        close_file(request, outlet.out, is_log ? NULL : path);
    sum_up(&telling, &outlet);
    return request->status != 0 ? -1 : outlet.lost > 0;
}
