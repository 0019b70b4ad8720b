/* SPDX-License-Identifier: Apache-2.0 */
/* Export requests in, spans out: protobuf made byte by byte, and JSON. */
#include "web/otlp.h"
#include "web/otlp_batch.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Protobuf is made from its end: what is inside is there before its length. */
struct bytes {
    char data[16384];
    size_t size;
};

static void put(struct bytes *to, const void *bytes, size_t size)
{
    ck_assert_uint_le(to->size + size, sizeof(to->data));
    memcpy(to->data + to->size, bytes, size);
    to->size += size;
}

static void put_varint(struct bytes *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        put(to, &(char){(char)(value | 0x80)}, 1);
    put(to, &(char){(char)value}, 1);
}

static void put_part(struct bytes *to, unsigned field, const void *bytes, size_t size)
{
    put_varint(to, field << 3 | 2);
    put_varint(to, size);
    put(to, bytes, size);
}

static void put_text(struct bytes *to, unsigned field, const char *text)
{
    put_part(to, field, text, strlen(text));
}

static void put_inside(struct bytes *to, unsigned field, const struct bytes *inside)
{
    put_part(to, field, inside->data, inside->size);
}

static void put_number(struct bytes *to, unsigned field, uint64_t value)
{
    put_varint(to, field << 3);
    put_varint(to, value);
}

static void put_fixed(struct bytes *to, unsigned field, uint64_t value)
{
    put_varint(to, field << 3 | 1);
    for (int i = 0; i < 8; i++)
        put(to, &(char){(char)(value >> 8 * i)}, 1);
}

static void put_pair(struct bytes *to, unsigned field, const char *key, const char *text)
{
    struct bytes pair = {.size = 0}, value = {.size = 0};

    put_text(&value, 1, text);
    put_text(&pair, 1, key);
    put_inside(&pair, 2, &value);
    put_inside(to, field, &pair);
}

#define TRACE "0123456789abcdef"

static void put_ids(struct bytes *span, const char *trace, const char *id, const char *parent)
{
    put_text(span, 1, trace);
    put_text(span, 2, id);
    put_text(span, 4, parent);
}

/* What was read, one line a span. */
struct seen {
    char lines[8192];
    int refuse; /* so many spans are taken before one is not */
};

static int see(void *context, const struct span *span)
{
    struct seen *seen = context;
    size_t used = strlen(seen->lines);

    if (seen->refuse > 0 && --seen->refuse == 0)
        return -1;
    snprintf(seen->lines + used, sizeof(seen->lines) - used,
        "%.16s/%.8s<%.8s %s %s %s %lld-%lld %s\n", (const char *)span->trace,
        (const char *)span->id, span->has_parent ? (const char *)span->parent : "", span->host,
        span->component, span->operation, (long long)span->start, (long long)span->end,
        span->cause ? span->cause : "-");
    return 0;
}

static const char *read_bytes(struct otlp *otlp, const void *bytes, size_t size)
{
    static struct seen seen;

    seen = (struct seen){.refuse = 0};
    *otlp = (struct otlp){.take = see, .context = &seen};
    return otlp_read_protobuf(otlp, bytes, size) == 0 ? seen.lines : otlp->error;
}

static const char *read_text(struct otlp *otlp, const char *text)
{
    static struct seen seen;

    seen = (struct seen){.refuse = 0};
    *otlp = (struct otlp){.take = see, .context = &seen};
    return otlp_read_json(otlp, text, strlen(text)) == 0 ? seen.lines : otlp->error;
}

/* Spans in a scope in a resource; either text may be NULL. Resource and scope come last. */
static void wrap(struct bytes *out, const struct bytes *spans, int count, const char *service,
    const char *host, const char *scope)
{
    struct bytes scopes = {.size = 0}, all = {.size = 0}, inside = {.size = 0};

    for (int i = 0; i < count; i++)
        put_inside(&scopes, 2, &spans[i]);
    if (scope) {
        put_text(&inside, 1, scope);
        put_text(&inside, 2, "1.0");
        put_inside(&scopes, 1, &inside);
    }
    put_inside(&all, 2, &scopes);
    inside.size = 0;
    if (service)
        put_pair(&inside, 1, "service.name", service);
    if (host)
        put_pair(&inside, 1, "host.name", host);
    put_inside(&all, 1, &inside);
    put_inside(out, 1, &all);
}

