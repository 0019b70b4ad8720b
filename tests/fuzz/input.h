/* SPDX-License-Identifier: Apache-2.0 */
/* A fuzz target's input, taken piece by piece; behind its end there are zeros. */
#ifndef KIEKER_TESTS_FUZZ_INPUT_H
#define KIEKER_TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a fuzzer, or replay.c, calls. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* An invariant. Told apart from an assertion of the code under test, and there in every build. */
#define must(holds)                                                                                \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #holds);             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct input {
    const uint8_t *at, *end;
};

static inline size_t input_left(const struct input *input)
{
    return (size_t)(input->end - input->at);
}

static inline uint8_t input_byte(struct input *input)
{
    return input->at < input->end ? *input->at++ : 0;
}

static inline uint64_t input_number(struct input *input, unsigned bytes)
{
    uint64_t number = 0;

    while (bytes-- > 0)
        number = number << 8 | input_byte(input);
    return number;
}

/* Up to `stop`, or to the input's end: a copy with a NUL behind it, for the caller to free. Zero
 * bytes within end the text. */
static inline char *input_text(struct input *input, uint8_t stop)
{
    const uint8_t *from = input->at, *end = from;
    char *text;

    while (end < input->end && *end != stop)
        end++;
    input->at = end < input->end ? end + 1 : end;
    text = malloc((size_t)(end - from) + 1);
    must(text != NULL);
    if (end > from)
        memcpy(text, from, (size_t)(end - from));
    text[end - from] = '\0';
    return text;
}

#endif
