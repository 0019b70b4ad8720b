/* SPDX-License-Identifier: Apache-2.0 */
#include "record/pattern.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char error[512];

static int fits(const char *text, const char *name)
{
    struct pattern *pattern = pattern_new(text, error, sizeof(error));
    int result;

    ck_assert_msg(pattern != NULL, "%s: %s", text, error);
    result = pattern_fits(pattern, name);
    pattern_free(pattern);
    return result;
}

/* The sentence, or "" when it is a pattern. */
static const char *refusal(const char *text)
{
    struct pattern *pattern = pattern_new(text, error, sizeof(error));

    if (pattern != NULL)
        error[0] = '\0';
    pattern_free(pattern);
    return error;
}

#define FITS(text, name) ck_assert_msg(fits(text, name), "%s does not fit %s", text, name)
#define FITS_NOT(text, name) ck_assert_msg(!fits(text, name), "%s fits %s", text, name)
#define REFUSED(text, words)                                                                       \
    ck_assert_msg(strstr(refusal(text), words) != NULL, "%s: %s", text, error)

START_TEST(shell_patterns_are_of_the_whole_name)
{
    FITS("*", "shop.Catalog.get");
    FITS("shop.*", "shop.Catalog.get");
    FITS_NOT("shop.*", "workshop.Catalog.get");
    FITS("shop.Catalog.get", "shop.Catalog.get");
    FITS_NOT("shop.Catalog.get", "shopxCatalog.get");
    FITS_NOT("shop.Catalog.get", "shop.Catalog.get_book");
    FITS("shop.?et", "shop.get");
    FITS("shop.[gs]et", "shop.set");
    FITS_NOT("shop.[!gs]et", "shop.set");
    FITS("shop.[!gs]et", "shop.met");
    FITS("shop.[]x]", "shop.]");
    FITS("shop.[[:upper:]]*", "shop.Get");
    FITS_NOT("shop.[[:upper:]]*", "shop.get");
    FITS("a[", "a[");
    FITS("shop.outer.<locals>.inner", "shop.outer.<locals>.inner");
    FITS("a+b|c$^{1}\\", "a+b|c$^{1}\\");
    FITS("f[*]", "f*");
    FITS_NOT("f[*]", "fx");
    FITS("  shop.get\t", "shop.get");
    FITS("caf\xC3\xA9.*", "caf\xC3\xA9.get");
}
END_TEST

START_TEST(signatures_are_as_kieker_has_them)
{
    FITS("* shop.Catalog.get(..)", "shop.Catalog.get");
    FITS("public static void shop.Catalog.get(int, java.lang.String)", "shop.Catalog.get");
    FITS_NOT("* shop.Catalog.get(..)", "shop.Catalog.gets");
    FITS("* shop.Catalog.get*(..)", "shop.Catalog.gets");
    /* A star that begins a part takes dots, another one does not. */
    FITS("* shop.*(..)", "shop.Catalog.get");
    FITS_NOT("* sho*.get(..)", "shop.Catalog.get");
    FITS("* *.get(..)", "shop.Catalog.get");
    FITS("* shop.Cat*.get(..)", "shop.Catalog.get");
    FITS("* *.*(..)", "a.b.c.d");
    /* Two dots are any packages, none too. */
    FITS("* shop..C.get(..)", "shop.C.get");
    FITS("* shop..C.get(..)", "shop.a.b.C.get");
    FITS_NOT("* shop..C.get(..)", "shopping.C.get");
    FITS("* shop..*.get(..)", "shop.a.b.get");
    FITS("* ..Catalog.get(..)", "Catalog.get");
    FITS("* ..Catalog.get(..)", "a.b.Catalog.get");
    FITS_NOT("* ..Catalog.get(..)", "a.MyCatalog.get");
    FITS("* a..b..c.d(..)", "a.x.b.y.c.d");
    FITS("* a..b..c.d(..)", "a.b.c.d");
    FITS("new shop.Catalog.<init>(..)", "shop.Catalog.__init__");
    FITS("new shop.Catalog.<init>(..)", "shop.Catalog.<init>");
    FITS_NOT("new shop.Catalog.<init>(..)", "shop.Catalog.get");
    FITS("non_static synchronized * a.b(..)", "a.b");
    FITS("* a.b() throws Exception", "a.b");
}
END_TEST

