/* SPDX-License-Identifier: Apache-2.0 */
/* Who may read: origins, secrets in files, the token and its sessions. */
#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "query/secret.h"
#include "web/host.h"
#include "web/token.h"

static const struct {
    const char *host, *origin;
    int is_own;
} origins[] = {
    {"localhost:8080", NULL, 1}, {NULL, NULL, 1}, {"localhost:8080", "http://localhost:8080", 1},
    {"localhost:8080", "https://LOCALHOST:8080", 1}, {"[::1]:8080", "http://[::1]:8080", 1},
    {"proxy.example", "https://proxy.example", 1}, {NULL, "http://localhost:8080", 0},
    {"localhost:8080", "", 0}, {"localhost:8080", "null", 0},
    {"localhost:8080", "localhost:8080", 0}, {"localhost:8080", "http://localhost", 0},
    {"localhost:8080", "http://localhost:8081", 0}, {"localhost:8080", "http://127.0.0.1:8080", 0},
    {"localhost:8080", "http://localhost:8080.evil.example", 0},
    {"localhost:8080", "http://evil.example#http://localhost:8080", 0},
    {"localhost:8080", "http://evil@localhost:8080", 0},
    {"localhost:8080", "http://localhost:8080/", 0}, {"localhost:8080", "ftp://localhost:8080", 0},
    {"localhost:8080", "file://localhost:8080", 0},
    {"", "http://", 1}, /* such a Host is no known one, so nobody comes as far */
};

START_TEST(own_origins)
{
    ck_assert_int_eq(host_is_origin(origins[_i].host, origins[_i].origin), origins[_i].is_own);
}
END_TEST

START_TEST(secrets_are_compared_whole)
{
    ck_assert_int_eq(secret_is("abc", 3, "abc", 3), 1);
    ck_assert_int_eq(secret_is("abc", 3, "abd", 3), 0);
    ck_assert_int_eq(secret_is("abc", 3, "Abc", 3), 0);
    ck_assert_int_eq(secret_is("abc", 3, "ab", 2), 0);
    ck_assert_int_eq(secret_is("abc", 3, "abca", 4), 0);
    ck_assert_int_eq(secret_is("abc", 3, "abcabc", 6), 0);
    ck_assert_int_eq(secret_is("abc", 3, "", 0), 0);
    ck_assert_int_eq(secret_is("", 0, "", 0), 0);
    ck_assert_int_eq(secret_is("", 0, "a", 1), 0);
}
END_TEST

/* Files. */

#define TOKEN "0123456789abcdef0123456789abcdef"

static char directory[] = "/tmp/kieker-test-access-XXXXXX", path[64], error[600];

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/token", directory);
}

static void tear_down(void)
{
    unlink(path);
    rmdir(directory);
    memset(directory + strlen(directory) - 6, 'X', 6);
}

static void put(const char *text, mode_t mode)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert_int_eq(fchmod(fd, mode), 0);
    close(fd);
}

static const struct {
    mode_t mode;
    int taken;
} modes[] = {{0600, 1}, {0400, 1}, {0640, 1}, {0440, 1}, {0644, 0}, {0604, 0}, {0660, 0}, {0602, 0},
    {0620, 0}, {0601, 0}, {0777, 0}};

START_TEST(modes_of_secrets)
{
    size_t size;
    char *secret;

    put("a secret\n", modes[_i].mode);
    secret = secret_read(path, &size, error, sizeof(error));
    ck_assert_msg((secret != NULL) == modes[_i].taken, "%o", modes[_i].mode);
    if (secret)
        ck_assert_str_eq(secret, "a secret\n");
    else
        ck_assert_ptr_nonnull(strstr(error, "chmod 600"));
    secret_free(secret, secret ? size : 0);
}
END_TEST

static const struct {
    const char *text, *word; /* NULL: refused */
} words[] = {{"word", "word"}, {" \t\n word \r\n", "word"}, {"w", "w"}, {"a=b/c+~!", "a=b/c+~!"},
    {"", NULL}, {" \n", NULL}, {"two words", NULL}, {"a\nb", NULL}, {"caf\xc3\xa9", NULL},
    {"\x01", NULL}};

