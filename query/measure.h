/* SPDX-License-Identifier: Apache-2.0 */
/* Durations and points in time as people write them. */
#ifndef KIEKER_QUERY_MEASURE_H
#define KIEKER_QUERY_MEASURE_H

#include <stddef.h>
#include <stdint.h>

/* "10ms", "1.5s": a number with a unit, in ns. 0, or -1 with the second half of a sentence in
 * `why`: "has no unit". */
int measure_duration(const char *text, int64_t *ns, char *why, size_t size);

/* "5m" (ago), "now", "2026-03-01T12:00:00.5Z" (without a zone: local), "@1772366400.5", in ns since
 * 1970. As above. */
int measure_time(const char *text, int64_t now, int64_t *at, char *why, size_t size);

#endif
