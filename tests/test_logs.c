/* SPDX-License-Identifier: Apache-2.0 */
#include "record/logs/logdir.h"
#include "record/logtext.h"
#include "tests/captures.h"

#include <check.h>
#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define OER "kieker.common.record.controlflow.OperationExecutionRecord"
#define FAILED "kieker.common.record.flow.trace.operation.AfterOperationFailedEvent"
#define ENTRY "kieker.common.record.flow.trace.operation.EntryLevelBeforeOperationEvent"

static json_t *value_of(
    const struct record *record, enum record_field_type type, const unsigned char *at)
{
    const struct registry_entry *entry;
    double number;
    uint64_t bits;

    switch (field_element(type)) {
    case FIELD_BOOL:
        return json_boolean(*at == 1);
    case FIELD_I32:
        return json_integer((int32_t)bytes_get32(at));
    case FIELD_I64:
        return json_integer((int64_t)bytes_get64(at));
    case FIELD_F64:
        bits = bytes_get64(at);
        memcpy(&number, &bits, sizeof(number));
        return isfinite(number) ? json_real(number) : json_string(number > 0 ? "inf" : "other");
    default:
        entry = registry_get(record->registry, (int32_t)bytes_get32(at));
        ck_assert_ptr_nonnull(entry);
        return json_stringn(entry->text, entry->length);
    }
}

/* {"cls", "loggingTimestamp", "fields"}, as in the captures' expectations. */
static json_t *json_of(const struct record *record)
{
    struct record_cursor cursor = {.record = record};
    json_t *fields = json_object(), *array = NULL;

    while (record_next_value(&cursor)) {
        const struct record_field *field = &record->type->fields[cursor.field];

        if (!field_is_array(field->type)) {
            json_object_set_new(fields, field->name, value_of(record, field->type, cursor.at));
            continue;
        }
        if (cursor.element == 0)
            json_object_set_new(fields, field->name, array = json_array());
        if (cursor.at)
            json_array_append_new(array, value_of(record, field->type, cursor.at));
    }
    return json_pack("{sssIso}", "cls", record->type->name, "loggingTimestamp", record->logged,
        "fields", fields);
}

/* What a log has given. */
struct got {
    json_t *records;
    char flaws[4096];
};

static int on_record(void *context, unsigned file, const struct record *record)
{
    (void)file;
    json_array_append_new(((struct got *)context)->records, json_of(record));
    return 0;
}

static void on_flaw(void *context, const char *file, uint64_t line, uint64_t byte, const char *why)
{
    struct got *got = context;
    size_t used = strlen(got->flaws);

    snprintf(got->flaws + used, sizeof(got->flaws) - used, "%s:%d:%d %s\n", file, (int)line,
        (int)byte, why);
}

static void read_log(struct logdir *log, int last, struct got *got)
{
    const struct logdir_sink sink = {on_record, on_flaw, NULL, got};

    ck_assert_ptr_nonnull(log);
    ck_assert_int_eq(logdir_read(log, last, &sink), 0);
}

static void read_whole(const char *path, struct got *got)
{
    char error[400] = "";
    struct logdir *log = logdir_open(path, error, sizeof(error));

    ck_assert_str_eq(error, "");
    *got = (struct got){.records = json_array()};
    read_log(log, 1, got);
    logdir_close(log);
}

/*
 * The records that a real client's writers were given, as they came over the wire. Kieker's map of
 * a binary log has backslashes as they are, and its readers take them for escapes all the same: so
 * do we.
 */
static json_t *expected_records(int is_binary)
{
    size_t size;
    char *text = capture_read("java-single-unicode-flush", ".decoded.jsonl", &size);
    json_t *records = json_array();

    for (char *escape = text; is_binary && (escape = strstr(escape, "value\\\\n"));)
        memmove(escape + 5, escape + 6, strlen(escape + 5));
    for (char *line = text; *line; line = strchr(line, '\n') + 1) {
        json_t *item = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);

        if (json_object_get(item, "cls"))
            json_array_append_new(
                records, json_pack("{sOsOsO}", "cls", json_object_get(item, "cls"),
                             "loggingTimestamp", json_object_get(item, "loggingTimestamp"),
                             "fields", json_object_get(item, "fields")));
        json_decref(item);
    }
    free(text);
    return records;
}

static int read_found(void *context, const char *path)
{
    read_whole(path, context);
    return 0;
}

static const char *const forms[] = {
    "text-none", "text-gzip", "text-zip", "binary-none", "binary-gzip", "binary-deflate"};

