/* SPDX-License-Identifier: Apache-2.0 */
#include "server/hello.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_session(const char *value, char session[TALK_SESSION_SIZE + 1])
{
    if (strlen(value) != TALK_SESSION_SIZE)
        return 0;
    for (const char *at = value; *at; at++)
        if (!isxdigit((unsigned char)*at))
            return 0;
    memcpy(session, value, TALK_SESSION_SIZE + 1);
    return 1;
}

static int read_number(const char *value, uint64_t *number)
{
    char *end;

    if (!isdigit((unsigned char)*value))
        return 0;
    errno = 0;
    *number = strtoull(value, &end, 10);
    /* Positions are stored as signed numbers. */
    return *end == '\0' && errno == 0 && *number <= INT64_MAX;
}

static void read_text(const char *value, char *text, size_t size)
{
    snprintf(text, size, "%.*s", (int)size - 1, value);
}

int hello_read(const char *text, struct hello *hello)
{
    const char *pairs = talk_is(text, TALK_AGENT);
    struct talk_pair pair;
    int is_right = 1;

    *hello = (struct hello){.position = 0};
    while (pairs && talk_next(&pairs, &pair)) {
        if (talk_has_key(&pair, "session"))
            is_right &= read_session(pair.value, hello->session);
        else if (talk_has_key(&pair, "position"))
            is_right &= read_number(pair.value, &hello->position);
        else if (talk_has_key(&pair, "registry"))
            is_right &= read_number(pair.value, &hello->registry);
        else if (talk_has_key(&pair, "probes"))
            is_right &= read_number(pair.value, &hello->probes);
        else if (talk_has_key(&pair, "pid"))
            read_text(pair.value, hello->pid, sizeof(hello->pid));
        else if (talk_has_key(&pair, "run"))
            read_text(pair.value, hello->run, sizeof(hello->run));
        else if (talk_has_key(&pair, "program"))
            read_text(pair.value, hello->program, sizeof(hello->program));
    }
    return is_right && hello->session[0] != '\0';
}
