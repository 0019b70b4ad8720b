/* SPDX-License-Identifier: Apache-2.0 */
/* The blocks that a query has in memory. */
#include "storage/sqlite/reading.h"
#include "storage/sqlite/salvage.h"

#define LEFT_OUT_MAX 65536

int read_leaves_out(struct store_reader *reader, int64_t id)
{
    int64_t *place;

    if (!reader->is_damage || reader->left_out.count >= LEFT_OUT_MAX)
        return 0;
    reader->is_damage = 0;
    for (size_t i = 0; i < reader->left_out.count; i++)
        if (reader->left_out.items[i] == id)
            return 1;
    place = list_add(&reader->left_out);
    if (place)
        *place = id;
    return place != NULL;
}

uint64_t store_left_out(struct store_reader *reader)
{
    uint64_t count = reader->left_out.count;

    reader->left_out.count = 0;
    return count;
}

int blocks_damaged(struct store_reader *reader, int64_t id)
{
    reader->is_damage = 1;
    return database_fail(&reader->database,
        "%s is damaged, block %lld of its traces cannot be read: " DATABASE_SALVAGE,
        reader->database.location, (long long)id);
}

static struct kept_block *longest_unused(struct store_reader *reader)
{
    struct kept_block *oldest = &reader->kept[0];

    for (int i = 0; i < BLOCKS_KEPT; i++) {
        if (reader->kept[i].id == 0)
            return &reader->kept[i];
        if (reader->kept[i].used < oldest->used)
            oldest = &reader->kept[i];
    }
    block_fini(&oldest->block);
    oldest->id = 0;
    return oldest;
}

struct block *blocks_get(struct store_reader *reader, int64_t id)
{
    struct kept_block *kept;
    sqlite3_stmt *statement;
    int got;

    for (int i = 0; i < BLOCKS_KEPT; i++)
        if (reader->kept[i].id == id) {
            reader->kept[i].used = ++reader->uses;
            return &reader->kept[i].block;
        }
    statement = read_statement(reader, READ_BLOCK, id);
    got = statement ? database_step(&reader->database, statement) : -1;
    if (got <= 0) {
        if (got == 0 || salvage_is_damage(&reader->database))
            blocks_damaged(reader, id);
        return NULL;
    }
    kept = longest_unused(reader);
    got = block_read(&kept->block, sqlite3_column_blob(statement, 0),
        (size_t)sqlite3_column_bytes(statement, 0));
    sqlite3_reset(statement);
    if (got < 0) {
        blocks_damaged(reader, id);
        return NULL;
    }
    kept->id = id;
    kept->used = ++reader->uses;
    return &kept->block;
}

int blocks_decode(
    struct store_reader *reader, int64_t id, struct block *block, enum block_column column)
{
    return block_decode(block, &reader->packer, column) < 0 ? blocks_damaged(reader, id) : 0;
}

int blocks_decode_all(struct store_reader *reader, int64_t id, struct block *block)
{
    return block_decode_all(block, &reader->packer) < 0 ? blocks_damaged(reader, id) : 0;
}

void blocks_drop(struct store_reader *reader)
{
    for (int i = 0; i < BLOCKS_KEPT; i++)
        if (reader->kept[i].id != 0) {
            block_fini(&reader->kept[i].block);
            reader->kept[i].id = 0;
        }
    reader->parts.block = 0;
}