START_TEST(words_of_secrets)
{
    size_t size;
    char *word;

    put(words[_i].text, 0600);
    word = secret_word(path, &size, error, sizeof(error));
    if (words[_i].word) {
        ck_assert_msg(word != NULL, "%s", error);
        ck_assert_str_eq(word, words[_i].word);
        ck_assert_uint_eq(size, strlen(word));
        secret_free(word, size);
    } else {
        ck_assert_ptr_null(word);
        ck_assert_ptr_nonnull(strstr(error, "openssl rand"));
    }
}
END_TEST

START_TEST(zero_byte_in_a_word)
{
    size_t size;
    int fd;

    put("", 0600);
    fd = open(path, O_WRONLY);
    ck_assert_int_eq(write(fd, "word\0more", 9), 9);
    close(fd);
    ck_assert_ptr_null(secret_word(path, &size, error, sizeof(error)));
}
END_TEST

/* The token. */

static struct token *token;

static void open_token(void)
{
    set_up();
    put(TOKEN "\n", 0600);
    token = token_open(path, error, sizeof(error));
    ck_assert_msg(token != NULL, "%s", error);
}

static void close_token(void)
{
    token_close(token);
    tear_down();
}

static enum token_verdict say(const char *address, const char *authorization)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr_in four = {.sin_family = AF_INET};

    if (inet_pton(AF_INET, address, &four.sin_addr) == 1)
        return token_check(token, (struct sockaddr *)&four, authorization, NULL);
    ck_assert_int_eq(inet_pton(AF_INET6, address, &six.sin6_addr), 1);
    return token_check(token, (struct sockaddr *)&six, authorization, NULL);
}

START_TEST(verdicts)
{
    ck_assert_int_eq(say("127.0.0.1", NULL), TOKEN_MISSING);
    ck_assert_int_eq(say("127.0.0.1", ""), TOKEN_MISSING);
    ck_assert_int_eq(say("127.0.0.1", TOKEN), TOKEN_MISSING);
    ck_assert_int_eq(say("127.0.0.1", "Basic " TOKEN), TOKEN_MISSING);
    ck_assert_int_eq(say("127.0.0.1", "Bearer " TOKEN), TOKEN_RIGHT);
    ck_assert_int_eq(say("127.0.0.1", "bearer  " TOKEN), TOKEN_RIGHT);
    ck_assert_int_eq(say("127.0.0.1", "Bearer "), TOKEN_WRONG);
    ck_assert_int_eq(say("127.0.0.1", "Bearer " TOKEN " "), TOKEN_WRONG);
    ck_assert_int_eq(token_check(token, NULL, "Bearer " TOKEN, NULL), TOKEN_RIGHT);
}
END_TEST

/* By address, of IPv6 by network; who says nothing has not guessed. */
START_TEST(guesses_are_bounded)
{
    for (int i = 0; i < 3 * TOKEN_FAILURES; i++)
        ck_assert_int_eq(say("10.0.0.1", NULL), TOKEN_MISSING);
    for (int i = 0; i < TOKEN_FAILURES; i++)
        ck_assert_int_eq(say("10.0.0.1", "Bearer guess"), TOKEN_WRONG);
    ck_assert_int_eq(say("10.0.0.1", "Bearer guess"), TOKEN_TOO_OFTEN);
    ck_assert_int_eq(say("10.0.0.1", "Bearer " TOKEN), TOKEN_TOO_OFTEN);
    ck_assert_int_eq(say("::ffff:10.0.0.1", "Bearer " TOKEN), TOKEN_TOO_OFTEN);
    ck_assert_int_eq(say("10.0.0.2", "Bearer " TOKEN), TOKEN_RIGHT);
    for (int i = 0; i < TOKEN_FAILURES; i++) {
        char address[40];

        snprintf(address, sizeof(address), "2001:db8:1:1::%x", i + 1);
        ck_assert_int_eq(say(address, "Bearer guess"), TOKEN_WRONG);
    }
    ck_assert_int_eq(say("2001:db8:1:1:ffff::1", "Bearer " TOKEN), TOKEN_TOO_OFTEN);
    ck_assert_int_eq(say("2001:db8:1:2::1", "Bearer " TOKEN), TOKEN_RIGHT);
}
END_TEST

