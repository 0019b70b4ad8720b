/* SPDX-License-Identifier: Apache-2.0 */
#include "web/token.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "query/secret.h"

#define SESSION_BYTES ((TOKEN_SESSION_TEXT - 1) / 2)
#define ADDRESSES 256 /* that failures are counted of; the oldest one is forgotten for another */

struct session {
    char text[TOKEN_SESSION_TEXT]; /* "": none */
    uint64_t used;                 /* in the order of use */
};

struct failures {
    struct in6_addr address; /* of IPv6 the network: whoever has one address has all of those */
    unsigned count;
    int64_t since; /* seconds */
};

struct token {
    char *path;
    pthread_mutex_t lock;
    char *text;
    size_t size;
    struct session sessions[TOKEN_SESSIONS];
    uint64_t uses;
    unsigned changes;
    struct failures failures[ADDRESSES];
};

static int load(struct token *t, char *error, size_t error_size)
{
    size_t size;
    char *text = secret_word(t->path, &size, error, error_size);

    if (text == NULL)
        return -1;
    if (size < TOKEN_SHORTEST) {
        snprintf(error, error_size,
            "the token in %.500s is shorter than %d characters, and could be guessed: openssl rand "
            "-hex 32 makes one",
            t->path, TOKEN_SHORTEST);
        secret_free(text, size);
        return -1;
    }
    pthread_mutex_lock(&t->lock);
    if (t->text == NULL || t->size != size || memcmp(t->text, text, size) != 0) {
        memset(t->sessions, 0, sizeof(t->sessions));
        t->changes++;
    }
    secret_free(t->text, t->size);
    t->text = text;
    t->size = size;
    pthread_mutex_unlock(&t->lock);
    return 0;
}

struct token *token_open(const char *path, char *error, size_t error_size)
{
    struct token *t = calloc(1, sizeof(*t));

    snprintf(error, error_size, "memory is short");
    if (t == NULL)
        return NULL;
    pthread_mutex_init(&t->lock, NULL);
    t->path = strdup(path);
    if (t->path && load(t, error, error_size) == 0)
        return t;
    token_close(t);
    return NULL;
}

int token_reload(struct token *t, char *error, size_t error_size)
{
    return load(t, error, error_size);
}

void token_close(struct token *t)
{
    if (t == NULL)
        return;
    pthread_mutex_destroy(&t->lock);
    secret_free(t->text, t->size);
    free(t->path);
    explicit_bzero(t->sessions, sizeof(t->sessions));
    free(t);
}

static int64_t seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static struct in6_addr address_of(const struct sockaddr *peer)
{
    struct in6_addr address = {0};

    if (peer && peer->sa_family == AF_INET6) {
        address = ((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
        if (!IN6_IS_ADDR_V4MAPPED(&address))
            memset(&address.s6_addr[8], 0, 8);
    } else if (peer && peer->sa_family == AF_INET) {
        address.s6_addr[10] = address.s6_addr[11] = 0xFF;
        memcpy(
            &address.s6_addr[12], &((const struct sockaddr_in *)(const void *)peer)->sin_addr, 4);
    }
    return address;
}

/* The address's row; of one that has none yet the row of the one that rested longest. */
static struct failures *failures_of(struct token *t, const struct sockaddr *peer)
{
    struct in6_addr address = address_of(peer);
    struct failures *oldest = &t->failures[0];
    int64_t now = seconds();

    for (size_t i = 0; i < ADDRESSES; i++) {
        struct failures *row = &t->failures[i];

        if (row->count > 0 && memcmp(&row->address, &address, sizeof(address)) == 0) {
            if (now - row->since >= TOKEN_FAILURES_SECONDS)
                *row = (struct failures){address, 0, now};
            return row;
        }
        if (row->count == 0 || (oldest->count > 0 && row->since < oldest->since))
            oldest = row;
    }
    *oldest = (struct failures){address, 0, now};
    return oldest;
}

static int has_session(struct token *t, const char *text)
{
    struct session *found = NULL;

    if (strlen(text) != TOKEN_SESSION_TEXT - 1)
        return 0;
    for (size_t i = 0; i < TOKEN_SESSIONS; i++)
        if (t->sessions[i].text[0] != '\0' &&
            secret_is(t->sessions[i].text, TOKEN_SESSION_TEXT - 1, text, TOKEN_SESSION_TEXT - 1))
            found = &t->sessions[i];
    if (found)
        found->used = ++t->uses;
    return found != NULL;
}

static enum token_verdict check_token(
    struct token *t, const struct sockaddr *peer, const char *authorization)
{
    static const char scheme[] = "Bearer ";
    struct failures *failures = failures_of(t, peer);
    const char *given = authorization + sizeof(scheme) - 1;

    if (strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0)
        return TOKEN_MISSING;
    if (failures->count >= TOKEN_FAILURES)
        return TOKEN_TOO_OFTEN;
    given += strspn(given, " ");
    if (secret_is(t->text, t->size, given, strlen(given)))
        return TOKEN_RIGHT;
    failures->count++;
    return TOKEN_WRONG;
}

enum token_verdict token_check(
    struct token *t, const struct sockaddr *peer, const char *authorization, const char *session)
{
    enum token_verdict verdict = TOKEN_MISSING;

    pthread_mutex_lock(&t->lock);
    if (session && has_session(t, session))
        verdict = TOKEN_RIGHT;
    else if (authorization)
        verdict = check_token(t, peer, authorization);
    pthread_mutex_unlock(&t->lock);
    return verdict;
}

unsigned token_changes(struct token *t)
{
    unsigned changes;

    pthread_mutex_lock(&t->lock);
    changes = t->changes;
    pthread_mutex_unlock(&t->lock);
    return changes;
}

int token_begin_session(struct token *t, char text[TOKEN_SESSION_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[SESSION_BYTES];
    struct session *place = &t->sessions[0];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return -1;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[TOKEN_SESSION_TEXT - 1] = '\0';
    pthread_mutex_lock(&t->lock);
    for (size_t i = 1; i < TOKEN_SESSIONS; i++)
        if (t->sessions[i].used < place->used)
            place = &t->sessions[i];
    memcpy(place->text, text, TOKEN_SESSION_TEXT);
    place->used = ++t->uses;
    pthread_mutex_unlock(&t->lock);
    return 0;
}
