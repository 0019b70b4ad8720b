/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as people write them: counts ("10133"), durations ("300ms") and sizes ("4M", by 1024),
 * the latter always with a unit.
 */
#ifndef KIEKER_SERVER_QUANTITY_H
#define KIEKER_SERVER_QUANTITY_H

#include <stddef.h>
#include <stdint.h>

enum quantity { QUANTITY_COUNT, QUANTITY_DURATION /* ns */, QUANTITY_SIZE /* bytes */ };

/* Reads a quantity that is not negative. 0, or -1 with a sentence that shows how it is written. */
int quantity_parse(
    enum quantity quantity, const char *text, int64_t *value, char *error, size_t error_size);

/* As quantity_parse reads it, with the largest unit that leaves a whole number. */
void quantity_print(enum quantity quantity, int64_t value, char *out, size_t size);

#endif
