/* SPDX-License-Identifier: Apache-2.0 */
#include "record/irl_lex.h"

#include <string.h>

void irl_lex_begin(struct irl_lex *lex, const char *text, size_t size)
{
    *lex = (struct irl_lex){.at = text, .end = text + size, .line_start = text, .line = 1};
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        lex->line_start = lex->at += 3;
}

static void step(struct irl_lex *lex)
{
    if (*lex->at++ == '\n') {
        lex->line++;
        lex->line_start = lex->at;
    }
}

static int starts(const struct irl_lex *lex, const char *word)
{
    size_t length = strlen(word);

    return (size_t)(lex->end - lex->at) >= length && memcmp(lex->at, word, length) == 0;
}

/* Passes over blanks and comments. 0, or -1 in a comment that does not end. */
static int skip(struct irl_lex *lex)
{
    while (lex->at < lex->end) {
        if (strchr(" \t\r\n\f", *lex->at) && *lex->at != '\0') {
            step(lex);
        } else if (starts(lex, "//")) {
            while (lex->at < lex->end && *lex->at != '\n')
                step(lex);
        } else if (starts(lex, "/*")) {
            lex->at += 2;
            while (lex->at < lex->end && !starts(lex, "*/"))
                step(lex);
            if (lex->at == lex->end)
                return -1;
            lex->at += 2;
        } else {
            break;
        }
    }
    return 0;
}

static int is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void take_number(struct irl_lex *lex)
{
    const char *at = lex->at + (*lex->at == '-');

    while (at < lex->end && (is_digit(*at) || is_letter(*at) || *at == '.' ||
                                ((*at == '+' || *at == '-') && (at[-1] == 'e' || at[-1] == 'E'))))
        at++;
    lex->at = at;
    lex->token = IRL_NUMBER;
}

static void take_string(struct irl_lex *lex)
{
    char quote = *lex->at;

    step(lex);
    while (lex->at < lex->end && *lex->at != quote) {
        if (*lex->at == '\\' && lex->end - lex->at > 1)
            step(lex);
        step(lex);
    }
    if (lex->at == lex->end) {
        lex->token = IRL_WRONG;
        lex->wrong = "this string does not end";
        return;
    }
    step(lex);
    lex->token = IRL_STRING;
}

/* auto-increment is one word. */
static void take_name(struct irl_lex *lex)
{
    static const char increment[] = "auto-increment";

    if (starts(lex, increment))
        lex->at += sizeof(increment) - 1;
    else
        while (lex->at < lex->end && (is_letter(*lex->at) || is_digit(*lex->at)))
            lex->at++;
    lex->token = IRL_NAME;
}

void irl_lex_next(struct irl_lex *lex)
{
    int unended = skip(lex) < 0;

    lex->text = lex->at;
    lex->length = 0;
    lex->token_line = lex->line;
    lex->token_column = (unsigned)(lex->at - lex->line_start) + 1;
    if (unended) {
        lex->token = IRL_WRONG;
        lex->wrong = "a comment does not end";
        return;
    }
    if (lex->at == lex->end) {
        lex->token = IRL_END;
        return;
    }
    if (*lex->at == '^' && lex->end - lex->at > 1 && is_letter(lex->at[1]))
        lex->text = ++lex->at;
    if (is_letter(*lex->at))
        take_name(lex);
    else if (is_digit(*lex->at) ||
             (*lex->at == '-' && lex->end - lex->at > 1 && is_digit(lex->at[1])))
        take_number(lex);
    else if (*lex->at == '"' || *lex->at == '\'')
        take_string(lex);
    else if (strchr("@:,{}[].=*", *lex->at) && *lex->at != '\0') {
        lex->at++;
        lex->token = IRL_SIGN;
    } else {
        lex->token = IRL_WRONG;
        lex->wrong = "this character has no meaning here";
    }
    lex->length = (size_t)(lex->at - lex->text);
}

int irl_lex_is(const struct irl_lex *lex, const char *word)
{
    return (lex->token == IRL_NAME || lex->token == IRL_SIGN) && strlen(word) == lex->length &&
           memcmp(word, lex->text, lex->length) == 0;
}
