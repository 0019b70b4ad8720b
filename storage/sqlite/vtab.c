/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/vtab.h"

#include <stdlib.h>

int vtab_connect(
    sqlite3 *handle, struct store_reader *reader, const char *columns, sqlite3_vtab **vtab)
{
    int code = sqlite3_declare_vtab(handle, columns);
    struct vtab *new = code == SQLITE_OK ? sqlite3_malloc64(sizeof(*new)) : NULL;

    if (new == NULL)
        return code == SQLITE_OK ? SQLITE_NOMEM : code;
    sqlite3_vtab_config(handle, SQLITE_VTAB_INNOCUOUS);
    *new = (struct vtab){.reader = reader};
    *vtab = &new->base;
    return SQLITE_OK;
}

int vtab_disconnect(sqlite3_vtab *vtab)
{
    struct store_reader *reader = ((struct vtab *)vtab)->reader;

    /* The owner of a borrowed connection is about to close it: nothing of ours may be in use. */
    if (reader->borrowed)
        database_forget(&reader->database);
    sqlite3_free(vtab);
    return SQLITE_OK;
}

int vtab_failed(sqlite3_vtab *vtab)
{
    struct store_reader *reader = ((struct vtab *)vtab)->reader;

    sqlite3_free(vtab->zErrMsg);
    vtab->zErrMsg = sqlite3_mprintf("%s", store_reader_error(reader));
    return SQLITE_ERROR;
}

void vtab_text(sqlite3_context *context, const char *text)
{
    sqlite3_result_text(context, text, -1, SQLITE_STATIC);
}

static const struct {
    const char *name;
    const sqlite3_module *module;
} modules[] = {{"trace", &vtab_trace}, {"call", &vtab_call}, {"path_unpacked", &vtab_packed}};

int vtab_lend(struct store_reader *reader, sqlite3 *handle)
{
    int code = SQLITE_OK;

    for (size_t i = 0; code == SQLITE_OK && i < sizeof(modules) / sizeof(modules[0]); i++)
        code = sqlite3_create_module_v2(handle, modules[i].name, modules[i].module, reader, NULL);
    return code;
}

int vtab_register(struct store_reader *reader, void (*on_unload)(void *reader))
{
    sqlite3 *handle = reader->database.handle;
    int code = vtab_lend(reader, handle);

    /* Once more, with what is to be called: the last of its kind tells. */
    if (code == SQLITE_OK)
        return sqlite3_create_module_v2(handle, "call", &vtab_call, reader, on_unload);
    if (on_unload)
        on_unload(reader);
    return code;
}
