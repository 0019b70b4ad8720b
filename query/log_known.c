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
    uint64_t records, digest;
};

struct file {
    struct candidate candidates[KNOWN_ALIKE_MAX];
    unsigned candidate_count;
    char free_key[KNOWN_KEY_MAX]; /* for one that none of them is */
    uint64_t records, digest;     /* that were read */
    const struct candidate *same; /* the one that has most of it */
};

struct looking {
    struct store *store;
    struct logdir *log;
    struct file *files;
    unsigned count;
    int failed;
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

static void digest_key(char key[KNOWN_KEY_MAX], const char *of)
{
    snprintf(key, KNOWN_KEY_MAX, "%.50s digest", of);
}

int known_note(struct assembler *assembler, const char *key, uint64_t records, uint64_t digest)
{
    char other[KNOWN_KEY_MAX];

    digest_key(other, key);
    return assembler_note(assembler, IMPORTED, 1) < 0 ||
                   assembler_note(assembler, key, records) < 0 ||
                   assembler_note(assembler, other, digest) < 0
               ? -1
               : 0;
}

/* Which files that were imported begin like this one. */
static int find_candidates(struct looking *looking, struct file *file, const char *name)
{
    for (unsigned i = 0; i < KNOWN_ALIKE_MAX; i++) {
        struct candidate *candidate = &file->candidates[i];
        char other[KNOWN_KEY_MAX];

        known_key(candidate->key, name, file->digest, i);
        digest_key(other, candidate->key);
        if (store_noted(looking->store, candidate->key, &candidate->records) < 0 ||
            store_noted(looking->store, other, &candidate->digest) < 0)
            return -1;
        if (candidate->records == 0) {
            memcpy(file->free_key, candidate->key, KNOWN_KEY_MAX);
            break;
        }
        file->candidate_count++;
    }
    return 0;
}

static int on_record(void *context, unsigned number, const struct record *record)
{
    struct looking *looking = context;
    struct file *file;

    if (number >= looking->count)
        return 0; /* it came meanwhile */
    file = &looking->files[number];
    file->digest = known_digest(file->digest, record);
    if (++file->records == 1 &&
        find_candidates(looking, file, logdir_file(looking->log, number)) < 0) {
        looking->failed = 1;
        return -1;
    }
    for (unsigned i = 0; i < file->candidate_count; i++)
        if (file->candidates[i].records == file->records &&
            file->candidates[i].digest == (file->digest & INT64_MAX))
            file->same = &file->candidates[i];
    return 0;
}

static void on_flaw(void *context, const char *file, uint64_t line, uint64_t byte, const char *why)
{
    (void)context, (void)file, (void)line, (void)byte, (void)why;
}

static unsigned count_files(const struct logdir *log)
{
    unsigned count = 0;

    while (logdir_file(log, count))
        count++;
    return count;
}

/* What was found out, by file. */
static void take_over(struct known *known, const struct looking *looking)
{
    for (unsigned i = 0; i < looking->count; i++) {
        const struct file *file = &looking->files[i];
        const struct candidate *same = file->same;

        snprintf(known->files[i].key, KNOWN_KEY_MAX, "%s", same ? same->key : file->free_key);
        known->files[i].records = same ? same->records : 0;
    }
}

static int look(struct known *known, struct looking *looking)
{
    const struct logdir_sink sink = {on_record, on_flaw, NULL, looking};

    looking->count = known->count = count_files(looking->log);
    looking->files = calloc(looking->count + 1, sizeof(*looking->files));
    known->files = calloc(known->count + 1, sizeof(*known->files));
    if (looking->files == NULL || known->files == NULL || logdir_read(looking->log, 1, &sink) < 0 ||
        looking->failed)
        return -1;
    take_over(known, looking);
    return 0;
}

int known_look(
    struct known *known, struct store *store, const char *log, char *error, size_t error_size)
{
    struct looking looking = {.store = store};
    uint64_t any;
    int result;

    *known = (struct known){0};
    if (store_noted(store, IMPORTED, &any) < 0) {
        snprintf(error, error_size, "%s", store_error(store));
        return -1;
    }
    if (any == 0)
        return 0;
    looking.log = logdir_open(log, error, error_size);
    if (looking.log == NULL)
        return -1;
    result = look(known, &looking);
    if (result < 0)
        snprintf(error, error_size, "%s",
            looking.failed ? store_error(store) : "memory is short, or the log is gone");
    logdir_close(looking.log);
    free(looking.files);
    return result;
}

void known_fini(struct known *known)
{
    free(known->files);
    known->files = NULL;
    known->count = 0;
}
