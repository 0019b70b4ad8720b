/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "web/assets.h"
#include "web/host.h"
#include "web/metrics.h"
#include "web/openapi.h"
#include "web/page.h"
#include "web/routes.h"

/* Who a request believes to speak to. */

static const char *const known[] = {"127.0.0.1,box", NULL, "Proxy.example, other.example"};

static const struct {
    const char *host;
    int is_known;
} hosts[] = {
    {NULL, 1},
    {"localhost", 1},
    {"localhost:8080", 1},
    {"LocalHost.", 1},
    {"page.localhost:1", 1},
    {"127.0.0.1", 1},
    {"10.1.2.3:8080", 1}, /* an address cannot be pointed elsewhere */
    {"[::1]", 1},
    {"[fe80::1]:80", 1},
    {"box", 1},
    {"proxy.EXAMPLE:443", 1},
    {"other.example", 1},
    {"", 0},
    {":80", 0},
    {"evil.example", 0},
    {"evil.example:8080", 0},
    {"localhost.evil.example", 0},
    {"evillocalhost", 0},
    {".localhost", 0},
    {"127.0.0.1.evil.example", 0},
    {"127.0.0.1@evil.example", 0},
    {"proxy", 0},
    {"proxy.example.evil", 0},
    {"[::1", 0},
    {"[::1]x", 0},
    {"localhost:80:90", 0},
    {"localhost:a", 0},
    {"a b", 0},
};

START_TEST(host_names)
{
    ck_assert_int_eq(host_is_known(hosts[_i].host, known, 3), hosts[_i].is_known);
}
END_TEST

START_TEST(host_too_long)
{
    char host[1000];

    memset(host, 'a', sizeof(host) - 1);
    host[sizeof(host) - 1] = '\0';
    ck_assert_int_eq(host_is_known(host, known, 3), 0);
}
END_TEST

/* The page. */

static const struct {
    const char *accept;
    int takes;
} encodings[] = {
    {NULL, 0},
    {"", 0},
    {"gzip", 1},
    {"deflate, gzip;q=0.5", 1},
    {"gzip, deflate, br", 1},
    {"GZIP", 1},
    {"*", 1},
    {"gzip;q=0", 0},
    {"gzip;q=0.000, identity", 0},
    {"identity", 0},
    {"gzipped", 0},
    {"x-gzip", 0},
};

START_TEST(page_encodings)
{
    ck_assert_int_eq(page_takes_gzip(encodings[_i].accept), encodings[_i].takes);
}
END_TEST

static const struct {
    const char *list;
    int has;
} tags[] = {
    {NULL, 0},
    {"", 0},
    {"\"abc\"", 1},
    {"W/\"abc\"", 1},
    {"\"x\", W/\"abc\"", 1},
    {"*", 1},
    {"\"abcd\"", 0},
    {"\"ab\"", 0},
    {"abc", 0},
};

START_TEST(page_tags)
{
    ck_assert_int_eq(page_has_tag(tags[_i].list, "\"abc\""), tags[_i].has);
}
END_TEST

START_TEST(assets_are_sorted_and_whole)
{
    for (size_t i = 0; i < assets_count; i++) {
        ck_assert_int_eq(assets[i].path[0], '/');
        ck_assert_ptr_nonnull(assets[i].type);
        ck_assert_int_eq(assets[i].etag[0], '"');
        ck_assert(assets[i].gzip == NULL || assets[i].gzip_size < assets[i].plain_size);
        ck_assert(i == 0 || strcmp(assets[i - 1].path, assets[i].path) < 0);
    }
}
END_TEST

/* The metrics. */

START_TEST(metrics_follow_the_conventions)
{
    struct figures figures = {
        .records = UINT64_MAX, .batches = 3, .commit_seconds = 0.25, .lost = {{"cut_off", 2}}};
    size_t size;
    char *text, *line, *state = NULL, named[100] = "";

    figures.commit_buckets[0] = 1;
    figures.commit_buckets[FIGURES_BUCKETS - 1] = 2;
    text = metrics_text(&figures, &size);
    ck_assert_uint_eq(strlen(text), size);
    ck_assert_ptr_nonnull(strstr(text, "\nkieker_records_total 18446744073709551615\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nkieker_connections_lost_total{reason=\"cut_off\"} 2\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nkieker_commit_seconds_bucket{le=\"0.001\"} 1\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nkieker_commit_seconds_bucket{le=\"10\"} 1\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nkieker_commit_seconds_bucket{le=\"+Inf\"} 3\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nkieker_commit_seconds_count 3\n"));
    ck_assert_ptr_nonnull(strstr(text, "kieker_build_info{version=\""));
    for (line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
        char type[20];

        if (sscanf(line, "# TYPE %99s %19s", named, type) == 2)
            ck_assert_msg(
                (strcmp(type, "counter") == 0) ==
                    (strlen(named) > 6 && strcmp(named + strlen(named) - 6, "_total") == 0),
                "%s", line);
        else if (line[0] != '#')
            ck_assert_msg(
                strncmp(line, named, strlen(named)) == 0, "%s has no TYPE before it", line);
    }
    free(text);
}
END_TEST

/* The description. */

START_TEST(openapi_has_every_route_and_verb)
{
    json_t *description = openapi_describe(), *paths = json_object_get(description, "paths");

    ck_assert_ptr_nonnull(description);
    for (const struct verb *const *verb = verbs; *verb; verb++) {
        char path[80];
        const json_t *get, *parameter;
        size_t i;

        snprintf(path, sizeof(path), "/api/v1/%s", (*verb)->name);
        if ((*verb)->work) {
            ck_assert_ptr_null(json_object_get(paths, path));
            continue;
        }
        get = json_object_get(json_object_get(paths, path), "get");
        ck_assert_msg(json_is_object(get), "%s is not there", path);
        if ((*verb)->ask) { /* a route of its own, that can also be changed */
            ck_assert(json_is_object(json_object_get(json_object_get(paths, path), "post")));
            continue;
        }
        ck_assert_uint_eq(json_array_size(json_object_get(get, "parameters")),
            (size_t)__builtin_popcountll((*verb)->takes & ~(*verb)->here));
        json_array_foreach(json_object_get(get, "parameters"), i, parameter)
        {
            ck_assert_ptr_nonnull(
                param_find(json_string_value(json_object_get(parameter, "name"))));
            ck_assert_uint_gt(json_string_length(json_object_get(parameter, "description")), 0);
            ck_assert(
                json_is_string(json_object_get(json_object_get(parameter, "schema"), "type")));
        }
    }
    ck_assert(json_is_object(json_object_get(paths, "/metrics")));
    ck_assert(json_is_object(json_object_get(paths, "/api/v1/events")));
    ck_assert_ptr_null(json_object_get(paths, "/"));
    json_decref(description);
}
END_TEST

#define COUNT(array) (int)(sizeof(array) / sizeof(*(array)))

int main(void)
{
    Suite *suite = suite_create("web");
    TCase *tests = tcase_create("web");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, host_names, 0, COUNT(hosts));
    tcase_add_test(tests, host_too_long);
    tcase_add_loop_test(tests, page_encodings, 0, COUNT(encodings));
    tcase_add_loop_test(tests, page_tags, 0, COUNT(tags));
    tcase_add_test(tests, assets_are_sorted_and_whole);
    tcase_add_test(tests, metrics_follow_the_conventions);
    tcase_add_test(tests, openapi_has_every_route_and_verb);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
