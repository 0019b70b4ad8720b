/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a Kieker log: lines of its map up to a zero byte, then lines of a text file up to
 * another, then what a Data Bridge has sent. What must hold: reading ends, a record's fields are
 * its bytes, and one that is written as a line of text is read as the same record,
 * which is written alike.
 */
#include "tests/fuzz/input.h"

#include "record/logfile.h"
#include "record/logtext.h"

static void check_record(const struct record *record)
{
    struct record_cursor cursor = {.record = record};

    while (record_next_value(&cursor) > 0)
        if (cursor.at && field_element(record->type->fields[cursor.field].type) == FIELD_STR)
            must(registry_get(record->registry, (int32_t)bytes_get32(cursor.at)) != NULL);
    must(record->type->field_count == 0 || cursor.next == record->fields + record->size);
}

/* As a line of text: written within its bound, one line, and read again as a record of that type.
 */
static void write_again(const struct record *record, const struct registry *map, int32_t class)
{
    size_t most = logfile_text_max(record);
    char *line = malloc(most), *end;
    struct logtext again;
    char *second;

    must(line != NULL);
    end = logfile_put_text(line, record, (uint32_t) class, record->logged);
    must(end > line && (size_t)(end - line) <= most && end[-1] == '\n');
    must(memchr(line, '\n', (size_t)(end - line) - 1) == NULL);
    logtext_init(&again, map);
    if (class >= 0 && registry_get(map, class) && registry_get(map, class)->type == record->type &&
        record->type->role != ROLE_EXECUTION) {
        must(logtext_line(&again, line, (size_t)(end - line) - 1) == LOGTEXT_RECORD);
        must(again.record->type == record->type && again.record->logged == record->logged);
        second = malloc(logfile_text_max(again.record));
        must(second != NULL);
        must(logfile_put_text(second, again.record, (uint32_t) class, record->logged) - second ==
             end - line);
        must(memcmp(line, second, (size_t)(end - line)) == 0);
        free(second);
    }
    logtext_fini(&again);
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = {bytes, bytes + size};
    struct registry map;
    struct logtext text;
    char *all = input_text(&input, 0), *line, *rest = all;
    const unsigned char *at;

    registry_init(&map);
    while ((line = strsep(&rest, "\n")) != NULL)
        if (logtext_map_line(&map, line, strlen(line)) < 0)
            break;
    free(all);
    logtext_init(&text, &map);
    all = rest = input_text(&input, 0);
    while ((line = strsep(&rest, "\n")) != NULL) {
        enum logtext_result result = logtext_line(&text, line, strlen(line));

        logtext_begins(line, strlen(line));
        if (result == LOGTEXT_WRONG)
            must(text.error[0] != '\0');
        if (result == LOGTEXT_RECORD) {
            check_record(text.record);
            write_again(text.record, &map, (int32_t)strtol(line + (*line == '$'), NULL, 10));
        }
    }
    free(all);
    for (at = input.at; at < input.end;) {
        const unsigned char *before = at;

        if (logtext_bridge(&text, &at, input.end) != LOGTEXT_RECORD)
            break;
        must(at > before && at <= input.end);
        check_record(text.record);
    }
    logtext_fini(&text);
    registry_fini(&map);
    return 0;
}
