/* SPDX-License-Identifier: Apache-2.0 */
/* The words of Kieker's record language. Not for others to include than irl*.c. */
#ifndef KIEKER_RECORD_IRL_LEX_H
#define KIEKER_RECORD_IRL_LEX_H

#include <stddef.h>

enum irl_token {
    IRL_END,
    IRL_NAME,   /* an identifier or keyword; ^name without its mark */
    IRL_NUMBER, /* an integer or a float, with its sign */
    IRL_STRING, /* with its quotes */
    IRL_SIGN,   /* one character */
    IRL_WRONG   /* see `wrong` */
};

struct irl_lex {
    const char *at, *end, *line_start;
    unsigned line;
    /* the token read last: */
    enum irl_token token;
    const char *text; /* `length` bytes */
    size_t length;
    unsigned token_line, token_column; /* from 1 */
    const char *wrong;
};

void irl_lex_begin(struct irl_lex *lex, const char *text, size_t size);

/* Goes on to the next token. */
void irl_lex_next(struct irl_lex *lex);

/* Whether the token is that word, or that sign. */
int irl_lex_is(const struct irl_lex *lex, const char *word);

#endif