/* A failed span with all that is looked at, and much that is not. */
static void full_span(struct bytes *span)
{
    struct bytes event = {.size = 0}, status = {.size = 0};

    put_ids(span, TRACE, "spanspan", "parentid");
    put_text(span, 3, "key=state");
    put_text(span, 5, "pay");
    put_number(span, 6, 3);
    put_fixed(span, 7, 1000);
    put_fixed(span, 8, 2500);
    put_pair(span, 9, "http.route", "/pay");
    put_number(span, 10, 1);
    put_fixed(&event, 1, 1200);
    put_text(&event, 2, "exception");
    put_pair(&event, 3, "exception.type", "ValueError");
    put_pair(&event, 3, "exception.message", "too late");
    put_inside(span, 11, &event);
    put_text(&status, 2, "bad");
    put_number(&status, 3, 2);
    put_inside(span, 15, &status);
    put_varint(span, 16 << 3 | 5); /* flags, a fixed32 */
    put(span, "\1\0\0\0", 4);
}

#define FULL_LINE TRACE "/spanspan<parentid box shop/checkout pay 1000-2500 ValueError: too late\n"

START_TEST(test_protobuf)
{
    struct bytes span = {.size = 0}, request = {.size = 0};
    struct otlp otlp;

    full_span(&span);
    wrap(&request, &span, 1, "shop", "box", "checkout");
    ck_assert_str_eq(read_bytes(&otlp, request.data, request.size), FULL_LINE);
    ck_assert_uint_eq(otlp.taken, 1);
    ck_assert_uint_eq(otlp.rejected, 0);
    ck_assert_str_eq(read_bytes(&otlp, "", 0), "");
}
END_TEST

/* No prefix is a whole request. */
START_TEST(test_protobuf_cut_anywhere)
{
    struct bytes span = {.size = 0}, request = {.size = 0};
    struct otlp otlp;

    full_span(&span);
    wrap(&request, &span, 1, "shop", "box", "checkout");
    for (size_t size = 1; size < request.size; size++) {
        char *exact = malloc(size);

        memcpy(exact, request.data, size);
        ck_assert_str_eq(read_bytes(&otlp, exact, size),
            "this is no ExportTraceServiceRequest in protobuf's encoding");
        ck_assert_int_eq(otlp.fault, OTLP_BAD);
        free(exact);
    }
}
END_TEST

/* One byte changed: something is read, or nothing; never more than there is. */
START_TEST(test_protobuf_damaged)
{
    struct bytes span = {.size = 0}, request = {.size = 0};
    struct otlp otlp;

    full_span(&span);
    wrap(&request, &span, 1, "shop", "box", "checkout");
    for (size_t at = 0; at < request.size; at++)
        for (int value = 0; value < 256; value += 5) {
            char *exact = malloc(request.size);

            memcpy(exact, request.data, request.size);
            exact[at] = (char)value;
            read_bytes(&otlp, exact, request.size);
            ck_assert_uint_le(otlp.taken + otlp.rejected, 1);
            free(exact);
        }
}
END_TEST

