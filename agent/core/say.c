/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void say(const char *format, ...)
{
    char line[SAY_MAX];
    int used = snprintf(line, sizeof(line), "kieker: ");
    va_list values;

    va_start(values, format);
    used += vsnprintf(line + used, sizeof(line) - (size_t)used, format, values);
    va_end(values);
    if (used > SAY_MAX - 2)
        used = SAY_MAX - 2;
    line[used++] = '\n';
    if (write(STDERR_FILENO, line, (size_t)used) < 0)
        return; /* There is nobody left to tell. */
}
