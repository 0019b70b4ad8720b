/* SPDX-License-Identifier: Apache-2.0 */
/* query/param.c and query/request.c: how every type of parameter is written, and what is said of
 * what is not one. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "query/param.h"
#include "query/verb.h"

#define NOW INT64_C(1772366400000000000) /* 2026-03-01 12:00:00 UTC */
#define S INT64_C(1000000000)

static struct request request;

static void begin(const char *verb)
{
    ck_assert_ptr_nonnull(verb_find(verb));
    request_init(&request, verb_find(verb), NOW);
}

/* Sets one parameter of a fresh request; its number. */
static int64_t number_of(const char *verb, enum param_id param, const char *value)
{
    int64_t number;

    begin(verb);
    ck_assert_msg(request_set(&request, params[param].name, value) == 0, "%s=%s: %s",
        params[param].name, value, request.error);
    number = request.values[param].number;
    request_fini(&request);
    return number;
}

/* The sentence with which a value is refused. */
static const char *refusal(const char *verb, const char *name, const char *value)
{
    static char sentence[sizeof(request.error)];

    begin(verb);
    ck_assert_msg(request_set(&request, name, value) < 0, "%s=%s was taken", name, value);
    ck_assert_int_eq(request.status, 400);
    snprintf(sentence, sizeof(sentence), "%s", request.error);
    request_fini(&request);
    return sentence;
}

#define ck_assert_says(sentence, part)                                                             \
    ck_assert_msg(strstr(sentence, part) != NULL, "\"%s\" does not say \"%s\"", sentence, part)