static const struct {
    const char *bytes;
    size_t size;
} junk[] = {
    {"\0", 1},                                            /* field 0 */
    {"\x0B", 1},                                          /* a group */
    {"\x0E", 1},                                          /* a type that there is not */
    {"\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11}, /* a length of 2^64-1 */
    {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 11}, /* a number without end */
    {"\x0D\0\0\0", 4},                                    /* a fixed32 that is cut */
    {"\x0A\x02\x0A\x01", 4},                              /* a part longer than the whole */
    {"{\"resourceSpans\":[]}", 20},
};

START_TEST(test_junk_is_no_protobuf)
{
    struct otlp otlp;

    ck_assert_str_eq(read_bytes(&otlp, junk[_i].bytes, junk[_i].size),
        "this is no ExportTraceServiceRequest in protobuf's encoding");
}
END_TEST

START_TEST(test_names_that_are_missing)
{
    struct bytes span = {.size = 0}, request = {.size = 0};
    struct otlp otlp;

    put_ids(&span, TRACE, "spanspan", "");
    wrap(&request, &span, 1, NULL, NULL, NULL);
    wrap(&request, &span, 1, "shop", NULL, NULL);
    ck_assert_str_eq(read_bytes(&otlp, request.data, request.size),
        TRACE "/spanspan< unknown_service unknown_service (no name) 0-0 -\n" TRACE
              "/spanspan< shop shop (no name) 0-0 -\n");
}
END_TEST

START_TEST(test_ids_that_are_none)
{
    static const char zeros[16];
    struct bytes spans[6] = {{.size = 0}}, request = {.size = 0};
    struct otlp otlp;

    put_ids(&spans[0], "short", "spanspan", "");
    put_ids(&spans[1], TRACE "+", "spanspan", "");
    put_ids(&spans[2], TRACE, "span", "");
    put_part(&spans[3], 1, zeros, 16);
    put_text(&spans[3], 2, "spanspan");
    put_text(&spans[4], 1, TRACE);
    put_part(&spans[4], 2, zeros, 8);
    /* A parent of zeros is none. */
    put_text(&spans[5], 1, TRACE);
    put_text(&spans[5], 2, "spanspan");
    put_part(&spans[5], 4, zeros, 8);
    wrap(&request, spans, 6, "s", NULL, NULL);
    ck_assert_str_eq(
        read_bytes(&otlp, request.data, request.size), TRACE "/spanspan< s s (no name) 0-0 -\n");
    ck_assert_uint_eq(otlp.rejected, 5);
    ck_assert_uint_eq(otlp.taken, 1);
}
END_TEST

/* Whether it has failed says the status alone; the cause is what is known. */
static const struct {
    uint64_t code;
    const char *message, *type, *text, *cause;
} failures[] = {
    {0, NULL, "E", "t", "-"}, /* recorded, and handled */
    {1, "m", "E", "t", "-"},
    {2, NULL, NULL, NULL, "error"},
    {2, "m", NULL, NULL, "m"},
    {2, "m", "E", NULL, "E: m"},
    {2, NULL, "E", NULL, "E"},
    {2, NULL, NULL, "t", "t"},
    {2, "m", "E", "t", "E: t"},
    {1ull << 32 | 2, "m", NULL, NULL, "-"},
};

START_TEST(test_causes)
{
    struct bytes span = {.size = 0}, request = {.size = 0}, event = {.size = 0},
                 status = {.size = 0}, other = {.size = 0};
    struct otlp otlp;
    char line[200];

    put_ids(&span, TRACE, "spanspan", "");
    put_text(&other, 2, "retried");
    put_pair(&other, 3, "exception.type", "Other");
    put_inside(&span, 11, &other);
    put_text(&event, 2, "exception");
    if (failures[_i].type)
        put_pair(&event, 3, "exception.type", failures[_i].type);
    if (failures[_i].text)
        put_pair(&event, 3, "exception.message", failures[_i].text);
    put_inside(&span, 11, &event);
    if (failures[_i].message)
        put_text(&status, 2, failures[_i].message);
    put_number(&status, 3, failures[_i].code);
    put_inside(&span, 15, &status);
    wrap(&request, &span, 1, "s", NULL, NULL);
    snprintf(line, sizeof(line), TRACE "/spanspan< s s (no name) 0-0 %s\n", failures[_i].cause);
    ck_assert_str_eq(read_bytes(&otlp, request.data, request.size), line);
}
END_TEST

/* What is too long is cut between characters. */
START_TEST(test_long_names)
{
    static char name[3 * OTLP_TEXT_MAX];
    struct bytes span = {.size = 0}, request = {.size = 0};
    struct otlp otlp;
    const char *line, *start;

    for (size_t i = 0; i + 3 < sizeof(name); i += 3)
        memcpy(name + i, "\xE2\x82\xAC", 4); /* the sign of the euro */
    put_ids(&span, TRACE, "spanspan", "");
    put_text(&span, 5, name);
    wrap(&request, &span, 1, "s", NULL, name);
    line = read_bytes(&otlp, request.data, request.size);
    start = strstr(line, " s/\xE2");
    ck_assert_ptr_nonnull(start);
    ck_assert_uint_eq(strcspn(start + 3, " "), (OTLP_TEXT_MAX - 1) / 3 * 3);
    start += 3 + strcspn(start + 3, " ") + 1;
    ck_assert_uint_eq(strcspn(start, " "), (OTLP_TEXT_MAX - 1) / 3 * 3);
}
END_TEST

START_TEST(test_a_zero_byte_ends_a_name)
{
    struct bytes span = {.size = 0}, request = {.size = 0};
    struct otlp otlp;

    put_ids(&span, TRACE, "spanspan", "");
    put_part(&span, 5, "a\0b", 3);
    wrap(&request, &span, 1, "s", NULL, NULL);
    ck_assert_str_eq(
        read_bytes(&otlp, request.data, request.size), TRACE "/spanspan< s s a 0-0 -\n");
}
END_TEST

/* As hexadecimal: TRACE, "spanspan", "parentid". */
#define JSON_IDS "\"traceId\":\"30313233343536373839616263646566\",\"spanId\":\"7370616E7370616e\""
#define JSON_SCOPE(spans)                                                                          \
    "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"n\",\"value\":{\"intValue\":"   \
    "\"1\"}},{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}},{\"key\":\"host."     \
    "name\",\"value\":{\"stringValue\":\"box\"}}]},\"scopeSpans\":[{\"scope\":{\"name\":"          \
    "\"checkout\"},\"spans\":[" spans "]}]}]}"

static const struct {
    const char *text, *result;
} forms[] = {
    {JSON_SCOPE("{" JSON_IDS
                ",\"parentSpanId\":\"706172656e746964\",\"name\":\"pay\",\"startTimeUnixNano\":"
                "\"1000\",\"endTimeUnixNano\":2500,\"events\":[{\"name\":\"exception\","
                "\"attributes\":[{\"key\":\"exception.type\",\"value\":{\"stringValue\":"
                "\"ValueError\"}},{\"key\":\"exception.message\",\"value\":{\"stringValue\":\"too "
                "late\"}}]}],\"status\":{\"code\":2,\"message\":\"bad\"}}"),
        FULL_LINE},
    {JSON_SCOPE("{" JSON_IDS ",\"status\":{\"code\":\"STATUS_CODE_ERROR\"}}"),
        TRACE "/spanspan< box shop/checkout (no name) 0-0 error\n"},
    {JSON_SCOPE("{" JSON_IDS ",\"parentSpanId\":\"\",\"name\":\"a\",\"status\":{}},{\"name\":\"no "
                "ids\"},{\"traceId\":\"3031323334353637383961626364656x\",\"spanId\":"
                "\"7370616e7370616e\"},{\"traceId\":5,\"spanId\":[]},7"),
        TRACE "/spanspan< box shop/checkout a 0-0 -\n"},
    {"{}", ""},
    {"{\"resourceSpans\":[]}", ""},
    {"{\"resourceSpans\":[{\"scopeSpans\":7},9,null]}", ""},
    {"[]", "there must be an array \"resourceSpans\""},
    {"{\"resourceSpans\":{}}", "there must be an array \"resourceSpans\""},
    {"{\"resourceMetrics\":[]}", "there must be an array \"resourceSpans\""},
};

START_TEST(test_json)
{
    struct otlp otlp;

    ck_assert_str_eq(read_text(&otlp, forms[_i].text), forms[_i].result);
}
END_TEST

START_TEST(test_json_counts_what_is_no_span)
{
    struct otlp otlp;

    read_text(&otlp, forms[2].text);
    ck_assert_uint_eq(otlp.taken, 1);
    ck_assert_uint_eq(otlp.rejected, 4);
}
END_TEST

START_TEST(test_json_cut_anywhere)
{
    const char *whole = forms[0].text;
    struct otlp otlp;

    for (size_t size = 0; size < strlen(whole); size++) {
        char *text = strndup(whole, size);

        ck_assert_ptr_eq(strstr(read_text(&otlp, text), "this is no JSON"), otlp.error);
        ck_assert_int_eq(otlp.fault, OTLP_BAD);
        free(text);
    }
}
END_TEST

/* What would take far more memory than it has bytes is not even tried. */
START_TEST(test_json_that_is_all_braces)
{
    size_t size = OTLP_JSON_MAX / 60;
    char *text = malloc(size);
    struct otlp otlp = {.take = see};

    for (size_t i = 0; i < size; i++)
        text[i] = "{},"[i % 3];
    text[0] = '[';
    ck_assert_int_eq(otlp_read_json(&otlp, text, size / 10), -1);
    ck_assert_int_eq(otlp.fault, OTLP_BAD); /* this much would do: it is no JSON */
    ck_assert_int_eq(otlp_read_json(&otlp, text, size), -1);
    ck_assert_int_eq(otlp.fault, OTLP_LARGE);
    free(text);
}
END_TEST

START_TEST(test_who_takes_no_more_ends_the_reading)
{
    struct bytes spans[3] = {{.size = 0}}, request = {.size = 0};
    struct seen seen = {.refuse = 2};
    struct otlp otlp = {.take = see, .context = &seen};

    for (int i = 0; i < 3; i++)
        put_ids(&spans[i], TRACE, "spanspan", "");
    wrap(&request, spans, 3, "s", NULL, NULL);
    ck_assert_int_eq(otlp_read_protobuf(&otlp, request.data, request.size), -1);
    ck_assert_int_eq(otlp.fault, OTLP_SHORT);
    ck_assert_str_eq(otlp.error, "no more spans can be taken now: try again later");
    ck_assert_str_eq(seen.lines, TRACE "/spanspan< s s (no name) 0-0 -\n");
}
END_TEST

START_TEST(test_a_batch_keeps_copies)
{
    struct bytes spans[3] = {{.size = 0}}, request = {.size = 0};
    struct otlp_batch *batch;
    struct otlp otlp;

    full_span(&spans[0]);
    full_span(&spans[1]);
    put_ids(&spans[2], "short", "", "");
    wrap(&request, spans, 3, "shop", "box", "checkout");
    batch = otlp_batch_read(&otlp, request.data, request.size, 0);
    memset(request.data, 'x', request.size);
    ck_assert_ptr_nonnull(batch);
    ck_assert_uint_eq(batch->spans.count, 2);
    ck_assert_uint_eq(batch->rejected, 1);
    for (int i = 0; i < 2; i++) {
        ck_assert_str_eq(batch->spans.items[i].component, "shop/checkout");
        ck_assert_str_eq(batch->spans.items[i].host, "box");
        ck_assert_str_eq(batch->spans.items[i].operation, "pay");
        ck_assert_str_eq(batch->spans.items[i].cause, "ValueError: too late");
    }
    otlp_batch_free(batch);
    ck_assert_ptr_null(otlp_batch_read(&otlp, "{", 1, 1));
    ck_assert_int_eq(otlp.fault, OTLP_BAD);
}
END_TEST

/* A request of few bytes whose spans would take many: names are long, and change each time. */
START_TEST(test_a_batch_is_bounded)
{
    struct bytes span = {.size = 0}, scopes[2] = {{.size = 0}}, resource = {.size = 0},
                 attributes = {.size = 0}, inside = {.size = 0};
    char name[OTLP_TEXT_MAX];
    char *request;
    size_t size = 0, most = OTLP_BODY_MAX;
    struct otlp otlp;

    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    put_ids(&span, TRACE, "spanspan", "");
    for (int i = 0; i < 2; i++) {
        inside.size = 0;
        put_text(&inside, 1, i ? "a" : "b");
        put_inside(&scopes[i], 1, &inside);
        put_inside(&scopes[i], 2, &span);
    }
    put_pair(&attributes, 1, "service.name", name);
    request = malloc(most);
    ck_assert_ptr_nonnull(request);
    put_inside(&resource, 1, &attributes);
    size = 6; /* for the outermost field's head */
    memcpy(request + size, resource.data, resource.size);
    size += resource.size;
    for (int i = 0;; i = !i) {
        struct bytes part = {.size = 0};

        put_inside(&part, 2, &scopes[i]);
        if (size + part.size > most)
            break;
        memcpy(request + size, part.data, part.size);
        size += part.size;
    }
    request[0] = 0x0A;
    for (int i = 0; i < 5; i++)
        request[1 + i] = (char)((size - 6) >> 7 * i | (i < 4 ? 0x80 : 0));
    ck_assert_ptr_null(otlp_batch_read(&otlp, request, size, 0));
    ck_assert_int_eq(otlp.fault, OTLP_LARGE);
    ck_assert_str_eq(otlp.error, "too many spans for one request: send fewer at a time");
    free(request);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

int main(void)
{
    Suite *suite = suite_create("otlp");
    TCase *cases = tcase_create("otlp");
    SRunner *runner;
    int failed;

    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, test_protobuf);
    tcase_add_test(cases, test_protobuf_cut_anywhere);
    tcase_add_test(cases, test_protobuf_damaged);
    tcase_add_loop_test(cases, test_junk_is_no_protobuf, 0, COUNT(junk));
    tcase_add_test(cases, test_names_that_are_missing);
    tcase_add_test(cases, test_ids_that_are_none);
    tcase_add_loop_test(cases, test_causes, 0, COUNT(failures));
    tcase_add_test(cases, test_long_names);
    tcase_add_test(cases, test_a_zero_byte_ends_a_name);
    tcase_add_loop_test(cases, test_json, 0, COUNT(forms));
    tcase_add_test(cases, test_json_counts_what_is_no_span);
    tcase_add_test(cases, test_json_cut_anywhere);
    tcase_add_test(cases, test_json_that_is_all_braces);
    tcase_add_test(cases, test_who_takes_no_more_ends_the_reading);
    tcase_add_test(cases, test_a_batch_keeps_copies);
    tcase_add_test(cases, test_a_batch_is_bounded);
    suite_add_tcase(suite, cases);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