START_TEST(test_every_form_of_a_real_log)
{
    const char *top = getenv("srcdir");
    char path[1024], error[400] = "";
    struct got got = {0};
    json_t *expected = expected_records(strncmp(forms[_i], "binary", 6) == 0);

    snprintf(
        path, sizeof(path), "%s/tests/data/captures/filewriter-%s", top ? top : ".", forms[_i]);
    ck_assert_int_eq(logdir_find(path, read_found, &got, error, sizeof(error)), 1);
    ck_assert_str_eq(got.flaws, "");
    ck_assert_uint_eq(json_array_size(got.records), 14);
    for (size_t i = 0; i < 14; i++) {
        json_t *record = json_array_get(got.records, i), *wanted = json_array_get(expected, i);

        ck_assert_msg(
            json_equal(record, wanted), "%s\n%s", json_dumps(record, 0), json_dumps(wanted, 0));
    }
    json_decref(got.records);
    json_decref(expected);
}
END_TEST

/* A log of our own in a directory for the test. */
static char directory[64];

static void write_file(const char *name, const char *mode, const void *bytes, size_t size)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, mode);
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void write_text(const char *name, const char *text)
{
    write_file(name, "wb", text, strlen(text));
}

static void set_up(void)
{
    strcpy(directory, "/tmp/kieker-logs-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    write_text("kieker.map", "$0=" OER "\n$1=" FAILED "\r\n$2=" ENTRY
                             "\n\nno entry\n$x=y\n$7=my.Own\n$3=kieker.common.record.OperationExecu"
                             "tionRecord\n");
}

static void tear_down(void)
{
    DIR *open = opendir(directory);
    struct dirent *entry;

    while ((entry = readdir(open)))
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(open), entry->d_name, 0);
    closedir(open);
    rmdir(directory);
}

/* The fields of the log's records, one array a record, as text. */
static char *read_fields(const char *file_text, char *flaws, size_t size)
{
    struct got got;
    json_t *all = json_array(), *record, *value;
    const char *name;
    size_t i;
    char *text;

    write_text("a-001.dat", file_text);
    read_whole(directory, &got);
    json_array_foreach(got.records, i, record)
    {
        json_t *values = json_array();

        json_array_append(values, json_object_get(record, "loggingTimestamp"));
        json_object_foreach(json_object_get(record, "fields"), name, value)
            json_array_append(values, value);
        json_array_append_new(all, values);
    }
    text = json_dumps(all, JSON_COMPACT);
    snprintf(flaws, size, "%s", got.flaws);
    json_decref(all);
    json_decref(got.records);
    return text;
}

static const struct {
    const char *text, *fields, *flaws;
} lines[] = {
    {"$0;5;void a.B.c();S;1;10;20;host;0;0\n", "[[5,\"void a.B.c()\",\"S\",1,10,20,\"host\",0,0]]",
        ""},
    /* no line end, Windows' line ends, empty lines */
    {"\n$0;-1;x;;-1;10;20;;-1;-1\r\n\r\n$0;5;y;S;1;10;20;h;0;0",
        "[[-1,\"x\",\"\",-1,10,20,\"\",-1,-1],[5,\"y\",\"S\",1,10,20,\"h\",0,0]]", ""},
    /* with an experiment's number, under an older name, and without class */
    {"$3;5;0;a.B.c();S;1;10;20;h;0;0\n", "[[5,\"a.B.c()\",\"S\",1,10,20,\"h\",0,0]]", ""},
    {"0;a.B.c();S;1;10;20;h;0;0\n", "[[-1,\"a.B.c()\",\"S\",1,10,20,\"h\",0,0]]", ""},
    /* separators and line breaks in the last string */
    {"$1;5;10;1;2;op;cls;bad; really; bad\n$0;5;y;S;1;10;20;h;0;0\n",
        "[[5,10,1,2,\"op\",\"cls\",\"bad; really; bad\"],[5,\"y\",\"S\",1,10,20,\"h\",0,0]]", ""},
    {"$1;5;10;1;2;op;cls;bad\n at x\n at y\n$0;5;y;S;1;10;20;h;0;0\n",
        "[[5,10,1,2,\"op\",\"cls\",\"bad\\n at x\\n at y\"],[5,\"y\",\"S\",1,10,20,\"h\",0,0]]",
        ""},
    {"$1;5;10;1;2;op\nis;cls;\n", "[[5,10,1,2,\"op\\nis\",\"cls\",\"\"]]", ""},
    /* a last string that is missing; arrays */
    {"$1;5;10;1;2;op;cls\n", "[[5,10,1,2,\"op\",\"cls\",\"\"]]", ""},
    {"$2;5;10;1;2;op;cls;2;a;b;0;3\n", "[[5,10,1,2,\"op\",\"cls\",[\"a\",\"b\"],[],3]]", ""},
    /* what is wrong costs its line */
    {"$0;5;x;S;1;10\n$0;5;y;S;1;10;20;h;0;0\n", "[[5,\"y\",\"S\",1,10,20,\"h\",0,0]]",
        "a-001.dat:1:0 the line has too few fields\n"},
    {"$0;5;x;S;1;10;20;h;0;zero\n$0;5;y;S;1;10;20;h;0;0\n", "[[5,\"y\",\"S\",1,10,20,\"h\",0,0]]",
        "a-001.dat:1:0 this is no value that the field can have: zero\n"},
    {"$9;5;x\n$7;5;x\n$0;5;y;S;1;10;20;h;0;0\n", "[[5,\"y\",\"S\",1,10,20,\"h\",0,0]]",
        "a-001.dat:1:0 the map has no class: $9\na-001.dat:2:0 this class is not known: --records "
        "teaches it: my.Own\n"},
    {"$0;5;y;S;1;10;20;h;0;2147483648\n$junk\n", "[]",
        "a-001.dat:1:0 this is no value that the field can have: 2147483648\n"
        "a-001.dat:2:0 a record begins with its class's number: $junk\n"},
    {"$0;five;y;S;1;10;20;h;0;0\n", "[]", "a-001.dat:1:0 this is no logging timestamp: five\n"},
    {"$2;5;10;1;2;op;cls;-1;0;3\n", "[]",
        "a-001.dat:1:0 this is no length that an array can have: -1\n"},
};

