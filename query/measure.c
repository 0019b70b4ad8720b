/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* strptime, timegm */

#include "query/measure.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)

/* Units of durations; a point in time may also be days ago. */
static const struct {
    const char *name;
    int64_t ns;
} units[] = {
    {"ns", 1},
    {"us", 1000},
    {"\xc2\xb5s", 1000}, /* micro sign */
    {"\xce\xbcs", 1000}, /* Greek mu */
    {"ms", 1000000},
    {"s", NS_PER_S},
    {"m", 60 * NS_PER_S},
    {"min", 60 * NS_PER_S},
    {"h", 3600 * NS_PER_S},
    {"d", 24 * 3600 * NS_PER_S},
};

/* A decimal number at the beginning of `text`: its digits as a whole number and how many of them
 * are behind the point. */
static const char *scan_decimal(const char *text, uint64_t *digits, unsigned *places)
{
    int point = 0;
    const char *at = text;

    *digits = 0;
    *places = 0;
    for (; isdigit((unsigned char)*at) || (*at == '.' && !point && isdigit((unsigned char)at[1]));
         at++) {
        if (*at == '.') {
            point = 1;
            continue;
        }
        if (point && *places >= 9)
            continue; /* finer than can matter */
        if (*digits > (UINT64_MAX - 9) / 10)
            return NULL;
        *digits = *digits * 10 + (uint64_t)(*at - '0');
        *places += point;
    }
    return at == text ? NULL : at;
}

/* digits / 10^places * scale; -1 when it is more than fits. */
static int64_t scaled(uint64_t digits, unsigned places, int64_t scale)
{
    unsigned __int128 value = (unsigned __int128)digits * (uint64_t)scale;

    for (; places > 0; places--)
        value /= 10;
    return value > INT64_MAX ? -1 : (int64_t)value;
}

int measure_duration(const char *text, int64_t *ns, char *why, size_t size)
{
    uint64_t digits;
    unsigned places;
    const char *unit = scan_decimal(text, &digits, &places);

    if (unit == NULL) {
        snprintf(why, size, "is not a number with a unit (ns us ms s m h)");
        return -1;
    }
    if (*unit == '\0') {
        snprintf(why, size, "has no unit (ns us ms s m h)");
        return -1;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(unit, units[i].name) != 0)
            continue;
        *ns = scaled(digits, places, units[i].ns);
        if (*ns >= 0)
            return 0;
        snprintf(why, size, "is longer than 292 years");
        return -1;
    }
    snprintf(why, size, "has an unknown unit: there are ns us ms s m h");
    return -1;
}

/* "Z", "+02:00", "+0200" or nothing, which is local time. */
static int scan_zone(const char *text, struct tm *tm, time_t *seconds)
{
    int hours, minutes, length = 0;
    char sign;

    if (*text == '\0') {
        tm->tm_isdst = -1;
        *seconds = mktime(tm);
        return 0;
    }
    *seconds = timegm(tm);
    if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
        return 0;
    if ((sscanf(text, "%c%2d:%2d%n", &sign, &hours, &minutes, &length) != 3 &&
            sscanf(text, "%c%2d%2d%n", &sign, &hours, &minutes, &length) != 3) ||
        text[length] != '\0' || (sign != '+' && sign != '-') || hours > 23 || minutes > 59)
        return -1;
    *seconds -= (sign == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
    return 0;
}

static int scan_iso(const char *text, int64_t *ns)
{
    struct tm tm = {0}, before;
    const char *at = strptime(text, "%Y-%m-%d", &tm);
    uint64_t digits = 0;
    unsigned places = 0;
    time_t seconds;
    int64_t fraction = 0;

    if (at == NULL)
        return -1;
    if (*at == 'T' || *at == 't' || *at == ' ') {
        const char *clock = at + 1;

        at = strptime(clock, "%H:%M:%S", &tm);
        if (at == NULL)
            at = strptime(clock, "%H:%M", &tm);
        if (at == NULL)
            return -1;
        if (*at == '.' && isdigit((unsigned char)at[1])) {
            char zero[32];

            snprintf(zero, sizeof(zero), "0%.30s", at);
            if (scan_decimal(zero, &digits, &places) == NULL)
                return -1;
            fraction = scaled(digits, places, NS_PER_S);
            at += 1 + strspn(at + 1, "0123456789");
        }
    }
    before = tm;
    if (scan_zone(at, &tm, &seconds) < 0 || tm.tm_mday != before.tm_mday)
        return -1; /* mktime turned it into another day: there is no 31st of June */
    if (seconds < 0 || seconds > INT64_MAX / NS_PER_S - 1)
        return -1;
    *ns = seconds * NS_PER_S + fraction;
    return 0;
}

int measure_time(const char *text, int64_t now, int64_t *at, char *why, size_t size)
{
    uint64_t digits;
    unsigned places;
    const char *end;

    if (*text == '@') {
        end = scan_decimal(text + 1, &digits, &places);
        *at = end != NULL && *end == '\0' ? scaled(digits, places, NS_PER_S) : -1;
    } else if (strcmp(text, "now") == 0) {
        *at = now;
    } else if (strlen(text) > 5 && text[4] == '-') {
        if (scan_iso(text, at) < 0)
            *at = -1;
    } else if (measure_duration(text, at, why, size) == 0) {
        *at = *at < now ? now - *at : 0;
    } else {
        snprintf(why, size,
            "is not a time: it is written as an age (5m, 2h, 1d), as 2026-03-01T12:00, or as "
            "@1772366400");
        return -1;
    }
    if (*at >= 0)
        return 0;
    snprintf(why, size, "is not a point in time");
    return -1;
}
