/* SPDX-License-Identifier: Apache-2.0 */
/* kieker-query: asks what is stored. Answers go to standard output, what is said about them to
 * standard error. */
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "query/form.h"
#include "query/help.h"
#include "query/options.h"
#include "query/outlet.h"
#include "query/source.h"
#include "query/terminal.h"
#include "query/units.h"

enum { EXIT_DONE, EXIT_NOTHING, EXIT_USAGE, EXIT_UNREACHABLE, EXIT_NOT_FOUND, EXIT_DAMAGED };

/* One question, of which the command line may hold several (trace 1 2 3). */
struct question {
    const struct options *options;
    struct source *source;
    const char *argument; /* the word behind the verb, or NULL */
    uint64_t wanted;      /* rows, if more than one answer may have; 0: as the request says */
    int64_t now;
};

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int complain(int status, const char *sentence)
{
    fprintf(stderr, "kieker-query: %s\n", sentence);
    switch (status) {
    case 400:
    case 405:
        return EXIT_USAGE;
    case 404:
        return EXIT_NOT_FOUND;
    case 401: /* it is there, but not for us */
    case 403:
    case 429:
    case 503:
        return EXIT_UNREACHABLE;
    default:
        return EXIT_DAMAGED;
    }
}

/* Names are sorted from A on by themselves, all else from the largest on: the other way round is
 * not the same word. */
static const char *reversed(const struct options *options)
{
    const char *sort = options_setting(options, "sort");

    return sort != NULL && (strcmp(sort, "operation") == 0 || strcmp(sort, "component") == 0)
               ? "desc"
               : "asc";
}

/* Fills a request with what the command line says; `limit` and `next` of a further part, or 0 and
 * NULL. */
static void ask(
    const struct question *question, struct request *request, uint64_t limit, const char *next)
{
    const struct options *options = question->options;
    char number[24];

    request_init(request, options->verb, question->now);
    for (size_t i = 0; i < options->settings.count; i++) {
        const struct setting *setting = &options->settings.items[i];

        if (limit > 0 && strcmp(setting->name, "limit") == 0)
            continue;
        request_set(request, setting->name, setting->value);
    }
    snprintf(number, sizeof(number), "%" PRIu64, limit);
    if (limit > 0)
        request_set(request, "limit", number);
    if (next != NULL)
        request_set(request, "next", next);
    if (question->argument != NULL)
        request_set(request, params[options->verb->argument].name, question->argument);
    if (options->reverse)
        request_set(request, "order", reversed(options));
    if (options->form != NULL)
        request_set(request, "format", options->form);
}

/* More rows than one answer may have: the parts, put together. */
static json_t *answer_in_parts(const struct question *question, struct request *request)
{
    uint64_t most = question->options->verb->limit_max, rest = question->wanted;
    json_t *whole = NULL, *part;
    const char *next = NULL;

    do {
        if (whole != NULL)
            request_fini(request);
        ask(question, request, rest < most ? rest : most, next);
        part = source_answer(question->source, request);
        if (part == NULL || whole == NULL) {
            json_decref(part == NULL ? whole : NULL);
            whole = part;
        } else {
            json_array_extend(json_object_get(whole, "rows"), json_object_get(part, "rows"));
            json_object_set(whole, "truncated", json_object_get(part, "truncated"));
            json_object_set(whole, "next", json_object_get(part, "next"));
            if (json_object_get(part, "damaged") != NULL)
                json_object_set(whole, "damaged", json_object_get(part, "damaged"));
            json_decref(part);
        }
        rest -= rest < most ? rest : most;
        next = json_string_value(json_object_get(whole, "next"));
    } while (whole != NULL && rest > 0 && next != NULL);
    return whole;
}

static size_t rows_of(const json_t *answer)
{
    const json_t *rows = json_object_get(answer, "rows");

    return json_array_size(rows != NULL ? rows : json_object_get(answer, "edges"));
}

static size_t count_calls(const json_t *rows)
{
    const json_t *row;
    size_t i, count = json_array_size(rows);

    json_array_foreach(rows, i, row) count += count_calls(json_object_get(row, "children"));
    return count;
}

/* What the rows do not say: how many there are in all, that some were left out, and how to see
 * those. */
