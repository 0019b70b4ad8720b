/* SPDX-License-Identifier: Apache-2.0 */
#include "record/irl.h"
#include "record/layout.h"
#include "record/record.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "" or the error of reading these texts as one set of files, "0.irl" and so on. */
static const char *read_all(const char *const *texts)
{
    static char error[320];
    struct irl *irl = irl_new();
    int failed = 0;
    char path[16];

    ck_assert_ptr_nonnull(irl);
    for (int i = 0; texts[i] && !failed; i++) {
        snprintf(path, sizeof(path), "%d.irl", i);
        failed = irl_read_text(irl, path, texts[i], strlen(texts[i])) < 0;
    }
    if (!failed)
        failed = irl_finish(irl) < 0;
    snprintf(error, sizeof(error), "%s", failed ? irl_error(irl) : "");
    irl_free(irl);
    return error;
}

static const char *read_one(const char *text)
{
    return read_all((const char *const[]){text, NULL});
}

/* A type's fields as "type name, ..."; "" when there is no such type. */
static const char *fields_of(const char *name)
{
    static const char *const words[FIELD_TYPES] = {
        "bool", "i8", "char", "i16", "i32", "i64", "f32", "f64", "str", "enum"};
    static char text[2000];
    const struct record_type *type = record_type_find(name, strlen(name));
    size_t used = 0;

    text[0] = '\0';
    for (unsigned i = 0; type && i < type->field_count; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s%s %s", i ? ", " : "",
            words[field_element(type->fields[i].type)],
            field_is_array(type->fields[i].type) ? "[]" : "", type->fields[i].name);
    return text;
}

START_TEST(test_fields_of_every_kind)
{
    ck_assert_str_eq(read_one("package my.shop\n"
                              "/* a comment */ // another\n"
                              "@author 'Somebody' @since \"1.0\"\n"
                              "event All {\n"
                              "  const string NONE = \"<none>\"\n"
                              "  boolean a = true  byte b = -128  char c = 'x'  short d = 0x\n"
                              "}\n"),
        "0.irl:6:60: 0x is no value of the short d");
    ck_assert_str_eq(read_one("package my.shop\n"
                              "event All {\n"
                              "  const string NONE = \"<none>\"\n"
                              "  boolean a = true  byte b = -128  char c = 'x'  short d = 7\n"
                              "  int e = -1  long f = -9223372036854775808  float g = 1.5f\n"
                              "  double h = -2.5e-3  string i = NONE  string j = KIEKER_VERSION\n"
                              "  transient int k  auto-increment long l  changeable int m : count\n"
                              "  int[] n = {1, 2, 3}  string[4] o  boolean[] p\n"
                              "  ^int q\n"
                              "}\n"),
        "");
    ck_assert_str_eq(fields_of("my.shop.All"),
        "bool a, i8 b, char c, i16 d, i32 e, i64 f, f32 g, f64 h, str i, str j, i64 l, i32 m, "
        "i32[] n, str[] o, bool[] p, i32 q");
}
END_TEST

START_TEST(test_inheritance_puts_fields_in_the_order_of_the_wire)
{
    ck_assert_str_eq(read_all((const char *const[]){"package shop.base\n"
                                                    "template Place { string host = \"here\" }\n"
                                                    "template Named : Place string name\n"
                                                    "abstract entity Base : Named { int base }\n"
                                                    "enum Kind { SMALL, LARGE = 7 }\n"
                                                    "enum More : Kind { HUGE }\n",
                         "package shop\n"
                         "import shop.base.*\n"
                         "import kieker.common.record.flow.IEventRecord\n"
                         "import kieker.common.record.flow.trace.TraceMetadata\n"
                         "entity Sold extends Base : IEventRecord, Named, Place {\n"
                         "  Kind kind = LARGE\n"
                         "  More[] more = {SMALL, HUGE}\n"
                         "  alias host as where\n"
                         "  grouped by TraceMetadata.traceId trace = -1\n"
                         "  double price\n"
                         "}\n"
                         "entity Bought extends Sold\n",
                         NULL}),
        "");
    ck_assert_str_eq(fields_of("shop.Sold"), "str host, str name, i32 base, i64 timestamp, enum "
                                             "kind, enum[] more, i64 trace, f64 price");
    ck_assert_str_eq(fields_of("shop.Bought"), fields_of("shop.Sold"));
    ck_assert_str_eq(fields_of("shop.base.Base"), "");
    ck_assert_str_eq(fields_of("shop.base.Named"), "");
}
END_TEST

