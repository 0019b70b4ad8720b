/* SPDX-License-Identifier: Apache-2.0 */
/* query/units.c, query/text.c, query/cut.c: what becomes of figures, of foreign text, and of trees
 * that are too large. */
#include <check.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "query/answer.h"
#include "query/cut.h"
#include "query/text.h"
#include "query/units.h"

START_TEST(test_units)
{
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        {0, "0 ns"},
        {999, "999 ns"},
        {1000, "1.00 us"},
        {1004, "1.00 us"},
        {9994, "9.99 us"},
        {9996, "10.0 us"},
        {99949, "99.9 us"},
        {99951, "100 us"},
        {999499, "999 us"},
        {999500, "1.00 ms"},
        {1234567, "1.23 ms"},
        {999499999999, "999 s"},
        {999500000000, "16.7 min"},
        {INT64_C(3600000000000) * 50, "50.0 h"},
        {INT64_MAX, "2562048 h"},
        {-1, "-1 ns"},
        {-1234567, "-1.23 ms"},
        {INT64_MIN, "-2562048 h"},
    };
    char text[UNITS_SIZE];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        units_duration(rows[i].ns, 0, text);
        ck_assert_str_eq(text, rows[i].text);
    }
    units_duration(1234, 1, text);
    ck_assert_str_eq(text, "1.23 \xc2\xb5s");
    units_count(0, text);
    ck_assert_str_eq(text, "0");
    units_count(999, text);
    ck_assert_str_eq(text, "999");
    units_count(103421, text);
    ck_assert_str_eq(text, "103 421");
    units_count(INT64_MIN, text);
    ck_assert_str_eq(text, "-9 223 372 036 854 775 808");
    units_bytes(1023, text);
    ck_assert_str_eq(text, "1023 B");
    units_bytes(1024, text);
    ck_assert_str_eq(text, "1.00 KiB");
    units_bytes(INT64_C(5) << 30, text);
    ck_assert_str_eq(text, "5.00 GiB");
    setenv("TZ", "UTC", 1);
    tzset();
    units_time(INT64_C(1772366400250000000), text);
    ck_assert_str_eq(text, "2026-03-01 12:00:00.250");
    units_time(-1, text);
    ck_assert_str_eq(text, "1969-12-31 23:59:59.999");
}
END_TEST

static void check_clean(const char *text, int utf8, const char *expected)
{
    char *clean = text_clean(text, utf8);

    ck_assert_str_eq(clean, expected);
    free(clean);
}

START_TEST(test_clean)
{
    check_clean("a.b()", 1, "a.b()");
    check_clean("\x1b[31mred\n", 1, "\xEF\xBF\xBD[31mred\xEF\xBF\xBD");
    check_clean("\x1b[31mred\n", 0, "?[31mred?");
    check_clean("B\xc3\xbc", 1, "B\xc3\xbc");
    check_clean("B\xc3\xbc", 0, "B?");
    check_clean("a\xe2\x80\xae"
                "b",
        1,
        "a\xEF\xBF\xBD"
        "b"); /* right to left */
    check_clean("a\xc2\x9b"
                "b",
        1,
        "a\xEF\xBF\xBD"
        "b"); /* a control sequence of one character */
    check_clean("\xff\xc3", 1, "\xEF\xBF\xBD\xEF\xBF\xBD");
    check_clean("\xc3", 0, "?");
    check_clean("", 1, "");
}
END_TEST

static void check_short(const char *text, unsigned width, int utf8, const char *expected)
{
    char copy[128];

    snprintf(copy, sizeof(copy), "%s", text);
    text_shorten(copy, width, utf8);
    ck_assert_str_eq(copy, expected);
    ck_assert_uint_le(text_width(copy), width > 0 ? width : 1000);
}

START_TEST(test_shorten)
{
    ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
    check_short("shop.Catalog.get_book", 21, 1, "shop.Catalog.get_book");
    check_short("shop.Catalog.get_book", 20, 1, "shop.Ca\xE2\x80\xA6log.get_book");
    check_short("shop.Catalog.get_book", 10, 0, "sho~t_book");
    check_short("shop.Catalog.get_book", 1, 0, "~");
    check_short("shop.Catalog.get_book", 0, 0, "shop.Catalog.get_book");
    check_short("\xe5\x8f\x96\xe5\xbe\x97\xe5\x8f\x96\xe5\xbe\x97", 5, 1,
        "\xe5\x8f\x96\xE2\x80\xA6\xe5\xbe\x97"); /* two columns each */
}
END_TEST

