/* SPDX-License-Identifier: Apache-2.0 */
#include "query/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Three digits, rounded: 1.23, 12.3, 123. The value is below 999.5 or has no larger unit. */
static void three_digits(double value, const char *unit, char text[UNITS_SIZE])
{
    int places = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;

    snprintf(text, UNITS_SIZE, "%.*f %s", places, value, unit);
}

void units_duration(int64_t ns, int utf8, char text[UNITS_SIZE])
{
    static const struct {
        double ns, until;
        const char *name;
    } steps[] = {{1e3, 999.5, "us"}, {1e6, 999.5, "ms"}, {1e9, 999.5, "s"}, {60e9, 99.95, "min"},
        {3600e9, 0, "h"}};
    double magnitude = ns < 0 ? -(double)ns : (double)ns;
    size_t i = 0;

    if (magnitude < 1000) {
        snprintf(text, UNITS_SIZE, "%" PRId64 " ns", ns);
        return;
    }
    while (steps[i].until != 0 && magnitude / steps[i].ns >= steps[i].until)
        i++;
    three_digits(
        magnitude / steps[i].ns, i == 0 && utf8 ? "\xc2\xb5s" : steps[i].name, text + (ns < 0));
    if (ns < 0)
        text[0] = '-';
}

void units_count(int64_t count, char text[UNITS_SIZE])
{
    char digits[24];
    size_t length, to = 0;

    snprintf(digits, sizeof(digits), "%" PRId64, count);
    length = strlen(digits);
    for (size_t i = 0; i < length; i++) {
        if (i > (size_t)(count < 0) && (length - i) % 3 == 0)
            text[to++] = ' ';
        text[to++] = digits[i];
    }
    text[to] = '\0';
}

void units_bytes(int64_t bytes, char text[UNITS_SIZE])
{
    static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes / 1024;
    size_t i = 0;

    if (bytes < 1024) {
        snprintf(text, UNITS_SIZE, "%" PRId64 " B", bytes);
        return;
    }
    while (value >= 999.5 && i + 1 < sizeof(names) / sizeof(names[0])) {
        value /= 1024;
        i++;
    }
    three_digits(value, names[i], text);
}

void units_time(int64_t at, char text[UNITS_SIZE])
{
    time_t seconds = (time_t)(at / 1000000000);
    int64_t rest = at % 1000000000;
    struct tm tm;

    if (rest < 0) {
        rest += 1000000000;
        seconds--;
    }
    if (localtime_r(&seconds, &tm) == NULL ||
        strftime(text, UNITS_SIZE, "%Y-%m-%d %H:%M:%S", &tm) == 0) {
        snprintf(text, UNITS_SIZE, "?");
        return;
    }
    snprintf(text + strlen(text), UNITS_SIZE - strlen(text), ".%03d", (int)(rest / 1000000));
}
