/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/log.h"
#include "server/quantity.h"
#include "server/ready.h"
#include "server/settings.h"
#include "server/sockets.h"

static char error[600];

/* Quantities. */

static const struct {
    enum quantity quantity;
    const char *text;
    int64_t value;
    const char *printed;
} quantities[] = {
    {QUANTITY_COUNT, "0", 0, "0"},
    {QUANTITY_COUNT, "10133", 10133, "10133"},
    {QUANTITY_DURATION, "300ms", 300000000, "300ms"},
    {QUANTITY_DURATION, "1.5s", 1500000000, "1500ms"},
    {QUANTITY_DURATION, "120s", INT64_C(120000000000), "2m"},
    {QUANTITY_DURATION, "7ns", 7, "7ns"},
    {QUANTITY_DURATION, "0s", 0, "0ns"},
    {QUANTITY_DURATION, "48h", INT64_C(172800000000000), "2d"},
    {QUANTITY_SIZE, "4M", 4 << 20, "4M"},
    {QUANTITY_SIZE, "1.5K", 1536, "1536B"},
    {QUANTITY_SIZE, "2048B", 2048, "2K"},
};

START_TEST(quantity_reads_and_prints)
{
    int64_t value;
    char text[32];

    ck_assert_int_eq(
        quantity_parse(quantities[_i].quantity, quantities[_i].text, &value, error, sizeof(error)),
        0);
    ck_assert_int_eq(value, quantities[_i].value);
    quantity_print(quantities[_i].quantity, value, text, sizeof(text));
    ck_assert_str_eq(text, quantities[_i].printed);
    ck_assert_int_eq(
        quantity_parse(quantities[_i].quantity, text, &value, error, sizeof(error)), 0);
    ck_assert_int_eq(value, quantities[_i].value);
}
END_TEST

static const struct {
    enum quantity quantity;
    const char *text;
} wrong_quantities[] = {
    {QUANTITY_COUNT, ""},
    {QUANTITY_COUNT, "-1"},
    {QUANTITY_COUNT, "1.5"},
    {QUANTITY_COUNT, "0x10"},
    {QUANTITY_COUNT, "nan"},
    {QUANTITY_COUNT, "1e400"},
    {QUANTITY_COUNT, "99999999999999999999"},
    {QUANTITY_COUNT, "8080 "},
    {QUANTITY_DURATION, "300"},
    {QUANTITY_DURATION, "300 ms"},
    {QUANTITY_DURATION, "0.5ns"},
    {QUANTITY_DURATION, "ms"},
    {QUANTITY_DURATION, "1000000d"},
    {QUANTITY_SIZE, "4"},
    {QUANTITY_SIZE, "4m"},
    {QUANTITY_SIZE, "0.3B"},
};

START_TEST(quantity_refuses)
{
    int64_t value = 17;

    ck_assert_int_eq(quantity_parse(wrong_quantities[_i].quantity, wrong_quantities[_i].text,
                         &value, error, sizeof(error)),
        -1);
    ck_assert_int_eq(value, 17);
    ck_assert_ptr_nonnull(strstr(error, "is not a"));
}
END_TEST

/* Settings. */

static struct settings settings;
static enum settings_action action;

static void forget_settings(void)
{
    settings_fini(&settings);
    memset(&settings, 0, sizeof(settings));
}

/* Loads with these arguments, up to a NULL. */
static int load(char **arguments)
{
    int count = 0;

    forget_settings();
    while (arguments[count])
        count++;
    return settings_load(&settings, count, arguments, &action, error, sizeof(error));
}

#define LOAD(...) load((char *[]){(char *)(uintptr_t) "kieker-collector", ##__VA_ARGS__, NULL})
#define ARG(text) ((char *)(uintptr_t)(text))