START_TEST(test_duration)
{
    static const struct {
        const char *text;
        int64_t ns;
    } rows[] = {
        {"0ns", 0},
        {"1ns", 1},
        {"250us", 250000},
        {"250\xc2\xb5s", 250000},
        {"250\xce\xbcs", 250000},
        {"10ms", 10000000},
        {"1.5ms", 1500000},
        {"0.001us", 1},
        {".5ms", 500000},
        {"2s", 2 * S},
        {"3m", 180 * S},
        {"3min", 180 * S},
        {"1h", 3600 * S},
        {"1.123456789s", 1123456789},
        {"1.1234567891234s", 1123456789},
        {"9223372036s", 9223372036 * S},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_msg(
            number_of("traces", PARAM_MIN, rows[i].text) == rows[i].ns, "%s", rows[i].text);
}
END_TEST

START_TEST(test_duration_refused)
{
    static const char *const wrong[] = {"", "ms", "-5ms", "5 ms", "5msec", "1,5ms", "1..5ms", ".",
        ".ms", "5ms ", "0x5ms", "1e3ms", "nan"};
    const char *sentence = refusal("traces", "min", "10");

    ck_assert_says(sentence, "has no unit");
    ck_assert_says(sentence, "10ms"); /* an example */
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_says(refusal("traces", "min", wrong[i]), "ns us ms s m h");
    ck_assert_says(refusal("traces", "min", "99999999999999s"), "292 years");
    ck_assert_says(refusal("traces", "min", "99999999999999999999999s"), "number");
}
END_TEST

START_TEST(test_time)
{
    ck_assert_int_eq(number_of("traces", PARAM_SINCE, "5m"), NOW - 300 * S);
    ck_assert_int_eq(number_of("traces", PARAM_SINCE, "2h"), NOW - 7200 * S);
    ck_assert_int_eq(number_of("traces", PARAM_SINCE, "1d"), NOW - 86400 * S);
    ck_assert_int_eq(number_of("traces", PARAM_SINCE, "1.5s"), NOW - 3 * S / 2);
    ck_assert_int_eq(number_of("traces", PARAM_SINCE, "now"), NOW);
    ck_assert_int_eq(number_of("traces", PARAM_SINCE, "@1772366400"), NOW);
    ck_assert_int_eq(number_of("traces", PARAM_SINCE, "@1772366400.25"), NOW + S / 4);
    ck_assert_int_eq(number_of("traces", PARAM_SINCE, "@0"), 1); /* 0 would be: from ever on */
    ck_assert_int_eq(number_of("traces", PARAM_SINCE, "2026-03-01T12:00:00Z"), NOW);
    ck_assert_int_eq(number_of("traces", PARAM_SINCE, "2026-03-01T12:00Z"), NOW);
    ck_assert_int_eq(number_of("traces", PARAM_SINCE, "2026-03-01 12:00Z"), NOW);
    ck_assert_int_eq(number_of("traces", PARAM_SINCE, "2026-03-01T12:00:00.5Z"), NOW + S / 2);
    ck_assert_int_eq(number_of("traces", PARAM_SINCE, "2026-03-01T14:30:00+02:30"), NOW);
    ck_assert_int_eq(number_of("traces", PARAM_SINCE, "2026-03-01T07:00:00-0500"), NOW);
}
END_TEST

START_TEST(test_time_is_local_without_zone)
{
    setenv("TZ", "XYZ-1", 1); /* an hour ahead of UTC, without any time zone installed */
    tzset();
    ck_assert_int_eq(number_of("traces", PARAM_SINCE, "2026-03-01T13:00:00"), NOW);
    setenv("TZ", "UTC", 1);
    tzset();
    ck_assert_int_eq(number_of("traces", PARAM_SINCE, "2026-03-01T12:00:00"), NOW);
    ck_assert_int_eq(number_of("traces", PARAM_SINCE, "2026-03-01"), NOW - 12 * 3600 * S);
}
END_TEST

START_TEST(test_time_refused)
{
    static const char *const wrong[] = {"", "5", "yesterday", "@", "@x", "@-1", "2026-13-01",
        "2026-02-31T00:00Z", "2026-03-01T25:00Z", "2026-03-01T12:00+99:00", "2026-03-01T12:00Q",
        "2026-03-01x", "1969-12-31T00:00Z", "-5m"};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_says(refusal("traces", "since", wrong[i]), "write for example 5m");
}
END_TEST

START_TEST(test_number)
{
    ck_assert_int_eq(number_of("traces", PARAM_LIMIT, "1"), 1);
    ck_assert_int_eq(number_of("traces", PARAM_LIMIT, "1000"), 1000);
    ck_assert_int_eq(number_of("trace", PARAM_ID, "9223372036854775807"), INT64_MAX);
    ck_assert_says(refusal("traces", "limit", "0"), "at least 1");
    ck_assert_says(refusal("traces", "limit", "1001"), "up to 1000");
    ck_assert_says(refusal("traces", "limit", "-1"), "not a whole number");
    ck_assert_says(refusal("traces", "limit", " 1"), "not a whole number");
    ck_assert_says(refusal("traces", "limit", "1.5"), "not a whole number");
    ck_assert_says(refusal("traces", "limit", ""), "not a whole number");
    ck_assert_says(refusal("traces", "class", "4294967296"), "up to 4294967295");
    ck_assert_says(refusal("trace", "id", "99999999999999999999999"), "too large");
    ck_assert_says(
        refusal("trace", "depth", "100000"), "too large"); /* deeper than JSON readers go */
}
END_TEST

START_TEST(test_flag)
{
    ck_assert_int_eq(number_of("traces", PARAM_FAILED, NULL), 1);
    ck_assert_int_eq(number_of("traces", PARAM_FAILED, ""), 1);
    ck_assert_int_eq(number_of("traces", PARAM_FAILED, "1"), 1);
    ck_assert_int_eq(number_of("traces", PARAM_FAILED, "true"), 1);
    ck_assert_int_eq(number_of("traces", PARAM_FAILED, "0"), 0);
    ck_assert_int_eq(number_of("traces", PARAM_FAILED, "no"), 0);
    ck_assert_says(refusal("traces", "failed", "maybe"), "neither 1 nor 0");
}
END_TEST

START_TEST(test_text_and_glob)
{
    begin("traces");
    ck_assert_int_eq(request_set(&request, "run", "a b"), 0);
    ck_assert_int_eq(request_set(&request, "op", "*.get_*"), 0);
    ck_assert_str_eq(request_text(&request, PARAM_RUN), "a b");
    ck_assert_str_eq(request_text(&request, PARAM_OP), "*.get_*");
    ck_assert_ptr_null(request_text(&request, PARAM_HOST));
    request_fini(&request);
    ck_assert_says(refusal("traces", "run", ""), "is empty");
    ck_assert_says(refusal("traces", "op", NULL), "needs a value");
}
END_TEST

START_TEST(test_choice)
{
    ck_assert_int_eq(number_of("traces", PARAM_SORT, "duration"), SORT_DURATION);
    ck_assert_int_eq(
        number_of("traces", PARAM_SORT, "duration_ns"), SORT_DURATION); /* as the key of the row */
    ck_assert_int_eq(number_of("traces", PARAM_SORT, "start_at"), SORT_START);
    ck_assert_int_eq(number_of("graph", PARAM_LEVEL, "container"), LEVEL_CONTAINER);
    ck_assert_says(refusal("traces", "sort", "colour"), "duration");
    ck_assert_says(refusal("operations", "sort", "colour"), "p95"); /* each verb has its own */
    ck_assert_says(refusal("traces", "state", "done"), "incomplete");
    ck_assert_says(refusal("traces", "sort", "durations"), "not known");
}
END_TEST

START_TEST(test_node)
{
    begin("traces");
    ck_assert_int_eq(request_set(&request, "caller", "entry"), 0);
    ck_assert_int_eq(request_set(&request, "callee", "17"), 0);
    ck_assert_str_eq(request_filter(&request).caller, "entry");
    ck_assert_str_eq(request_filter(&request).callee, "17");
    request_fini(&request);
    ck_assert_says(refusal("traces", "callee", "entry"), "not an operation's id");
    ck_assert_says(refusal("traces", "caller", "main"), "not an operation's id");
}
END_TEST

START_TEST(test_filter)
{
    struct store_filter filter;

    begin("traces");
    filter = request_filter(&request);
    ck_assert_int_eq(filter.state, STATE_ANY);
    ck_assert_ptr_null(filter.run);
    ck_assert_int_eq(request_set(&request, "incomplete", NULL), 0);
    ck_assert_int_eq(request_filter(&request).state, STATE_NOT_COMPLETE);
    ck_assert_int_eq(request_set(&request, "state", "running"), 0);
    ck_assert_int_eq(request_set(&request, "min", "1ms"), 0);
    ck_assert_int_eq(request_set(&request, "max", "1s"), 0);
    ck_assert_int_eq(request_set(&request, "min-calls", "7"), 0);
    ck_assert_int_eq(request_set(&request, "class", "3"), 0);
    ck_assert_int_eq(request_set(&request, "failed", "1"), 0);
    filter = request_filter(&request);
    ck_assert_int_eq(filter.state, TRACE_RUNNING);
    ck_assert_int_eq(filter.min_duration, 1000000);
    ck_assert_int_eq(filter.max_duration, S);
    ck_assert_uint_eq(filter.min_calls, 7);
    ck_assert_uint_eq(filter.class, 3);
    ck_assert_int_eq(filter.failed, 1);
    request_fini(&request);
}
END_TEST

START_TEST(test_unknown_parameter)
{
    ck_assert_says(refusal("traces", "hots", "a"), "did you mean host?");
    ck_assert_says(refusal("runs", "sort", "name"), "runs has no parameter \"sort\"");
    ck_assert_says(refusal("status", "zzzzzzzzzz", "1"), "it has format");
}
END_TEST

START_TEST(test_first_error_sticks)
{
    begin("traces");
    ck_assert_int_lt(request_set(&request, "min", "10"), 0);
    ck_assert_int_lt(request_set(&request, "limit", "5"), 0);
    ck_assert_says(request.error, "min");
    ck_assert_ptr_null(request_answer(&request, NULL)); /* the reader is not even looked at */
    ck_assert_int_eq(request.status, 400);
    request_fini(&request);
}
END_TEST

START_TEST(test_last_value_counts)
{
    begin("traces");
    ck_assert_int_eq(request_set(&request, "limit", "5"), 0);
    ck_assert_int_eq(request_set(&request, "limit", "7"), 0);
    ck_assert_uint_eq(request_limit(&request), 7);
    request_fini(&request);
}
END_TEST

START_TEST(test_needs_and_contradictions)
{
    begin("trace");
    ck_assert_int_lt(request_check(&request), 0);
    ck_assert_says(request.error, "trace needs id");
    request_fini(&request);
    begin("traces");
    ck_assert_int_eq(request_set(&request, "since", "5m"), 0);
    ck_assert_int_eq(request_set(&request, "until", "1h"), 0);
    ck_assert_int_lt(request_check(&request), 0);
    ck_assert_says(request.error, "since is later than until");
    request_fini(&request);
    begin("traces");
    ck_assert_int_eq(request_set(&request, "min", "1s"), 0);
    ck_assert_int_eq(request_set(&request, "max", "1ms"), 0);
    ck_assert_int_lt(request_check(&request), 0);
    request_fini(&request);
}
END_TEST

/* Any text for any parameter: it is taken, or a sentence says why not. */
START_TEST(test_any_value)
{
    static const char letters[] = "0123456789.@-+:TZ nmsuhdx\xc2\xb5*?\"\\e\x01";
    unsigned seed = (unsigned)time(NULL);

    printf("seed %u\n", seed);
    for (int i = 0; i < 50000; i++) {
        char value[24];
        size_t length = (size_t)rand_r(&seed) % sizeof(value);
        int param = rand_r(&seed) % PARAMS;

        for (size_t j = 0; j < length; j++)
            value[j] = letters[(size_t)rand_r(&seed) % (sizeof(letters) - 1)];
        value[length > 0 ? length - 1 : 0] = '\0';
        begin(params[param].name[0] == 'c' ? "trace" : "traces");
        if (request_set(&request, params[param].name, value) < 0 &&
            (request.status != 400 || request.error[0] == '\0'))
            ck_abort_msg("%s=%s is refused without a word", params[param].name, value);
        request_fini(&request);
    }
}
END_TEST

/* What the compiler cannot see of the two tables. */
START_TEST(test_tables)
{
    for (int i = 0; i < PARAMS; i++) {
        ck_assert_ptr_nonnull(params[i].name);
        ck_assert_ptr_nonnull(params[i].doc);
        ck_assert_ptr_nonnull(params[i].example);
        ck_assert_ptr_eq(param_find(params[i].name), &params[i]);
    }
    for (int v = 0; verbs[v] != NULL; v++) {
        const struct verb *verb = verbs[v];

        ck_assert_ptr_eq(verb_find(verb->name), verb);
        ck_assert_ptr_nonnull(verb->doc);
        ck_assert_ptr_nonnull(verb->noun);
        if (verb->write == NULL && verb->work == NULL) {
            ck_assert_ptr_nonnull(verb->rows);
            ck_assert(verb->answer != NULL || verb->ask != NULL);
            ck_assert_ptr_nonnull(verb->print);
            ck_assert_str_eq(verb->formats[0], "json");
        }
        ck_assert_uint_eq(verb->here & ~verb->takes, 0);
        ck_assert_uint_eq(verb->needs & ~verb->takes, 0);
        ck_assert_int_eq((verb->takes & PARAM_BIT(PARAM_LIMIT)) != 0, verb->limit != 0);
        ck_assert_int_eq((verb->takes & PARAM_BIT(PARAM_SORT)) != 0, verb->sorts != NULL);
        ck_assert_uint_le(verb->limit, verb->limit_max);
        if (verb->argument >= 0)
            ck_assert(verb->takes & PARAM_BIT(verb->argument));
        /* Every example is itself a value that is taken. */
        for (int i = 0; i < PARAMS; i++) {
            if (!(verb->takes & PARAM_BIT(i)) ||
                (i == PARAM_SORT && strcmp(verb->name, "traces") != 0))
                continue;
            begin(verb->name);
            ck_assert_msg(request_set(&request, params[i].name, params[i].example) == 0, "%s: %s",
                verb->name, request.error);
            request_fini(&request);
        }
    }
}
END_TEST

START_TEST(test_nearest)
{
    ck_assert_ptr_eq(verb_nearest("trcaes"), verb_find("traces"));
    ck_assert_ptr_eq(verb_nearest("operation"), verb_find("operations"));
    ck_assert_ptr_eq(verb_nearest("ops"), NULL);
    ck_assert_ptr_eq(verb_nearest("op"), verb_find("operations"));
    ck_assert_ptr_eq(verb_nearest("stats"), verb_find("status"));
    ck_assert_ptr_null(verb_nearest("elephant"));
    ck_assert_ptr_null(verb_nearest(""));
    ck_assert_uint_eq(param_distance("", ""), 0);
    ck_assert_uint_eq(param_distance("abc", "acb"), 1);
    ck_assert_uint_eq(param_distance("abc", ""), 3);
    ck_assert_uint_eq(param_distance("kitten", "sitting"), 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("query_params");
    TCase *cases = tcase_create("query_params");
    SRunner *runner;
    int failed;

    tcase_add_test(cases, test_duration);
    tcase_add_test(cases, test_duration_refused);
    tcase_add_test(cases, test_time);
    tcase_add_test(cases, test_time_is_local_without_zone);
    tcase_add_test(cases, test_time_refused);
    tcase_add_test(cases, test_number);
    tcase_add_test(cases, test_flag);
    tcase_add_test(cases, test_text_and_glob);
    tcase_add_test(cases, test_choice);
    tcase_add_test(cases, test_node);
    tcase_add_test(cases, test_filter);
    tcase_add_test(cases, test_unknown_parameter);
    tcase_add_test(cases, test_first_error_sticks);
    tcase_add_test(cases, test_last_value_counts);
    tcase_add_test(cases, test_needs_and_contradictions);
    tcase_add_test(cases, test_any_value);
    tcase_add_test(cases, test_tables);
    tcase_add_test(cases, test_nearest);
    suite_add_tcase(suite, cases);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