static void remark(const struct question *question, struct terminal *terminal, const json_t *answer)
{
    const struct verb *verb = question->options->verb;
    const json_t *rows = json_object_get(answer, "rows"), *total = json_object_get(answer, "total");
    int truncated = json_is_true(json_object_get(answer, "truncated"));
    int nested = json_object_get(json_array_get(rows, 0), "children") != NULL;
    json_int_t below = json_integer_value(json_object_get(answer, "threshold_ns"));
    char shown[UNITS_SIZE], all[UNITS_SIZE], threshold[UNITS_SIZE];

    if (rows_of(answer) == 0) {
        fprintf(stderr,
            question->options->settings.count > 0 || question->argument != NULL ? "No %s match.\n"
                                                                                : "No %s yet.\n",
            verb->noun);
        return;
    }
    units_count((int64_t)(nested ? count_calls(rows) : rows_of(answer)), shown);
    units_count(json_integer_value(total), all);
    units_duration(below, terminal->page.utf8, threshold);
    if (truncated && nested)
        terminal_remark(terminal, "%s of %s %s; left out is what %s%s%s: see -n N, --depth N%s",
            shown, all, verb->noun, below > 0 ? "took less than " : "lies deeper",
            below > 0 ? threshold : "",
            below > 0 && options_setting(question->options, "depth") != NULL ? " or lies deeper"
                                                                             : "",
            verb->argument == PARAM_ID ? ", --call POSITION" : "");
    else if (truncated && strcmp(shown, all) == 0)
        terminal_remark(
            terminal, "truncated: there are more than these %s %s: -n N", shown, verb->noun);
    else if (truncated)
        terminal_remark(terminal, "%s of %s %s; more: -n N", shown, all, verb->noun);
    else if (terminal->watched && verb->limit > 0 && !nested)
        terminal_remark(terminal, "%s of %s %s", shown, all, verb->noun);
    if (terminal->watched && verb->argument == PARAM_ID && source_server(question->source) != NULL)
        terminal_remark(terminal, "%s/trace?id=%s", source_server(question->source),
            json_string_value(json_object_get(json_object_get(answer, "trace"), "id")));
    if (terminal->page.dropped > 0 && terminal->watched)
        terminal_remark(terminal, "%d column%s did not fit: --wide, or -f to choose",
            terminal->page.dropped, terminal->page.dropped == 1 ? "" : "s");
}

/* A verb whose answer is written as it is found. */
static int write_answer(const struct question *question)
{
    struct request request;
    int written, result;

    ask(question, &request, 0, NULL);
    written = outlet_write(question->source, &request);
    result = written == 0 ? EXIT_DONE : EXIT_DAMAGED;
    if (written < 0)
        result = complain(request.status, request.error);
    request_fini(&request);
    return result;
}

static struct place place_of(const struct options *options)
{
    return (struct place){options->database, options->server, options->ca, options->token_file,
        options->timeout, options->verb != NULL && options->verb->write != NULL};
}

static struct worksite worksite_of(const struct options *options, const struct place *place)
{
    return (struct worksite){
        options->database, place, options->words.items, options->words.count, source_ask};
}

/* A verb that does something, for which there need not be a database. */
static int work(const struct question *question)
{
    const struct options *options = question->options;
    const struct place place = place_of(options);
    const struct worksite site = worksite_of(options, &place);
    struct request request;
    int done, result;

    if (options->server != NULL)
        return complain(400, "This works on a database: give --database FILE, not --server");
    ask(question, &request, 0, NULL);
    done = request.status != 0 ? -1 : options->verb->work(&request, &site);
    result = done == 0 ? EXIT_DONE : EXIT_DAMAGED;
    if (done < 0)
        result = complain(request.status, request.error);
    request_fini(&request);
    return result;
}

static void warn_of_damage(const json_t *answer)
{
    json_int_t count = json_integer_value(json_object_get(answer, "damaged"));

    if (count > 0)
        fprintf(stderr,
            "kieker-query: the database is damaged: %lld part%s of it %s left out; `kieker-query "
            "export` saves what can be read\n",
            (long long)count, count == 1 ? "" : "s", count == 1 ? "is" : "are");
}

/* A verb for which a running program is asked. */
static json_t *ask_program(const struct question *question, struct request *request)
{
    const struct place place = place_of(question->options);
    const struct worksite site = worksite_of(question->options, &place);

    return request->status != 0 ? NULL : question->options->verb->ask(request, &site);
}

static int answer_question(const struct question *question)
{
    const struct options *options = question->options;
    const char *form = options->form != NULL ? options->form : "text";
    struct terminal terminal;
    struct request request;
    json_t *answer;
    int result = EXIT_DONE;

    if (question->wanted > 0) {
        answer = answer_in_parts(question, &request);
    } else {
        ask(question, &request, 0, NULL);
        answer = options->verb->ask != NULL ? ask_program(question, &request)
                                            : source_answer(question->source, &request);
    }
    if (answer == NULL) {
        result = complain(request.status, request.error);
        request_fini(&request);
        return result;
    }
    warn_of_damage(answer);
    terminal_init(&terminal, options, form);
    form_write(form, &request, answer, &terminal.page);
    if (strcmp(form, "json") != 0 && options->verb->ask == NULL)
        remark(question, &terminal, answer);
    if (terminal.page.failed) {
        fprintf(stderr, "kieker-query: memory is short: the answer is not whole\n");
        result = EXIT_DAMAGED;
    }
    if (terminal_fini(&terminal) < 0) {
        fprintf(stderr, "kieker-query: the answer could not be written: %s\n", strerror(errno));
        result = EXIT_DAMAGED;
    } else if (options->exit_code && rows_of(answer) == 0) {
        result = EXIT_NOTHING;
    }
    json_decref(answer);
    request_fini(&request);
    return result;
}