START_TEST(test_answer_text)
{
    static const struct {
        const char *bytes, *text;
    } rows[] = {
        {"plain", "plain"},
        {"B\xc3\xbc", "B\xc3\xbc"},
        {"L\xfc", "L\xEF\xBF\xBD"},
        {"\xc0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD"},                 /* too long a form */
        {"\xed\xa0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}, /* half a pair */
        {"\xf4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xe5\x8f", "\xEF\xBF\xBD\xEF\xBF\xBD"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *value = answer_text(rows[i].bytes, strlen(rows[i].bytes));

        ck_assert_ptr_nonnull(value);
        ck_assert_str_eq(json_string_value(value), rows[i].text);
        json_decref(value);
    }
}
END_TEST

/* An object that was given up stays so, and nothing is lost or freed twice on the way. */
START_TEST(test_answer_gives_up)
{
    json_t *object = json_object();

    answer_put(&object, "a", NULL);
    ck_assert_ptr_null(object);
    answer_put(&object, "b", json_integer(1));
    answer_put_text(&object, "c", "text");
    answer_add(&object, json_integer(2));
    ck_assert_ptr_null(object);
    ck_assert_ptr_null(answer_rows(NULL, 0, 0, NULL));
}
END_TEST

#define NODES 4000

struct tree {
    uint64_t weights[NODES];
    uint32_t levels[NODES], parents[NODES];
    unsigned char kept[NODES];
};

/* Parents before children; a child weighs at most what its parent does. `alike`: how many weights
 * there are. */
static void grow(struct tree *tree, unsigned *seed, uint64_t alike)
{
    for (uint32_t i = 0; i < NODES; i++) {
        uint32_t parent = i == 0 ? 0 : (uint32_t)rand_r(seed) % i;

        tree->parents[i] = parent;
        tree->levels[i] = i == 0 ? 1 : tree->levels[parent] + 1;
        tree->weights[i] = i == 0 ? alike : (uint64_t)rand_r(seed) % alike + 1;
        if (tree->weights[i] > tree->weights[parent])
            tree->weights[i] = tree->weights[parent];
    }
}

static void check_cut(struct tree *tree, uint64_t limit, uint64_t min)
{
    struct cut *cut = calloc(1, sizeof(*cut));
    uint64_t kept = 0, eligible = 0, torn = 0;

    for (uint32_t i = NODES; i-- > 0;)
        cut_count(cut, tree->weights[i]);
    if (cut_choose(cut, limit, min)) {
        for (uint32_t i = NODES; i-- > 0;)
            cut_count_level(cut, tree->weights[i], tree->levels[i]);
        cut_choose_level(cut);
    }
    for (uint32_t i = NODES; i-- > 0;) {
        tree->kept[i] = (unsigned char)cut_keeps(cut, tree->weights[i], tree->levels[i]);
        kept += tree->kept[i];
        eligible += tree->weights[i] >= min;
    }
    ck_assert_uint_le(kept, limit);
    ck_assert_uint_le(kept, eligible);
    if (eligible <= limit)
        ck_assert_uint_eq(kept, eligible);
    else
        ck_assert_uint_ge(kept, limit / 2);
    for (uint32_t i = 0; i < NODES; i++)
        torn +=
            tree->kept[i] && (!tree->kept[tree->parents[i]] || tree->weights[i] < cut->threshold);
    ck_assert_uint_eq(torn, 0); /* what is kept is a tree */
    cut_fini(cut);
    free(cut);
}

START_TEST(test_cut)
{
    static const uint64_t limits[] = {1, 2, 3, 10, 100, 1999, 2000, 3999, 4000, 5000};
    struct tree *tree = calloc(1, sizeof(*tree));
    unsigned seed = (unsigned)_i + 1;

    for (uint64_t alike = 1; alike < UINT64_C(1) << 40; alike *= 37) {
        grow(tree, &seed, alike);
        for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
            check_cut(tree, limits[i], 0);
            check_cut(tree, limits[i], alike / 2);
        }
    }
    free(tree);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("query_print");
    TCase *cases = tcase_create("query_print");
    SRunner *runner;
    int failed;

    tcase_add_test(cases, test_units);
    tcase_add_test(cases, test_clean);
    tcase_add_test(cases, test_shorten);
    tcase_add_test(cases, test_answer_text);
    tcase_add_test(cases, test_answer_gives_up);
    tcase_add_loop_test(cases, test_cut, 0, 5);
    suite_add_tcase(suite, cases);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