/* A file with this text; its name is good until the next call. */
static const char *file_of(const char *text)
{
    static char path[] = "/tmp/kieker-test-settings-XXXXXX";
    int fd;

    memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
    fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

START_TEST(settings_lists_go_on_in_one_place)
{
    const char *path = file_of("records = a.irl\nrecords = b.irl\n");

    ck_assert_int_eq(LOAD(ARG("--config"), ARG(path)), 0);
    ck_assert_str_eq(settings.records, "a.irl,b.irl");
    ck_assert_int_eq(LOAD(ARG("--records"), ARG("c.irl"), ARG("--config"), ARG(path),
                         ARG("--records=d.irl,e.irl")),
        0);
    ck_assert_str_eq(settings.records, "c.irl,d.irl,e.irl");
    unlink(path);
}
END_TEST

START_TEST(settings_table_agrees_with_itself)
{
    for (const struct option *option = options; option->name; option++) {
        ck_assert_ptr_eq(settings_find(option->name), option);
        ck_assert_msg(option->doc && *option->doc, "%s has no documentation", option->name);
        ck_assert_uint_lt(option->offset, sizeof(struct settings));
        ck_assert_msg(option_is_text(option) || option->value, "%s has no default", option->name);
        ck_assert_int_eq(option->choices != NULL, option->type == OPTION_CHOICE);
        if (option->value)
            ck_assert_msg(settings_set(&settings, option, option->value, error, sizeof(error)) == 0,
                "%s: %s", option->name, error);
    }
    forget_settings();
}
END_TEST

START_TEST(settings_defaults)
{
    ck_assert_msg(LOAD() == 0, "%s", error);
    ck_assert_int_eq(action, SETTINGS_RUN);
    ck_assert_int_eq(settings.port, 10133);
    ck_assert_int_eq(settings.http_port, 8080);
    ck_assert_str_eq(settings.listen, "127.0.0.1");
    ck_assert_str_eq(settings.http_listen, "127.0.0.1");
    ck_assert_ptr_null(settings.database);
    ck_assert_int_eq(settings.batch_interval, 300000000);
    forget_settings();
}
END_TEST

START_TEST(settings_later_sources_win)
{
    const char *path = file_of("; mine\n[agent]\nport = nothing of ours\n[collector]\n  port = 1 "
                               "\nrun=file\nhttp-port = 2\n\n# end");

    setenv("KIEKER_PORT", "3", 1);
    setenv("KIEKER_RUN", "environment", 1);
    setenv("KIEKER_LISTEN", "", 1);
    ck_assert_msg(LOAD(ARG("--run=argument"), ARG("--config"), ARG(path)) == 0, "%s", error);
    unsetenv("KIEKER_PORT");
    unsetenv("KIEKER_RUN");
    unsetenv("KIEKER_LISTEN");
    unlink(path);
    ck_assert_int_eq(settings.http_port, 2);
    ck_assert_int_eq(settings.port, 3);
    ck_assert_str_eq(settings.run, "argument");
    ck_assert_str_eq(settings.listen, "127.0.0.1");
    forget_settings();
}
END_TEST

START_TEST(settings_read_what_they_print)
{
    struct settings again = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size), *in;

    ck_assert_int_eq(LOAD(ARG("--run"), ARG("nightly run"), ARG("--queue-size"), ARG("1.5M"),
                         ARG("--durability=power")),
        0);
    settings_print(&settings, out);
    fclose(out);
    in = fmemopen(text, size, "r");
    ck_assert_msg(settings_read(&again, in, "printed", error, sizeof(error)) == 0, "%s", error);
    fclose(in);
    for (const struct option *option = options; option->name; option++) {
        char before[1200], after[1200];

        settings_value(&settings, option, before, sizeof(before));
        settings_value(&again, option, after, sizeof(after));
        ck_assert_str_eq(before, after);
    }
    free(text);
    settings_fini(&again);
    forget_settings();
}
END_TEST

START_TEST(settings_actions)
{
    ck_assert_int_eq(LOAD(ARG("--port"), ARG("0"), ARG("--print-config")), 0);
    ck_assert_int_eq(action, SETTINGS_PRINT);
    ck_assert_int_eq(LOAD(ARG("--check-config"), ARG("--help")), 0);
    ck_assert_int_eq(action, SETTINGS_HELP);
    ck_assert_int_eq(LOAD(ARG("--version")), 0);
    ck_assert_int_eq(action, SETTINGS_VERSION);
    forget_settings();
}
END_TEST

START_TEST(settings_help_names_every_option)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    settings_help(out);
    fclose(out);
    for (const struct option *option = options; option->name; option++) {
        char flag[64];

        snprintf(flag, sizeof(flag), "--%s ", option->name);
        ck_assert_ptr_nonnull(strstr(text, flag));
        ck_assert_ptr_nonnull(strstr(text, option->doc));
    }
    free(text);
}
END_TEST

/* The sentence names the option, where it was set, and what is wrong. */
static const struct {
    const char *argument, *value, *file, *sentence;
} wrong_settings[] = {
    {"--port", "65536", NULL, "--port: \"65536\" is out of range: 0 to 65535"},
    {"--port", NULL, NULL, "--port needs a value"},
    {"--prt", "1", NULL, "there is no option --prt"},
    {"port", "1", NULL, "there is no option port"},
    {"--batch-interval", "300", NULL, "--batch-interval: \"300\" is not a duration"},
    {"--durability", "none", NULL, "--durability: \"none\" is none of commit, power"},
    {"--config", "/no/such/file", NULL, "/no/such/file cannot be opened"},
    {"--config", NULL, "port = 1\n\nprt = 2\n", ":3: there is no option \"prt\""},
    {"--config", NULL, "[collector]\nport\n", ":2: \"port\" is no setting"},
    {"--config", NULL, "port = many", ":1: port: \"many\" is not a whole number"},
};