/* -n beyond what one answer may have, or "all". The setting is then a valid one, for the checks. */
static uint64_t wanted_rows(struct options *options)
{
    const char *text = options_setting(options, "limit");
    char *end;
    uint64_t number;

    if (text == NULL)
        return 0;
    number = strcmp(text, "all") == 0 ? UINT64_MAX : strtoull(text, &end, 10);
    if (number != UINT64_MAX && (*end != '\0' || number <= options->verb->limit_max))
        return 0;
    if (options->verb->takes & PARAM_BIT(PARAM_NEXT))
        return number;
    return number == UINT64_MAX ? options->verb->limit_max : 0;
}

/* All that can be said without looking into the database. 0, or the status to exit with. */
static int check(const struct question *question)
{
    const struct options *options = question->options;
    const struct column *chosen[COLUMNS_MAX];
    struct request request;
    char error[512];
    int result = 0;

    ask(question, &request, question->wanted > 0 ? 1 : 0, NULL);
    if (request.status != 0 || request_check(&request) < 0)
        result = complain(request.status, request.error);
    else if (options->words.count > (options->verb->argument < 0 ? 0u : 1u) && !options->verb->many)
        result = complain(
            400, options->verb->argument < 0
                     ? "This verb takes no word behind it; filters are options, as in --op GLOB"
                     : "This verb takes one word behind it; quote it if it has spaces");
    else if (options->fields != NULL && options->verb->columns == NULL)
        result = complain(
            400, "This verb's columns are those of the query; -f cannot choose among them");
    else if (options->fields != NULL && column_choose(options->verb->columns, options->fields,
                                            chosen, error, sizeof(error)) < 0)
        result = complain(400, error);
    request_fini(&request);
    return result;
}

static struct source *open_source(const struct options *options, char *error, size_t size)
{
    const struct place place = place_of(options);

    return source_open(&place, error, size);
}

static int run(struct options *options)
{
    struct question question = {.options = options, .now = now_ns()};
    char error[2048];
    int result;

    if (options->database != NULL && options->server != NULL)
        return complain(400, "Give either --database or --server: each says where to look");
    question.wanted = wanted_rows(options);
    if (options->words.count > 0 && options->verb->argument >= 0)
        question.argument = options->words.items[0];
    result = check(&question);
    if (result != 0)
        return result;
    if (options->verb->work != NULL)
        return work(&question);
    if (options->verb->ask != NULL && options->database != NULL)
        return complain(400, "This is asked of a running collector: give --server, not --database");
    if (options->verb->ask != NULL)
        return answer_question(&question);
    question.source = open_source(options, error, sizeof(error));
    if (question.source == NULL)
        return complain(503, error);
    if (*error != '\0')
        fprintf(stderr, "kieker-query: %s\n", error);
    if (options->verb->write != NULL) {
        result = write_answer(&question);
        if (result == EXIT_DONE && *error != '\0')
            result = EXIT_DAMAGED;
        source_close(question.source);
        return result;
    }
    result = answer_question(&question);
    for (size_t i = 1; i < options->words.count; i++) {
        int next;

        question.argument = options->words.items[i];
        if (options->form == NULL && result == EXIT_DONE)
            putchar('\n');
        next = answer_question(&question);
        result = next > result ? next : result;
    }
    source_close(question.source);
    return result;
}

static int print_help(const struct options *options)
{
    struct terminal terminal;

    terminal_init(&terminal, options, "text");
    if (options->verb != NULL)
        help_print_verb(&terminal.page, options->verb);
    else
        help_print(&terminal.page, options->help == 2);
    return terminal_fini(&terminal) < 0 ? EXIT_DAMAGED : EXIT_DONE;
}

/* The schema's version is that of the database there is; without one the rest is said all the same.
 */
static int print_version(struct options *options)
{
    struct question question = {.options = options, .now = now_ns()};
    struct request request;
    json_t *status = NULL;
    char error[2048];

    options->verb = verb_find("status");
    options->settings.count = 0;
    options->form = NULL;
    options->reverse = 0;
    question.source = open_source(options, error, sizeof(error));
    ask(&question, &request, 0, NULL);
    if (question.source != NULL)
        status = source_answer(question.source, &request);
    help_print_version(stdout, status);
    json_decref(status);
    request_fini(&request);
    source_close(question.source);
    return fflush(stdout) != 0 ? EXIT_DAMAGED : EXIT_DONE;
}

int main(int count, char **arguments)
{
    struct options options;
    char error[512];
    int result;

    terminal_guard();
    setlocale(LC_CTYPE, "");
    if (options_read(&options, count, arguments, error, sizeof(error)) < 0)
        result = complain(400, error);
    else if (options.version)
        result = print_version(&options);
    else if (options.help)
        result = print_help(&options);
    else if (options.verb == NULL)
        result = complain(
            400, "Say what to ask for, as in kieker-query traces --slowest; -h lists the verbs");
    else
        result = run(&options);
    options_fini(&options);
    return result;
}