START_TEST(expressions_are_of_the_whole_name)
{
    FITS("%shop\\..*", "shop.Catalog.get");
    FITS_NOT("%shop", "shop.get");
    FITS("%a|shop\\.get", "shop.get");
    FITS_NOT("%a|shop", "shop.get");
    FITS("%.*\\.get_\\d+", "shop.get_12");
    FITS_NOT("%.*\\.get_\\D+", "shop.get_12");
    FITS("%(shop|bank)\\.\\w+", "bank.get_1");
    FITS("%.*?\\.get", "shop.Catalog.get");
    FITS("%[a-z]+\\.[^.]*", "shop.Get");
    FITS("%a\\{1\\}\\.\\(b\\)", "a{1}.(b)");
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
    char text[PATTERN_MAX + 10];

    REFUSED("", "empty");
    REFUSED("  ", "empty");
    REFUSED("a\nb", "control character");
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    REFUSED(text, "longer than");
    REFUSED("shop.get()", "a type and a full name");
    REFUSED("* get(..)", "no full name");
    REFUSED("* shop.(..)", "no full name");
    REFUSED("* a...b.c(..)", "no full name");
    REFUSED("* a..b(..)", "no full name");
    REFUSED("* .a.b(..)", "no full name");
    REFUSED("* a.b(..", "brackets");
    REFUSED("* a.b(..)(..)", "brackets");
    REFUSED("* a.b)..(", "brackets");
    REFUSED("open * a.b(..)", "modifier");
    REFUSED("static public * a.b(..)", "modifier");
    REFUSED("pub * a.b(..)", "modifier");
    REFUSED("a b c d e f g h i j k l m a.b(..)", "modifier");
    REFUSED("new a.b(..)", "<init>");
    /* It comes to 256 times what is in the innermost group: seconds for a name. */
    strcpy(text, "%((((((((");
    for (int i = 0; i < 200; i++)
        strcat(text, "a|");
    strcat(text, "a)+)+)+)+)+)+)+)+");
    REFUSED(text, "repeated by +");
    REFUSED("%(a", "(");
    REFUSED("%a)", ")");
    REFUSED("%[a", "[abc]");
    REFUSED("%a\\", "backslash");
    REFUSED("%\\Q", "\\Q");
}
END_TEST

/* All of these would take the C library gigabytes or years. */
START_TEST(no_expression_takes_long)
{
    char text[PATTERN_MAX + 1] = "%", name[4001];

    REFUSED("%((x{255}){255}){255}", "count");
    REFUSED("%(.*)\\1", "refer back");
    REFUSED("%a++++++++++++++++++++++++++++++++++++++++++++++++++", "repetition");
    REFUSED("%(((((((((a+)+)+)+)+)+)+)+)+)+", "groups");
    for (size_t i = 1; i + 3 < sizeof(text); i += 3)
        memcpy(text + i, "a*b", 4);
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    FITS_NOT(text, name);
    FITS_NOT("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", name);
    FITS_NOT("%((((((((a+)+)+)+)+)+)+)+)+b", name);
}
END_TEST

START_TEST(a_jvm_takes_signatures)
{
    ck_assert(pattern_is_kiekers("*", error, sizeof(error)));
    ck_assert(pattern_is_kiekers("public * shop..*.get(..)", error, sizeof(error)));
    ck_assert(pattern_is_kiekers("%(?i)CPU.*", error, sizeof(error)));
    ck_assert(!pattern_is_kiekers("shop.*", error, sizeof(error)));
    ck_assert(strstr(error, "brackets"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pattern");
    TCase *tests = tcase_create("patterns");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, shell_patterns_are_of_the_whole_name);
    tcase_add_test(tests, signatures_are_as_kieker_has_them);
    tcase_add_test(tests, expressions_are_of_the_whole_name);
    tcase_add_test(tests, what_makes_no_sense_is_refused);
    tcase_add_test(tests, no_expression_takes_long);
    tcase_add_test(tests, a_jvm_takes_signatures);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
