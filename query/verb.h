/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The questions that can be asked of what is stored, one vocabulary for the command line, the HTTP
 * API and the page: a table of parameters, a table of verbs, and a request, which is a verb with
 * the values of its parameters. The answer is JSON; whatever people read is printed from that JSON.
 * Help, completion and the API's description are printed from the two tables. Nothing here is
 * shared between threads but constants: a request belongs to one thread, as its reader does.
 *
 *     request_init(&request, verb_find("traces"), now);
 *     request_set(&request, "slowest", "5");          any number of these; the first error sticks
 *     request_reply(&request, reader, &reply);        send reply.status, reply.type, reply.bytes
 *     free(reply.bytes);
 *     request_fini(&request);
 */
#ifndef KIEKER_QUERY_VERB_H
#define KIEKER_QUERY_VERB_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "analysis/arena.h"
#include "record/logs/packfile.h"
#include "storage/store.h"

enum param_type {
    TYPE_TEXT,
    TYPE_GLOB,     /* * and ? */
    TYPE_DURATION, /* a number with its unit: ns us ms s m h */
    TYPE_TIME,     /* ago (5m, 2h, 1d), ISO, or @unix[.frac] */
    TYPE_NUMBER,   /* from minimum to maximum */
    TYPE_FLAG,     /* by name alone, or 1, or 0 */
    TYPE_CHOICE,   /* one of a list */
    TYPE_NODE,     /* an operation's id, or "entry" */
    PARAM_TYPES
};

enum param_id {
    PARAM_RUN,
    PARAM_HOST,
    PARAM_SINCE,
    PARAM_UNTIL,
    PARAM_OP,
    PARAM_ROOT,
    PARAM_COMPONENT,
    PARAM_MIN,
    PARAM_MAX,
    PARAM_MIN_CALLS,
    PARAM_FAILED,
    PARAM_STATE,
    PARAM_INCOMPLETE,
    PARAM_ROOTS,
    PARAM_CLASS,
    PARAM_CALLER,
    PARAM_CALLEE,
    PARAM_CALLER_COMPONENT,
    PARAM_CALLEE_COMPONENT,
    PARAM_SLOWEST,
    PARAM_LATEST,
    PARAM_ID,
    PARAM_CALL,
    PARAM_DEPTH,
    PARAM_LEVEL,
    PARAM_QUERY,
    PARAM_SORT,
    PARAM_ORDER,
    PARAM_LIMIT,
    PARAM_OFFSET,
    PARAM_NEXT,
    PARAM_FORMAT,
    PARAM_TO,
    PARAM_OUT,
    PARAM_COMPRESS,
    PARAM_LOG,
    PARAM_FOLLOW,
    PARAM_RECORDS,
    PARAM_TYPE,
    PARAM_FIELD,
    PARAM_SERIES,
    PARAM_BUCKET,
    PARAM_BY,
    PARAM_ACTION,
    PARAM_JVM,
    PARAMS
};

/*
 * Levels of a tree in one answer, at most and unless others are asked for; what is deeper is summed
 * up, and `call` shows it. A level of calls is two of JSON's: jansson reads 2,048 of these,
 * Python's json as it comes some 990.
 */
#define REQUEST_DEPTH_MAX 1000
#define REQUEST_DEPTH 400

#define PARAM_BIT(param) (UINT64_C(1) << (param))

struct param {
    const char *name;
    enum param_type type;
    int bare; /* it may come without a value: a flag, or a number that has a default */
    const char *doc, *example;
    const char *const *choices; /* of a TYPE_CHOICE, up to a NULL; NULL here: they are the verb's,
                                   see param_choices */
    uint64_t minimum, maximum;  /* of a TYPE_NUMBER; of `limit` see the verb */
};

extern const struct param params[PARAMS]; /* by param_id */

struct request;
struct page;
struct place;
struct column;

/* Where an answer goes that is written as it is found; see verb.write. */
struct outlet {
    FILE *out;
    const char *directory; /* for forms that are directories: where these go; NULL: nowhere */
    enum packing packing;  /* of the files there */
    const char *type;      /* of what goes to `out`: set before the first byte */
    /* What is left out, and how far it has come; may be NULL. */
    void (*say)(void *context, const char *sentence);
    void (*made)(void *context, const char *path); /* a directory */
    void (*progress)(void *context, uint64_t traces);
    void *context;
    uint64_t traces, records, lost, lost_traces; /* lost: sentences said */
};

/* What the command line says to a verb that does something. */
struct worksite {
    const char *database;      /* NULL: where it is by default */
    const struct place *place; /* see query/source.h */
    const char *const *words;
    size_t word_count;
    /* Puts the request to a running collector; see source_ask. */
    json_t *(*server)(
        const struct place *place, struct request *request, const char *const *change);
};

