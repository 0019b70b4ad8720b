/* SPDX-License-Identifier: Apache-2.0 */
#include "query/log_known.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/logs/logdir.h"

#define IMPORTED "imported" /* is 1 as soon as anything was */

/* A file that may be this one. */
struct candidate {
    char key[KNOWN_KEY_MAX];
    uint64_t records, digest; /* of lines that have an end */
    uint64_t unended;         /* records of others: one or none */
};

struct looking {
    struct logdir *log;
    const char *name;
    struct candidate candidates[KNOWN_ALIKE_MAX];
    unsigned candidate_count;
    uint64_t records, digest;     /* that were read */
    const struct candidate *same; /* the one that has most of it */
};

static void mix(uint64_t *sum, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *sum = (*sum ^ ((const unsigned char *)bytes)[i]) * 0x100000001B3u;
}

uint64_t known_digest(uint64_t digest, const struct record *record)
{
    struct record_cursor cursor = {.record = record};

    digest ^= 0xCBF29CE484222325u;
    mix(&digest, record->type->name, strlen(record->type->name));
    mix(&digest, &record->logged, sizeof(record->logged));
    while (record_next_value(&cursor)) {
        enum record_field_type type = field_element(record->type->fields[cursor.field].type);
        const struct registry_entry *entry;

        if (cursor.at == NULL)
            continue;
        if (type != FIELD_STR) {
            mix(&digest, cursor.at, field_width(type));
            continue;
        }
        entry = registry_get(record->registry, (int32_t)bytes_get32(cursor.at));
        if (entry)
            mix(&digest, entry->text, entry->length + 1);
    }
    return digest;
}

void known_key(char key[KNOWN_KEY_MAX], const char *name, uint64_t digest, unsigned alike)
{
    uint64_t sum = digest;

    mix(&sum, name, strlen(name));
    snprintf(key, KNOWN_KEY_MAX, IMPORTED " %016" PRIx64 "%016" PRIx64 " %u", digest, sum, alike);
}

static void other_key(char key[KNOWN_KEY_MAX], const char *of, const char *what)
{
    snprintf(key, KNOWN_KEY_MAX, "%.50s %s", of, what);
}

int known_note(struct assembler *assembler, const char *key, const struct known_state *state)
{
    char digest[KNOWN_KEY_MAX], unended[KNOWN_KEY_MAX];
    uint64_t is = state->is_unended ? state->before : state->digest;

    other_key(digest, key, "digest");
    other_key(unended, key, "unended");
    return assembler_note(assembler, IMPORTED, 1) < 0 ||
                   assembler_note(assembler, key, state->records) < 0 ||
                   assembler_note(assembler, digest, is & INT64_MAX) < 0 ||
                   assembler_note(assembler, unended, state->is_unended ? 1 : 0) < 0
               ? -1
               : 0;
}

/* Which files that were imported begin like this one; the key for one that none of them is. */
static int find_candidates(
    struct looking *looking, struct store *store, uint64_t first, char free_key[KNOWN_KEY_MAX])
{
    for (unsigned i = 0; i < KNOWN_ALIKE_MAX; i++) {
        struct candidate *candidate = &looking->candidates[i];
        char digest[KNOWN_KEY_MAX], unended[KNOWN_KEY_MAX];

        known_key(candidate->key, looking->name, first, i);
        memcpy(free_key, candidate->key, KNOWN_KEY_MAX);
        other_key(digest, candidate->key, "digest");
        other_key(unended, candidate->key, "unended");
        if (store_noted(store, candidate->key, &candidate->records) < 0)
            return -1;
        if (candidate->records == 0)
            break;
        if (store_noted(store, digest, &candidate->digest) < 0 ||
            store_noted(store, unended, &candidate->unended) < 0)
            return -1;
        candidate->records -= candidate->unended;
        if (candidate->records == 0)
            looking->same = candidate; /* its only record, which the key tells of */
        looking->candidate_count++;
    }
    return 0;
}

static int on_record(void *context, unsigned number, const struct record *record)
{
    struct looking *looking = context;

    if (strcmp(logdir_file(looking->log, number), looking->name) != 0)
        return 0;
    looking->digest = known_digest(looking->digest, record);
    looking->records++;
    for (unsigned i = 0; i < looking->candidate_count; i++)
        if (looking->candidates[i].records == looking->records &&
            looking->candidates[i].digest == (looking->digest & INT64_MAX))
            looking->same = &looking->candidates[i];
    return 0;
}

static void on_flaw(void *context, const char *file, uint64_t line, uint64_t byte, const char *why)
{
    (void)context, (void)file, (void)line, (void)byte, (void)why;
}

int known_look(struct known_file *known, struct store *store, const char *log, const char *name,
    uint64_t first, char *error, size_t error_size)
{
    struct looking looking = {.name = name};
    const struct logdir_sink sink = {on_record, on_flaw, NULL, &looking};

    *known = (struct known_file){.key = ""};
    if (find_candidates(&looking, store, first, known->key) < 0) {
        snprintf(error, error_size, "%s", store_error(store));
        return -1;
    }
    if (looking.candidate_count == 0)
        return 0;
    looking.log = logdir_open(log, error, error_size);
    if (looking.log == NULL)
        return -1;
    logdir_only(looking.log, name);
    if (logdir_read(looking.log, LOGDIR_ENDS, &sink) < 0) {
        snprintf(error, error_size, "memory is short, or the log is gone");
        logdir_close(looking.log);
        return -1;
    }
    logdir_close(looking.log);
    if (looking.same) {
        snprintf(known->key, KNOWN_KEY_MAX, "%s", looking.same->key);
        known->records = looking.same->records + looking.same->unended;
    }
    return 0;
}
