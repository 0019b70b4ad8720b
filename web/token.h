/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may read: whoever says the token that a file holds, or has a session, which the page gets for
 * the token once, as a cookie that no script can read. Sessions end with the collector, and when
 * another token is read. Any thread.
 */
#ifndef KIEKER_WEB_TOKEN_H
#define KIEKER_WEB_TOKEN_H

#include <stddef.h>
#include <sys/socket.h>

#define TOKEN_SHORTEST 16 /* characters */
#define TOKEN_SESSIONS                                                                             \
    256 /* at a time; a further one takes the place of the one that rested longest */
#define TOKEN_SESSION_TEXT 65     /* a session as text, with its zero byte */
#define TOKEN_FAILURES 10         /* wrong tokens that an address may send ... */
#define TOKEN_FAILURES_SECONDS 60 /* ... in so many seconds; then none is looked at for as long */

struct token;

enum token_verdict { TOKEN_RIGHT, TOKEN_MISSING, TOKEN_WRONG, TOKEN_TOO_OFTEN };

/* NULL with a sentence that says what to do. */
struct token *token_open(const char *path, char *error, size_t error_size);

/* Reads the file again. 0; -1 with a sentence: the token stays what it was. */
int token_reload(struct token *token, char *error, size_t error_size);
void token_close(struct token *token);

/*
 * `authorization`: the request's header, or NULL; `session`: the text of a session, or NULL. Of a
 * session the peer does not matter.
 */
enum token_verdict token_check(struct token *token, const struct sockaddr *peer,
    const char *authorization, const char *session);

/* How often the token has changed. What was allowed before it did is so no more. */
unsigned token_changes(struct token *token);

/* Begins a session. 0, or -1 when the system gives no random bytes. */
int token_begin_session(struct token *token, char text[TOKEN_SESSION_TEXT]);

#endif