START_TEST(settings_refuse)
{
    const char *value =
        wrong_settings[_i].file ? file_of(wrong_settings[_i].file) : wrong_settings[_i].value;

    ck_assert_int_eq(LOAD(ARG(wrong_settings[_i].argument), ARG(value)), -1);
    ck_assert_msg(strstr(error, wrong_settings[_i].sentence), "%s", error);
    if (wrong_settings[_i].file)
        unlink(value);
    forget_settings();
}
END_TEST

/* The log. */

static const struct {
    const char *text, *escaped;
} values[] = {
    {"plain", "plain"},
    {"127.0.0.1:41022", "127.0.0.1:41022"},
    {"", "\"\""},
    {"two words", "\"two words\""},
    {"a=b", "\"a=b\""},
    {"say \"x\"", "\"say \\\"x\\\"\""},
    {"back\\slash", "\"back\\\\slash\""},
    {"line\nnext", "\"line\\x0anext\""},
    {"\x1b[31m\x7f", "\"\\x1b[31m\\x7f\""},
    {"grüße €", "\"grüße €\""},
    {"\xc2\x9b|\xe2\x80\xa8|\xe2\x80\xae|\xe2\x81\xa9",
        "\"\\xc2\\x9b|\\xe2\\x80\\xa8|\\xe2\\x80\\xae|\\xe2\\x81\\xa9\""},
    {"cut \xe2\x82", "\"cut \\xe2\\x82\""},
    {"\xff\xc0\x80", "\"\\xff\\xc0\\x80\""},
};

START_TEST(log_escapes)
{
    char out[200];

    ck_assert_uint_eq(log_escape(out, sizeof(out), values[_i].text), strlen(values[_i].escaped));
    ck_assert_str_eq(out, values[_i].escaped);
}
END_TEST

START_TEST(log_escape_keeps_within)
{
    char text[300], out[310];

    memset(text, '\n', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (size_t size = 1; size < 300; size++) {
        memset(out, '#', sizeof(out));
        ck_assert_uint_lt(log_escape(out, size, text), size);
        ck_assert_int_eq(out[size], '#');
        ck_assert_ptr_nonnull(memchr(out, '\0', size));
    }
}
END_TEST

START_TEST(log_writes_and_reopens)
{
    char path[] = "/tmp/kieker-test-log-XXXXXX", moved[64], line[LOG_LINE_MAX + 1] = "";
    int fd = mkstemp(path);
    FILE *file;

    ck_assert_int_ge(fd, 0);
    close(fd);
    snprintf(moved, sizeof(moved), "%s.1", path);
    ck_assert_int_eq(log_open(path), 0);
    ck_assert_int_eq(log_has_file(), 1);
    log_set_level(LOG_WARN);
    log_info("unheard");
    log_warn("connection", log_field("stream", 3), log_field("error", "a \"b\""),
        log_field("less", INT64_MIN));
    ck_assert_int_eq(rename(path, moved), 0);
    ck_assert_int_eq(log_reopen(), 0);
    log_error("alone");
    ck_assert_int_eq(log_open("/no/such/directory/log"), -1);
    log_error("still here");
    log_close();
    log_set_level(LOG_INFO);

    file = fopen(moved, "r");
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    ck_assert_uint_gt(strlen(line), 21);
    ck_assert_str_eq(
        line + 20, " warn connection stream=3 error=\"a \\\"b\\\"\" less=-9223372036854775808\n");
    ck_assert_ptr_null(fgets(line, sizeof(line), file));
    fclose(file);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    ck_assert_str_eq(line + 20, " error alone\n");
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    fclose(file);
    unlink(path);
    unlink(moved);
}
END_TEST

/* Sockets and the ready file. */

START_TEST(sockets_any_port_of_several_addresses)
{
    struct sockets sockets;
    char text[200], nearest[SOCKET_NAME_MAX], expected[200];

    ck_assert_msg(sockets_open(&sockets, "127.0.0.1, 127.0.0.2", 0, "listen", "port", error,
                      sizeof(error)) == 0,
        "%s", error);
    ck_assert_uint_eq(sockets.count, 2);
    ck_assert_uint_ne(sockets.port, 0);
    sockets_describe(&sockets, text, sizeof(text));
    snprintf(expected, sizeof(expected), "127.0.0.1:%u, 127.0.0.2:%u", sockets.port, sockets.port);
    ck_assert_str_eq(text, expected);
    sockets_close(&sockets);
    ck_assert_int_eq(
        sockets_open(&sockets, "0.0.0.0", 0, "listen", "port", error, sizeof(error)), 0);
    sockets_nearest(&sockets, nearest, sizeof(nearest));
    snprintf(expected, sizeof(expected), "127.0.0.1:%u", sockets.port);
    ck_assert_str_eq(nearest, expected);
    sockets_close(&sockets);
}
END_TEST

START_TEST(sockets_say_what_to_do)
{
    struct sockets first, second;

    ck_assert_int_eq(
        sockets_open(&first, "127.0.0.1", 0, "listen", "port", error, sizeof(error)), 0);
    ck_assert_int_eq(
        sockets_open(&second, "127.0.0.1", first.port, "listen", "port", error, sizeof(error)), -1);
    ck_assert_ptr_nonnull(strstr(error, "--port"));
    ck_assert_uint_eq(second.count, 0);
    sockets_close(&first);
    ck_assert_int_eq(
        sockets_open(&second, "192.0.2.1", 0, "listen", "port", error, sizeof(error)), -1);
    ck_assert_ptr_nonnull(strstr(error, "--listen"));
    ck_assert_int_eq(sockets_open(&second, " , ", 0, "listen", "port", error, sizeof(error)), -1);
    ck_assert_ptr_nonnull(strstr(error, "--listen"));
}
END_TEST

START_TEST(sockets_name_addresses)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(7)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(7)};
    char name[SOCKET_NAME_MAX];

    inet_pton(AF_INET, "10.1.2.3", &four.sin_addr);
    socket_name((struct sockaddr *)&four, name, sizeof(name));
    ck_assert_str_eq(name, "10.1.2.3:7");
    inet_pton(AF_INET6, "fe80::1", &six.sin6_addr);
    socket_name((struct sockaddr *)&six, name, sizeof(name));
    ck_assert_str_eq(name, "[fe80::1]:7");
    inet_pton(AF_INET6, "::ffff:10.1.2.3", &six.sin6_addr);
    socket_name((struct sockaddr *)&six, name, sizeof(name));
    ck_assert_str_eq(name, "10.1.2.3:7");
}
END_TEST

