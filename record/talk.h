/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What our own agents and our collector say to each other: texts of registry entries, which every
 * other reader takes for strings that nobody uses. "kieker:NAME key=value ...": values are
 * percent-encoded, keys are lower-case words. Texts and keys that are not known are passed over.
 *
 * From an agent:
 *   kieker:agent version=2 language=python pid=123 run=NAME program=PATH session=HEX position=P
 *   registry=N        the first entry of every connection, id 0. A session is a stream that may go
 *                     on in another connection: N bytes of registry entries follow, which belong to
 *                     no position, then the stream's bytes from P on. P is 0 behind the first hello
 *   kieker:counters dropped_ring_full=5 …      now and then; numbers since the begin
 *   kieker:obeyed list=L operations=N off=M latest=K   it does as that list says: of N operations
 *                                              that there are M are not recorded, and K fit the
 *                                              list's last pattern
 *   kieker:end                                 nothing comes behind it; without it the agent may
 *                                              come back
 *   The hello has probes=L, too, where the agent does as list L says.
 *
 * From the collector, to an agent that has named a session, and to nobody else (a client that does
 * not read would have its connection reset); entries of id 0:
 *   kieker:committed position=C                all before C is in the store; at once after the
 *                                              hello, then after commits, the newest C alone
 *   kieker:unknown position=C                  the session has C, less than P, or cannot go on: the
 *                                              agent has to begin a new one, on a new connection
 *   kieker:probes list=L                       which operations are to be recorded: the patterns
 *   kieker:activate pattern=P                  (record/pattern.h), of which the last that fits
 *   kieker:deactivate pattern=P                counts, up to
 *   kieker:obey list=L                         the end: they take the place of all former ones. At
 *                                              once after the hello, if there are any, or if the
 *                                              agent has some; and whenever they change
 */
#ifndef KIEKER_RECORD_TALK_H
#define KIEKER_RECORD_TALK_H

#include <stddef.h>

#define TALK_AGENT "kieker:agent"
#define TALK_COUNTERS "kieker:counters"
#define TALK_OBEYED "kieker:obeyed"
#define TALK_END "kieker:end"
#define TALK_COMMITTED "kieker:committed"
#define TALK_UNKNOWN "kieker:unknown"
#define TALK_PROBES "kieker:probes"
#define TALK_ACTIVATE "kieker:activate"
#define TALK_DEACTIVATE "kieker:deactivate"
#define TALK_OBEY "kieker:obey"

#define TALK_SESSION_SIZE 32 /* hexadecimal digits */
#define TALK_TEXT_MAX 4096   /* bytes of a text */
#define TALK_VALUE_MAX 1024
#define TALK_PATTERNS_MAX 200u /* of a list */

struct talk_pair {
    const char *key; /* into the text */
    size_t key_length;
    char value[TALK_VALUE_MAX]; /* decoded; a longer one is cut */
};

/* The pairs of a text (NUL-terminated) with that name; NULL when its name is another. */
const char *talk_is(const char *text, const char *name);

/* Takes the next key=value off *text. 1, or 0 when there is none. Words without "=" are passed
 * over. */
int talk_next(const char **text, struct talk_pair *pair);

/* Whether the pair has that key. */
int talk_has_key(const struct talk_pair *pair, const char *key);

/* Writes the value percent-encoded at `at`, of 3 bytes a character at most and a NUL; returns the
 * place of the NUL. */
char *talk_encode(char *at, const char *value);

#endif