START_TEST(test_lines)
{
    char flaws[4096], *fields = read_fields(lines[_i].text, flaws, sizeof(flaws));

    ck_assert_str_eq(fields, lines[_i].fields);
    ck_assert_str_eq(flaws, lines[_i].flaws);
    free(fields);
}
END_TEST

START_TEST(test_escapes_in_maps)
{
    struct registry map;
    static const char line[] = "$5=a\\nb\\\\n\\tc\\r=d\\";

    registry_init(&map);
    ck_assert_int_eq(logtext_map_line(&map, line, sizeof(line) - 1), 1);
    ck_assert_str_eq(registry_get(&map, 5)->text, "a\nb\\n\\tc\r=d\\");
    ck_assert_int_eq(logtext_map_line(&map, "6=x", 3), 1);
    ck_assert_str_eq(registry_get(&map, 6)->text, "x");
    ck_assert_int_eq(logtext_map_line(&map, "$99999999999=x", 14), 0);
    ck_assert_int_eq(logtext_map_line(&map, "", 0), 0);
    registry_fini(&map);
}
END_TEST

/* A log that grows while it is read gives each record once, however it was cut. */
START_TEST(test_growing_text)
{
    static const char text[] = "$0;5;y;S;1;10;20;h;0;0\n$1;5;10;1;2;op;cls;bad; bad\n"
                               "$2;5;10;1;2;op;cls;1;a;0;3\n";

    for (size_t cut = 0; cut < sizeof(text); cut++) {
        struct got got = {.records = json_array()};
        char error[400];
        struct logdir *log;

        write_file("a-001.dat", "wb", text, cut);
        log = logdir_open(directory, error, sizeof(error));
        read_log(log, 0, &got);
        write_file("a-001.dat", "ab", text + cut, sizeof(text) - 1 - cut);
        read_log(log, 0, &got);
        read_log(log, 1, &got);
        ck_assert_msg(got.flaws[0] == '\0', "cut at %zu: %s", cut, got.flaws);
        ck_assert_uint_eq(json_array_size(got.records), 3);
        logdir_close(log);
        json_decref(got.records);
    }
}
END_TEST

static size_t put_binary(unsigned char *bytes)
{
    unsigned char *at = bytes;

    for (int i = 0; i < 3; i++) {
        at = bytes_put32(at, 0);
        at = bytes_put64(at, 7);
        at = bytes_put32(at, 1);
        at = bytes_put32(at, 2);
        for (int j = 0; j < 3; j++)
            at = bytes_put64(at, 100);
        at = bytes_put32(at, 3);
        at = bytes_put64(at, 0);
    }
    return (size_t)(at - bytes);
}

START_TEST(test_growing_binary)
{
    unsigned char bytes[400];
    size_t size = put_binary(bytes);

    for (size_t cut = 0; cut <= size; cut++) {
        struct got got = {.records = json_array()};
        char error[400];
        struct logdir *log;

        write_file("a-001.bin", "wb", bytes, cut);
        log = logdir_open(directory, error, sizeof(error));
        read_log(log, 0, &got);
        write_file("a-001.bin", "ab", bytes + cut, size - cut);
        read_log(log, 1, &got);
        ck_assert_msg(got.flaws[0] == '\0', "cut at %zu: %s", cut, got.flaws);
        ck_assert_uint_eq(json_array_size(got.records), 3);
        logdir_close(log);
        json_decref(got.records);
    }
}
END_TEST

