/* SPDX-License-Identifier: Apache-2.0 */
#include "record/logs/packfile.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_SIZE (256u << 10)

struct packfile {
    FILE *file;
    struct archive *archive; /* NULL: not packed */
    int failed;
    char error[200];
};

const char *packing_suffix(enum packing packing)
{
    static const char *const suffixes[PACKINGS] = {"", ".gz", ".xz", ".zip"};

    return suffixes[packing];
}

static int fail(struct packfile *file)
{
    const char *why = file->archive ? archive_error_string(file->archive) : strerror(errno);

    if (!file->failed)
        snprintf(file->error, sizeof(file->error), "%s", why ? why : "memory is short");
    file->failed = 1;
    return -1;
}

/* The one file in it; only a zip archive knows its name. */
static int put_entry(struct packfile *file, const char *path, enum packing packing)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    struct archive_entry *entry = archive_entry_new();
    char *inner = strndup(name, strlen(name) - strlen(packing_suffix(packing)));
    int result = -1;

    if (entry && inner) {
        archive_entry_set_pathname(entry, inner);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        result = archive_write_header(file->archive, entry) == ARCHIVE_OK ? 0 : -1;
    }
    archive_entry_free(entry);
    free(inner);
    return result;
}

static int begin(struct packfile *file, const char *path, enum packing packing)
{
    struct archive *archive = file->archive = archive_write_new();
    int result;

    if (archive == NULL)
        return -1;
    result = packing == PACKING_ZIP  ? archive_write_set_format_zip(archive)
             : packing == PACKING_XZ ? archive_write_add_filter_xz(archive)
                                     : archive_write_add_filter_gzip(archive);
    if (result == ARCHIVE_OK && packing != PACKING_ZIP)
        result = archive_write_set_format_raw(archive);
    archive_write_set_bytes_in_last_block(archive, 1);
    if (result != ARCHIVE_OK || archive_write_open_FILE(archive, file->file) != ARCHIVE_OK)
        return -1;
    return put_entry(file, path, packing);
}

struct packfile *packfile_make(
    const char *path, enum packing packing, char *error, size_t error_size)
{
    struct packfile *file = calloc(1, sizeof(*file));

    if (file)
        file->file = fopen(path, "wxe");
    if (file == NULL || file->file == NULL) {
        snprintf(error, error_size, "%s", file ? strerror(errno) : "memory is short");
        free(file);
        return NULL;
    }
    setvbuf(file->file, NULL, _IOFBF, BUFFER_SIZE);
    if (packing != PACKING_NONE && begin(file, path, packing) < 0)
        fail(file); /* told on closing */
    return file;
}

int packfile_write(struct packfile *file, const void *bytes, size_t size)
{
    if (file->failed)
        return -1;
    if (file->archive == NULL)
        return fwrite(bytes, 1, size, file->file) == size ? 0 : fail(file);
    return archive_write_data(file->archive, bytes, size) == (la_ssize_t)size ? 0 : fail(file);
}

const char *packfile_error(const struct packfile *file)
{
    return file->error;
}

int packfile_close(struct packfile *file, char *error, size_t error_size)
{
    int result;

    if (file->archive && archive_write_close(file->archive) != ARCHIVE_OK)
        fail(file);
    archive_write_free(file->archive);
    file->archive = NULL;
    if (fclose(file->file) != 0)
        fail(file);
    result = file->failed ? -1 : 0;
    snprintf(error, error_size, "%s", file->error);
    free(file);
    return result;
}