/* More addresses than there are places: nobody is locked out who did nothing. */
START_TEST(many_addresses)
{
    char address[24];

    for (int i = 0; i < 1000; i++) {
        snprintf(address, sizeof(address), "10.1.%d.%d", i / 250, i % 250);
        ck_assert_int_eq(say(address, "Bearer guess"), TOKEN_WRONG);
    }
    ck_assert_int_eq(say("10.2.0.1", "Bearer " TOKEN), TOKEN_RIGHT);
    ck_assert_int_eq(say(address, "Bearer " TOKEN), TOKEN_RIGHT);
}
END_TEST

START_TEST(sessions)
{
    char first[TOKEN_SESSION_TEXT], second[TOKEN_SESSION_TEXT], other[TOKEN_SESSION_TEXT];

    ck_assert_int_eq(token_begin_session(token, first), 0);
    ck_assert_int_eq(token_begin_session(token, second), 0);
    ck_assert_str_ne(first, second);
    ck_assert_uint_eq(strspn(first, "0123456789abcdef"), TOKEN_SESSION_TEXT - 1);
    ck_assert_int_eq(token_check(token, NULL, NULL, first), TOKEN_RIGHT);
    ck_assert_int_eq(token_check(token, NULL, NULL, ""), TOKEN_MISSING);
    ck_assert_int_eq(token_check(token, NULL, NULL, "0"), TOKEN_MISSING);
    memset(other, '0', sizeof(other) - 1);
    other[sizeof(other) - 1] = '\0';
    ck_assert_int_eq(token_check(token, NULL, NULL, other), TOKEN_MISSING);
    /* The one that is used stays, whoever else comes. */
    for (int i = 0; i < TOKEN_SESSIONS - 1; i++) {
        ck_assert_int_eq(token_begin_session(token, other), 0);
        ck_assert_int_eq(token_check(token, NULL, NULL, first), TOKEN_RIGHT);
    }
    ck_assert_int_eq(token_check(token, NULL, NULL, second), TOKEN_MISSING);
    ck_assert_int_eq(token_check(token, NULL, NULL, other), TOKEN_RIGHT);
    /* The same token again changes nothing, another ends all sessions, and what is none neither. */
    ck_assert_int_eq(token_reload(token, error, sizeof(error)), 0);
    ck_assert_int_eq(token_check(token, NULL, NULL, first), TOKEN_RIGHT);
    put("short", 0600);
    ck_assert_int_eq(token_reload(token, error, sizeof(error)), -1);
    ck_assert_int_eq(token_check(token, NULL, NULL, first), TOKEN_RIGHT);
    put("another-token-as-long", 0600);
    ck_assert_int_eq(token_reload(token, error, sizeof(error)), 0);
    ck_assert_int_eq(token_check(token, NULL, NULL, first), TOKEN_MISSING);
    ck_assert_int_eq(say("127.0.0.1", "Bearer another-token-as-long"), TOKEN_RIGHT);
    ck_assert_int_eq(say("127.0.0.1", "Bearer " TOKEN), TOKEN_WRONG);
}
END_TEST

#define COUNT(array) (int)(sizeof(array) / sizeof(*(array)))

static Suite *suite(void)
{
    Suite *suite = suite_create("access");
    TCase *plain = tcase_create("plain"), *files = tcase_create("files"),
          *tokens = tcase_create("token");

    tcase_add_loop_test(plain, own_origins, 0, COUNT(origins));
    tcase_add_test(plain, secrets_are_compared_whole);
    suite_add_tcase(suite, plain);
    tcase_add_checked_fixture(files, set_up, tear_down);
    tcase_add_loop_test(files, modes_of_secrets, 0, COUNT(modes));
    tcase_add_loop_test(files, words_of_secrets, 0, COUNT(words));
    tcase_add_test(files, zero_byte_in_a_word);
    suite_add_tcase(suite, files);
    tcase_add_checked_fixture(tokens, open_token, close_token);
    tcase_add_test(tokens, verdicts);
    tcase_add_test(tokens, guesses_are_bounded);
    tcase_add_test(tokens, many_addresses);
    tcase_add_test(tokens, sessions);
    suite_add_tcase(suite, tokens);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