START_TEST(test_extending_a_type_of_kieker_keeps_its_role)
{
    const struct record_type *type;

    ck_assert_str_eq(
        read_one("package mine\n"
                 "import kieker.common.record.flow.trace.operation.BeforeOperationEvent\n"
                 "import kieker.common.record.flow.trace.AbstractTraceEvent\n"
                 "import kieker.common.record.flow.*\n"
                 "event Entered extends BeforeOperationEvent : IObjectRecord, IOperationSignature\n"
                 "event Noted extends AbstractTraceEvent { string text }\n"),
        "");
    ck_assert_str_eq(fields_of("mine.Entered"), "i64 timestamp, i64 traceId, i32 orderIndex, str "
                                                "operationSignature, str classSignature, i32 "
                                                "objectId");
    type = record_type_find("mine.Entered", 12);
    ck_assert_int_eq(type->role, ROLE_BEFORE);
    ck_assert_int_eq(record_type_id(type), RECORD_TYPES);
    ck_assert_uint_eq(type->size, 8 + 8 + 4 + 4 + 4 + 4);
    ck_assert_int_eq(record_type_find("mine.Noted", 10)->role, ROLE_TRACE_EVENT);
}
END_TEST

/* Every type, and so every role and form, is the same when it is read from its layout. */
START_TEST(test_a_layout_says_all_of_a_type)
{
    const struct record_type *type = record_type((enum record_id)_i);
    char *text = layout_write(type), *again;
    struct record_type *read;

    ck_assert_ptr_nonnull(text);
    read = layout_read(text, strlen(text));
    ck_assert_msg(read != NULL, "%s", text);
    ck_assert_int_eq(read->role, type->role);
    ck_assert_int_eq(read->form, type->form);
    ck_assert_uint_eq(read->size, type->size);
    ck_assert_int_eq(read->timestamp, type->timestamp);
    ck_assert_uint_eq(layout_class(text, strlen(text)), strlen(type->name));
    again = layout_write(read);
    ck_assert_str_eq(text, again);
    for (size_t length = 0; length < strlen(text); length++)
        layout_free(layout_read(text, length)); /* half of it is none, and no harm */
    layout_free(read);
    free(again);
    free(text);
}
END_TEST

START_TEST(test_what_is_no_layout_is_refused)
{
    static const char *const texts[] = {"", ")", "a.B", "a.B(long)", "a.B(long x", "a.B(strin x)",
        "a.B(long x,int y)", "a.B:nothing(long x)", "a.B:before(long timestamp)", "a.B(long x))",
        "a.B:(long x)", "a.B(enum{} x)", ":before()", "a.B:trace-event(long timestamp)"};

    ck_assert_ptr_null(layout_read(texts[_i], strlen(texts[_i])));
}
END_TEST

START_TEST(test_kieker_types_may_be_there_again)
{
    ck_assert_str_eq(read_one("package kieker.common.record.misc\n"
                              "entity TimestampRecord { long timestamp = 0 }"),
        "");
    ck_assert_str_eq(read_one("package kieker.common.record.misc\n"
                              "entity TimestampRecord { int timestamp }"),
        "0.irl:2:8: kieker.common.record.misc.TimestampRecord is known already with other fields, "
        "or there are too many types");
}
END_TEST

