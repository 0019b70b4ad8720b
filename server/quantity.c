/* SPDX-License-Identifier: Apache-2.0 */
#include "server/quantity.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* From the largest down. */
static const struct unit counts[] = {{"", 1}, {NULL, 0}};
static const struct unit durations[] = {{"d", INT64_C(86400000000000)},
    {"h", INT64_C(3600000000000)}, {"m", INT64_C(60000000000)}, {"s", 1000000000}, {"ms", 1000000},
    {"us", 1000}, {"ns", 1}, {NULL, 0}};
static const struct unit sizes[] = {
    {"T", INT64_C(1) << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"B", 1}, {NULL, 0}};

static const struct {
    const struct unit *units;
    const char *how;
} quantities[] = {
    [QUANTITY_COUNT] = {counts, "a whole number"},
    [QUANTITY_DURATION] = {durations, "a duration with its unit (ns us ms s m h d), such as 300ms"},
    [QUANTITY_SIZE] = {sizes, "a size with its unit (B K M G T), such as 4M"},
};

int quantity_parse(
    enum quantity quantity, const char *text, int64_t *value, char *error, size_t error_size)
{
    char *end = NULL;
    /* Not for "nan", "inf", "0x1", "-1": only digits may begin. */
    double number = isdigit((unsigned char)*text) && tolower((unsigned char)text[1]) != 'x'
                        ? strtod(text, &end)
                        : -1;

    for (const struct unit *unit = quantities[quantity].units; number >= 0 && unit->name; unit++) {
        double scaled = number * (double)unit->factor;

        if (strcmp(end, unit->name) != 0)
            continue;
        if (scaled >= 9e18 || floor(scaled) != scaled)
            break;
        *value = (int64_t)scaled;
        return 0;
    }
    snprintf(error, error_size, "\"%.40s\" is not %s", text, quantities[quantity].how);
    return -1;
}

void quantity_print(enum quantity quantity, int64_t value, char *out, size_t size)
{
    const struct unit *unit = quantities[quantity].units;

    while (unit->factor > 1 && (value == 0 || value % unit->factor != 0))
        unit++;
    snprintf(out, size, "%" PRId64 "%s", value / unit->factor, unit->name);
}
