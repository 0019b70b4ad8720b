/* SPDX-License-Identifier: Apache-2.0 */
/* Kieker logs, into the database. */
#include "query/answer.h"
#include "query/learn.h"
#include "query/log_import.h"
#include "query/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define FLAWS_SHOWN 20 /* of a log; the others are counted */

static volatile sig_atomic_t stopped;

struct telling {
    int watched, shown; /* shown: there is a line of progress */
    unsigned flaws;     /* of the log, that were said */
    struct timespec last;
    uint64_t all_flaws;
};

static void on_signal(int number)
{
    (void)number;
    stopped = stopped < 2 ? stopped + 1 : 2;
}

static void clear_line(struct telling *telling)
{
    if (telling->shown)
        fputs("\r\033[K", stderr);
    telling->shown = 0;
}

/* Columns of the terminal in which progress is shown. */
static int terminal_width(void)
{
    struct winsize size = {0};

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

/* Ten times a second. */
static void on_progress(
    void *context, const struct import_figures *figures, uint64_t done, uint64_t total)
{
    struct telling *telling = context;
    char count[UNITS_SIZE], line[UNITS_SIZE + 40];
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!telling->watched || (now.tv_sec - telling->last.tv_sec) * 10 +
                                     (now.tv_nsec - telling->last.tv_nsec) / 100000000 <
                                 1)
        return;
    telling->last = now;
    units_count((int64_t)(figures->records + figures->known), count);
    if (total > 0)
        snprintf(line, sizeof(line), "%s records, %u %%", count,
            (unsigned)(done > total ? 100 : done * 100 / total));
    else
        snprintf(line, sizeof(line), "%s records; Ctrl-C ends", count);
    /* A line that is wider than the terminal cannot be written over. */
    fprintf(stderr, "\r\033[K%.*s", terminal_width() - 1, line);
    telling->shown = 1;
}

static void on_flaw(
    void *context, const char *log, const char *file, uint64_t line, uint64_t byte, const char *why)
{
    struct telling *telling = context;

    telling->all_flaws++;
    if (telling->flaws++ >= FLAWS_SHOWN)
        return;
    clear_line(telling);
    if (line > 0)
        fprintf(stderr, "kieker-query: %s/%s:%" PRIu64 ": %s\n", log, file, line, why);
    else
        fprintf(stderr, "kieker-query: %s/%s, byte %" PRIu64 ": %s\n", log, file, byte, why);
}

static void on_log(void *context, const char *log, const struct import_figures *figures)
{
    struct telling *telling = context;
    char records[UNITS_SIZE], known[UNITS_SIZE];

    clear_line(telling);
    if (telling->flaws > FLAWS_SHOWN)
        fprintf(stderr, "kieker-query: %s: %u more that cannot be read\n", log,
            telling->flaws - FLAWS_SHOWN);
    telling->flaws = 0;
    units_count((int64_t)figures->records, records);
    units_count((int64_t)figures->known, known);
    printf("%s: %s records", log, records);
    if (figures->known > 0)
        printf(", and %s that had been imported before", known);
    if (figures->flaws > 0)
        printf("; %" PRIu64 " lines or files could not be read", figures->flaws);
    putchar('\n');
}

static void on_notice(void *context, const char *path, const char *what)
{
    clear_line(context);
    fprintf(stderr, "kieker-query: %s: %s\n", path, what);
}

static int work_import(struct request *request, const struct worksite *site)
{
    struct telling telling = {.watched = isatty(STDERR_FILENO)};
    struct sigaction stop = {.sa_handler = on_signal};
    const char *run = request_text(request, PARAM_RUN);
    const struct import import = {.database = site->database,
        .run = run ? run : "default",
        .paths = site->words,
        .path_count = site->word_count,
        .follow = (int)request_number(request, PARAM_FOLLOW, 0),
        .stop = &stopped,
        .on_progress = on_progress,
        .on_flaw = on_flaw,
        .on_log = on_log,
        .on_notice = on_notice,
        .context = &telling};
    struct import_figures sum;
    char error[512] = "";
    unsigned logs;
    int result;

    if (learn_records(request) < 0)
        return -1;
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    result = import_logs(&import, &sum, &logs, error, sizeof(error));
    clear_line(&telling);
    if (result < 0) {
        request_refuse(request, 500, "%s", error);
        return -1;
    }
    if (logs > 1) {
        char records[UNITS_SIZE];

        units_count((int64_t)sum.records, records);
        printf("%u logs: %s records\n", logs, records);
    }
    if (sum.is_interrupted)
        fputs("kieker-query: stopped before the end: what was read is stored, and another import "
              "goes on from there\n",
            stderr);
    return sum.flaws > 0 || sum.is_interrupted;
}

const struct verb verb_import = {
    .name = "import",
    .doc = "Kieker logs, of any version, into the database; what is there already is not doubled",
    .noun = "logs",
    .takes = PARAM_BIT(PARAM_LOG) | PARAM_BIT(PARAM_RUN) | PARAM_BIT(PARAM_FOLLOW) |
             PARAM_BIT(PARAM_RECORDS),
    .needs = PARAM_BIT(PARAM_LOG),
    .here = PARAM_BIT(PARAM_LOG) | PARAM_BIT(PARAM_FOLLOW) | PARAM_BIT(PARAM_RECORDS),
    .argument = PARAM_LOG,
    .many = 1,
    .work = work_import,
};