START_TEST(test_binary_that_is_cut_or_damaged)
{
    unsigned char bytes[400];
    size_t size = put_binary(bytes);
    struct got got;

    write_file("a-001.bin", "wb", bytes, size - 1);
    read_whole(directory, &got);
    ck_assert_uint_eq(json_array_size(got.records), 2);
    ck_assert_ptr_nonnull(strstr(got.flaws, "a-001.bin:0:112 the stream ends inside an item"));
    json_decref(got.records);
    bytes_put32(bytes + size / 3, 77);
    write_file("a-001.bin", "wb", bytes, size);
    read_whole(directory, &got);
    ck_assert_uint_eq(json_array_size(got.records), 1);
    ck_assert_ptr_nonnull(strstr(got.flaws, "a-001.bin:0:56 a record names class id 77"));
    json_decref(got.records);
}
END_TEST

START_TEST(test_files_are_read_in_the_order_of_their_names)
{
    static const unsigned char broken[] = {
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct got got;

    write_text("b-002.dat", "$0;2;y;S;1;10;20;h;0;0\n");
    write_text("b-001.dat", "$0;1;y;S;1;10;20;h;0;0\n");
    write_text("notes.txt", "not a log\n");
    write_file("broken.gz", "wb", broken, sizeof(broken));
    write_text("empty.dat", "");
    read_whole(directory, &got);
    ck_assert_uint_eq(json_array_size(got.records), 2);
    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(
            json_integer_value(json_object_get(json_array_get(got.records, i), "loggingTimestamp")),
            (json_int_t)i + 1);
    ck_assert_ptr_nonnull(strstr(got.flaws, "broken.gz:0:0 it cannot be unpacked"));
    ck_assert_ptr_null(strstr(got.flaws, "empty"));
    json_decref(got.records);
}
END_TEST

START_TEST(test_records_known_from_another_time_are_passed_over)
{
    struct got got = {.records = json_array()};
    char error[400];
    struct logdir *log;

    write_text("a-001.dat", "$0;1;y;S;1;10;20;h;0;0\n$0;2;y;S;1;10;20;h;0;0\n");
    log = logdir_open(directory, error, sizeof(error));
    ck_assert_str_eq(logdir_file(log, 0), "a-001.dat");
    ck_assert_ptr_null(logdir_file(log, 1));
    logdir_skip(log, 0, 1);
    read_log(log, 1, &got);
    ck_assert_uint_eq(json_array_size(got.records), 1);
    logdir_close(log);
    json_decref(got.records);
}
END_TEST

START_TEST(test_more_strings_than_are_kept)
{
    struct registry map;
    struct logtext text;
    char line[128];

    registry_init(&map);
    ck_assert_int_eq(logtext_map_line(&map, "$0=" OER, sizeof("$0=" OER) - 1), 1);
    logtext_init(&text, &map);
    for (int i = 0; i < 1200000; i++) {
        snprintf(line, sizeof(line), "$0;5;op;session-%d;1;10;20;h;0;0", i);
        ck_assert_int_eq(logtext_line(&text, line, strlen(line)), LOGTEXT_RECORD);
        ck_assert_int_eq(atoi(record_string(text.record, EXEC_SESSION)->text + 8), i);
    }
    ck_assert_uint_le(text.build.strings.count, REGISTRY_ENTRIES_MAX);
    logtext_fini(&text);
    registry_fini(&map);
}
END_TEST

START_TEST(test_no_log)
{
    char error[400] = "";

    ck_assert_int_eq(logdir_find("/nowhere", read_found, NULL, error, sizeof(error)), -1);
    ck_assert_str_eq(error, "/nowhere cannot be read: No such file or directory");
    ck_assert_ptr_null(logdir_open("/nowhere", error, sizeof(error)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("logs");
    TCase *real = tcase_create("real"), *made = tcase_create("made");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(
        real, test_every_form_of_a_real_log, 0, (int)(sizeof(forms) / sizeof(*forms)));
    suite_add_tcase(suite, real);
    tcase_add_checked_fixture(made, set_up, tear_down);
    tcase_add_loop_test(made, test_lines, 0, (int)(sizeof(lines) / sizeof(*lines)));
    tcase_add_test(made, test_escapes_in_maps);
    tcase_add_test(made, test_growing_text);
    tcase_add_test(made, test_growing_binary);
    tcase_add_test(made, test_binary_that_is_cut_or_damaged);
    tcase_add_test(made, test_files_are_read_in_the_order_of_their_names);
    tcase_add_test(made, test_records_known_from_another_time_are_passed_over);
    tcase_add_test(made, test_more_strings_than_are_kept);
    tcase_add_test(made, test_no_log);
    tcase_set_timeout(made, 60);
    suite_add_tcase(suite, made);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
