/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/hello.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "record/talk.h"

/* Appends " key=value" with the value percent-encoded; nothing for an empty value or when it does
 * not fit. */
static size_t add_pair(char *to, size_t used, const char *key, const char *value)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";

    if (value[0] == '\0' || used + strlen(key) + 3 * strlen(value) + 3 > HELLO_MAX)
        return used;
    used += (size_t)sprintf(to + used, " %s=", key);
    for (; *value != '\0'; value++) {
        if (strchr(plain, *value) != NULL)
            to[used++] = *value;
        else
            used += (size_t)sprintf(to + used, "%%%02X", (unsigned char)*value);
    }
    to[used] = '\0';
    return used;
}

void hello_make(char text[HELLO_MAX], const char *language, const char *run, const char *program)
{
    char pid[24];
    size_t used = (size_t)sprintf(text, TALK_AGENT " version=2");

    snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    used = add_pair(text, used, "language", language);
    used = add_pair(text, used, "pid", pid);
    used = add_pair(text, used, "run", run);
    add_pair(text, used, "program", program);
}
