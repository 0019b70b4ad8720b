/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/answers.h"

#include <string.h>

#include "record/bytes.h"

void answers_begin(struct answers *answers)
{
    answers->at = answers->used = 0;
    answers->heard = answers->is_foreign = 0;
}

unsigned char *answers_room(struct answers *answers, size_t *size)
{
    /* What is not taken yet is less than an entry, and the largest one fits. */
    memmove(answers->bytes, answers->bytes + answers->at, answers->used - answers->at);
    answers->used -= answers->at;
    answers->at = 0;
    *size = sizeof(answers->bytes) - answers->used;
    return answers->bytes + answers->used;
}

void answers_put(struct answers *answers, size_t size)
{
    answers->used += size;
    if (answers->is_foreign)
        answers->at = answers->used;
}

static int refuse(struct answers *answers)
{
    if (answers->heard)
        return -1;
    answers->is_foreign = 1;
    answers->at = answers->used;
    return 0;
}

int answers_next(struct answers *answers, char text[TALK_TEXT_MAX + 1])
{
    const unsigned char *at = answers->bytes + answers->at;
    size_t there = answers->used - answers->at;
    uint32_t size;

    if (there >= 4 && bytes_get32(at) != UINT32_MAX)
        return refuse(answers);
    if (there < ANSWERS_HEAD)
        return 0;
    size = bytes_get32(at + 8);
    if (bytes_get32(at + 4) != 0 || size > TALK_TEXT_MAX)
        return refuse(answers);
    if (there < ANSWERS_HEAD + size)
        return 0;
    memcpy(text, at + ANSWERS_HEAD, size);
    text[size] = '\0';
    answers->at += ANSWERS_HEAD + size;
    answers->heard = 1;
    return 1;
}