START_TEST(ready_file_is_whole)
{
    char directory[] = "/tmp/kieker-test-ready-XXXXXX", path[64], line[200], expected[64];
    FILE *file;

    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/ready", directory);
    ck_assert_int_eq(ready_write(path, 1, 3, 2, "/a/b.db", error, sizeof(error)), 0);
    file = fopen(path, "r");
    ck_assert_str_eq(fgets(line, sizeof(line), file), "port=1\n");
    ck_assert_str_eq(fgets(line, sizeof(line), file), "tls_port=3\n");
    ck_assert_str_eq(fgets(line, sizeof(line), file), "http_port=2\n");
    ck_assert_str_eq(fgets(line, sizeof(line), file), "database=/a/b.db\n");
    snprintf(expected, sizeof(expected), "pid=%ld\n", (long)getpid());
    ck_assert_str_eq(fgets(line, sizeof(line), file), expected);
    ck_assert_ptr_null(fgets(line, sizeof(line), file));
    fclose(file);
    unlink(path);
    ck_assert_int_eq(rmdir(directory), 0); /* no draft is left */
    ck_assert_int_eq(ready_write(path, 1, 0, 2, "/a/b.db", error, sizeof(error)), -1);
    ck_assert_ptr_nonnull(strstr(error, "--ready-file"));
}
END_TEST

#define COUNT(array) (int)(sizeof(array) / sizeof(*(array)))

int main(void)
{
    Suite *suite = suite_create("server");
    TCase *tests = tcase_create("server");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, quantity_reads_and_prints, 0, COUNT(quantities));
    tcase_add_loop_test(tests, quantity_refuses, 0, COUNT(wrong_quantities));
    tcase_add_test(tests, settings_table_agrees_with_itself);
    tcase_add_test(tests, settings_lists_go_on_in_one_place);
    tcase_add_test(tests, settings_defaults);
    tcase_add_test(tests, settings_later_sources_win);
    tcase_add_test(tests, settings_read_what_they_print);
    tcase_add_test(tests, settings_actions);
    tcase_add_test(tests, settings_help_names_every_option);
    tcase_add_loop_test(tests, settings_refuse, 0, COUNT(wrong_settings));
    tcase_add_loop_test(tests, log_escapes, 0, COUNT(values));
    tcase_add_test(tests, log_escape_keeps_within);
    tcase_add_test(tests, log_writes_and_reopens);
    tcase_add_test(tests, sockets_any_port_of_several_addresses);
    tcase_add_test(tests, sockets_say_what_to_do);
    tcase_add_test(tests, sockets_name_addresses);
    tcase_add_test(tests, ready_file_is_whole);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
