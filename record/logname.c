/* SPDX-License-Identifier: Apache-2.0 */
#include "record/logname.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define PART_MAX 200 /* bytes of a host's or a controller's name */

/* yyyyMMdd-HHmmss, in UTC. */
static void put_time(char *text, size_t size, int64_t at)
{
    time_t seconds = (time_t)(at / 1000000000);
    struct tm parts;

    if (gmtime_r(&seconds, &parts) == NULL || strftime(text, size, "%Y%m%d-%H%M%S", &parts) == 0)
        snprintf(text, size, "19700101-000000");
}

static void put_part(char *to, const char *from)
{
    size_t length = 0;

    for (; from[length] != '\0' && length < PART_MAX; length++) {
        char c = from[length];

        to[length] = (char)(c == '/' || (c >= 0 && c <= ' ') || c == 0x7F ? '_' : c);
    }
    to[length] = '\0';
}

void logname_directory(
    char name[LOGNAME_MAX], int64_t at, uint64_t nonce, const char *host, const char *controller)
{
    char moment[40], place[PART_MAX + 1], who[PART_MAX + 1];

    put_time(moment, sizeof(moment), at < 0 ? 0 : at);
    put_part(place, host);
    put_part(who, controller);
    snprintf(name, LOGNAME_MAX, "kieker-%s-%llu-UTC-%s-%s", moment, (unsigned long long)nonce,
        place, who);
}

void logname_records(char name[LOGNAME_MAX], int64_t at, unsigned number, const char *suffix)
{
    char moment[40];

    at = at < 0 ? 0 : at;
    put_time(moment, sizeof(moment), at);
    snprintf(name, LOGNAME_MAX, "kieker-%s%03d-UTC-%03u%s", moment, (int)(at / 1000000 % 1000),
        number, suffix);
}