static const struct {
    const char *text, *error;
} wrong[] = {
    {"", "the file ends where there must be \"package\""},
    {"entity A", "0.irl:1:1: there must be \"package\", not entity"},
    {"package a.1", "0.irl:1:11: there must be a name behind the point, not 1"},
    {"package a\nthing B",
        "0.irl:2:1: there must be an entity, event, template or enum, not thing"},
    {"package a\nentity B {\n  strin c\n}", "0.irl:3:3: there is no type strin: a field is"},
    {"package a\nentity B {\n  int c = \"x\"\n}", "0.irl:3:11: \"x\" is no value of the int c"},
    {"package a\nentity B { byte c = 128 }", "0.irl:2:21: 128 is no value of the byte c"},
    {"package a\nentity B { int c int c }", "0.irl:2:22: there is a field c already"},
    {"package a\nentity B { int c = D }", "0.irl:2:20: there is no constant D"},
    {"package a\nentity B { int c = {1} }", "0.irl:2:21: c is no array"},
    {"package a\nentity B { int[][] c }", "0.irl:2:17: there must be one dimension only"},
    {"package a\nentity B extends C", "0.irl:2:18: there is no entity C: is its import missing?"},
    {"package a\nentity B : C", "0.irl:2:12: there is no template C"},
    {"package a\nentity B : C entity C", "0.irl:2:12: C is no template"},
    {"package a\nentity B extends C template C", "0.irl:2:18: C is no entity"},
    {"package a\nentity B extends C entity C extends B", "0.irl:2:37: B contains itself"},
    {"package a\ntemplate T : T", "0.irl:2:14: T contains itself"},
    {"package a\nentity B entity B", "0.irl:2:17: there is a type a.B already"},
    {"package a\ntemplate S { int x } template T { long x } entity B : S, T",
        "0.irl:2:58: the field x of T is there already with another type"},
    {"package a\nenum E { A, B, A }", "0.irl:2:16: there is a literal A already"},
    {"package a\nenum E { A } entity B { E e = C }", "0.irl:2:31: there is no constant C"},
    {"package a\nentity B { string c = \"x }", "0.irl:2:23: this string does not end"},
    {"package a\n/* x", "0.irl:2:5: a comment does not end"},
    {"package a\nentity B { int c; }", "0.irl:2:17: this character has no meaning here"},
    {"package a\nmodel M X", "write out what the model stands for"},
    {"package a\nentity B { alias c as d }", "0.irl:2:18: there is no field c"},
    {"package a\nentity B { grouped by C.d e }", "0.irl:2:23: there is no type C"},
    {"package a\n@author entity B", "0.irl:2:9: there must be a text in quotes"},
};

START_TEST(test_errors_name_line_and_column)
{
    const char *error = read_one(wrong[_i].text);

    ck_assert_msg(
        strstr(error, wrong[_i].error) != NULL, "\"%s\" is not in \"%s\"", wrong[_i].error, error);
}
END_TEST

START_TEST(test_bounds)
{
    char text[8192] = "package a\nentity B {";

    for (int i = 0; i <= RECORD_FIELDS_MAX; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), " int f%d", i);
    strcat(text, " }");
    ck_assert_ptr_nonnull(strstr(read_one(text), "a record can have 64 fields"));
}
END_TEST

START_TEST(test_files)
{
    struct irl *irl = irl_new();

    ck_assert_int_eq(irl_read(irl, "/nowhere/at.irl"), -1);
    ck_assert_str_eq(irl_error(irl), "/nowhere/at.irl cannot be read: No such file or directory");
    ck_assert_int_eq(irl_read(irl, "/"), -1);
    irl_free(irl);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("irl");
    TCase *cases = tcase_create("irl");
    SRunner *runner;
    int failed;

    tcase_add_test(cases, test_fields_of_every_kind);
    tcase_add_test(cases, test_inheritance_puts_fields_in_the_order_of_the_wire);
    tcase_add_test(cases, test_extending_a_type_of_kieker_keeps_its_role);
    tcase_add_test(cases, test_kieker_types_may_be_there_again);
    tcase_add_loop_test(cases, test_a_layout_says_all_of_a_type, 0, RECORD_TYPES);
    tcase_add_loop_test(cases, test_what_is_no_layout_is_refused, 0, 14);
    tcase_add_loop_test(
        cases, test_errors_name_line_and_column, 0, (int)(sizeof(wrong) / sizeof(wrong[0])));
    tcase_add_test(cases, test_bounds);
    tcase_add_test(cases, test_files);
    suite_add_tcase(suite, cases);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