struct verb {
    const char *name, *doc, *noun; /* noun: of what there are rows, "traces" */
    uint64_t takes,
        needs;     /* parameters, by PARAM_BIT; needs: those without which there is no answer */
    uint64_t here; /* parameters that only the command line has, not the API */
    int argument;  /* the parameter that a plain word on the command line gives; -1: none */
    int many;      /* any number of such words, not one */
    const char *const *sorts; /* choices of `sort`, up to a NULL; the first is the default */
    const char *const
        *formats; /* choices of `format`, up to a NULL; the first is the API's default */
    uint64_t limit, limit_max; /* what `limit` is by default and at most; 0: the verb takes none */
    const char *rows;          /* the keys of a row, for the API's description */
    const struct column *columns; /* of the text and of CSV, see query/column.h */

    /* The answer, a new reference, or NULL after request_refuse. */
    json_t *(*answer)(struct request *request, struct store_reader *reader);

    /* Prints an answer for people. */
    void (*print)(const struct request *request, const json_t *answer, struct page *page);

    /* Of a verb whose answer may be larger than memory, instead of these two: writes it. 0, or -1
     * after request_refuse; what was written by then is worth nothing. */
    int (*write)(struct request *request, struct store_reader *reader, struct outlet *outlet);

    /* Of a verb that changes the database, which the command line alone has, instead of all these:
     * does it, and says on standard error what is to be said. 0; 1 when something is left out; -1
     * after request_refuse. */
    int (*work)(struct request *request, const struct worksite *site);

    /* Of a verb that is asked of a running program, which the command line alone has, instead of
     * `answer`: the answer, a new reference, with what is to be said besides on standard error; or
     * NULL after request_refuse. */
    json_t *(*ask)(struct request *request, const struct worksite *site);
};

extern const struct verb *const verbs[]; /* up to a NULL, in the order of the help */

/* NULL if there is none of this name. */
const struct verb *verb_find(const char *name);

/* The verb that somebody who wrote `name` may have meant, or NULL. */
const struct verb *verb_nearest(const char *name);

/* The choices of a parameter of a verb, up to a NULL; NULL if it is none of choices. */
const char *const *param_choices(const struct param *param, const struct verb *verb);

/* The parameter of this name, or NULL. */
const struct param *param_find(const char *name);

/* The type's name in the help ("DURATION") and, of the API's description, in a JSON schema
 * ("string", "integer", "boolean"). */
const char *param_type_metavar(enum param_type type);
const char *param_type_schema(enum param_type type);

struct request {
    const struct verb *verb;
    uint64_t given; /* parameters that were set, by PARAM_BIT */
    struct {
        const char
            *text; /* as it was given; of a TYPE_CHOICE: the verb's or parameter's own spelling */
        int64_t number; /* ns, ns since 1970, the number, 0 or 1, the choice's index; of a TYPE_NODE
                           nothing */
    } values[PARAMS];
    int64_t now;     /* ns since 1970: what "5m ago" is counted from */
    int status;      /* 0, or of the first error: 400 wrong request, 404 not found, 500 our fault or
                        damaged data */
    char error[512]; /* the sentence */
    struct arena arena;
};

/* Begins a request of `verb` at time `now`; then request_fini is due in any case. */
void request_init(struct request *request, const struct verb *verb, int64_t now);
void request_fini(struct request *request);

/* Sets a parameter; `value` NULL: it was given without one. 0, or -1: see status and error; once
 * set, these stay. */
int request_set(struct request *request, const char *name, const char *value);

/* Whether it was given; its text (NULL if not); its number or, if it was not given, `otherwise`. */
int request_has(const struct request *request, enum param_id param);
const char *request_text(const struct request *request, enum param_id param);
int64_t request_number(const struct request *request, enum param_id param, int64_t otherwise);

/* The verb's limit, unless another was given. */
uint64_t request_limit(const struct request *request);

/* The filters among the values; strings are lent by the request. */
struct store_filter request_filter(const struct request *request);

/* Says why there is no answer; the first time counts. Returns NULL, as an answer function then
 * does. */
json_t *request_refuse(struct request *request, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether the values fit together and nothing that the verb needs is missing; request_answer looks
 * too. 0, or -1. */
int request_check(struct request *request);

/* Of a query that was ended (store_reader_was_ended) the status is 503, and the sentence says why.
 * Part of request_answer. */
void request_note_end(struct request *request, const struct store_reader *reader);

/* The answer, a new reference; NULL: see status and error (set also when memory was short). */
json_t *request_answer(struct request *request, struct store_reader *reader);

struct reply {
    int status;       /* 200 or an error's */
    const char *type; /* of the content, static */
    char *
        bytes; /* malloc'ed, the caller's; NULL only when memory is short, then the status is 500 */
    size_t size;
};

/* Answer and print in the `format` that was asked for; an error as {"error": sentence}. */
void request_reply(struct request *request, struct store_reader *reader, struct reply *reply);

#endif
