/* SPDX-License-Identifier: Apache-2.0 */
/* Figures as people read them. */
#ifndef KIEKER_QUERY_UNITS_H
#define KIEKER_QUERY_UNITS_H

#include <stddef.h>
#include <stdint.h>

#define UNITS_SIZE 48 /* enough for any of these */

/* "850 ns", "1.23 ms", "16.7 min": three digits; with `utf8` micro is µ, else u. */
void units_duration(int64_t ns, int utf8, char text[UNITS_SIZE]);

/* "103 421". */
void units_count(int64_t count, char text[UNITS_SIZE]);

/* "850 B", "4.56 MiB". */
void units_bytes(int64_t bytes, char text[UNITS_SIZE]);

/* Local time to the millisecond, ISO: "2026-03-01 12:00:00.250". */
void units_time(int64_t at, char text[UNITS_SIZE]);

#endif
