/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as files of Kieker's record language: those of one input end at zero bytes, and may name
 * each other's types. What must hold: it ends, and what is refused has a sentence that names the
 * file. Types that were added stay, as in a program: one input may find those of another.
 */
#include "tests/fuzz/input.h"

#include "record/irl.h"
#include "record/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = {bytes, bytes + size};
    struct irl *irl = irl_new();
    int whole = 1;

    must(irl != NULL);
    while (input_left(&input) > 0 && whole) {
        char *text = input_text(&input, 0);

        whole = irl_read_text(irl, "a.irl", text, strlen(text)) == 0;
        free(text);
    }
    whole = whole && irl_finish(irl) == 0;
    must(whole || strlen(irl_error(irl)) > 0);
    irl_free(irl);
    return 0;
}
