/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what an agent's peer says: read in pieces as the first byte says, and once more in
 * others. What must hold: both give the same texts and end in the same way, each text fits, and
 * room never runs out.
 */
#include "tests/fuzz/input.h"

#include "agent/core/answers.h"
#include "analysis/list.h"

struct heard {
    LIST(char *) texts;
    int last; /* of answers_next */
    int is_foreign;
};

static void read_all(struct heard *heard, const uint8_t *bytes, size_t size, size_t piece)
{
    static struct answers answers;
    char text[TALK_TEXT_MAX + 1];

    answers_begin(&answers);
    heard->last = 0;
    while (size > 0 && heard->last >= 0) {
        size_t room, some;
        unsigned char *to = answers_room(&answers, &room);

        must(room > 0);
        some = piece < room ? piece : room;
        some = some < size ? some : size;
        memcpy(to, bytes, some);
        answers_put(&answers, some);
        bytes += some;
        size -= some;
        while ((heard->last = answers_next(&answers, text)) > 0) {
            must(list_add(&heard->texts) != NULL);
            heard->texts.items[heard->texts.count - 1] = strdup(text);
        }
    }
    heard->is_foreign = answers.is_foreign;
    must(!answers.is_foreign || heard->texts.count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct heard one = {.last = 0}, other = {.last = 0};

    if (size < 1)
        return 0;
    read_all(&one, bytes + 1, size - 1, 1u + bytes[0]);
    read_all(&other, bytes + 1, size - 1, SIZE_MAX);
    must(one.texts.count == other.texts.count && one.last == other.last);
    must(one.is_foreign == other.is_foreign);
    for (size_t i = 0; i < one.texts.count; i++) {
        must(strcmp(one.texts.items[i], other.texts.items[i]) == 0);
        free(one.texts.items[i]);
        free(other.texts.items[i]);
    }
    list_fini(&one.texts);
    list_fini(&other.texts);
    return 0;
}
