/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/extension.h"

#include "storage/sqlite/functions.h"
#include "storage/sqlite/schema.h"
#include "storage/sqlite/vtab.h"

static void on_unload(void *reader)
{
    reader_detach(reader);
}

static int refuse(struct store_reader *reader, char **error)
{
    *error = sqlite3_mprintf("%s", store_reader_error(reader));
    reader_detach(reader);
    return SQLITE_ERROR;
}

int sqlite3_kieker_init(sqlite3 *handle, char **error, const void *routines)
{
    struct store_reader *reader = reader_attach(handle);
    int version, code;

    (void)routines;
    if (reader == NULL)
        return SQLITE_NOMEM;
    if (schema_check(&reader->database, &version) < 0)
        return refuse(reader, error);
    if (version != schema_version()) {
        database_fail(&reader->database,
            "%s holds no traces of Kieker: open one that kieker-collector has made, then load",
            reader->database.location);
        return refuse(reader, error);
    }
    code = functions_register(handle);
    if (code == SQLITE_OK)
        code = vtab_register(reader, on_unload);
    else
        reader_detach(reader);
    return code;
}
