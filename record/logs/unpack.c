/* SPDX-License-Identifier: Apache-2.0 */
#include "record/logs/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define READ_SIZE (64u << 10)

struct unpack {
    struct archive *archive; /* NULL: the file is a zlib stream */
    FILE *file;
    z_stream zlib;
    int zlib_ended, given; /* given: its one file has been gone to */
    int is_plain;          /* read as it is, since unpack_skip */
    unsigned char bytes[READ_SIZE];
    char error[200];
};

/* RFC 1950: the method, then a number that makes both a multiple of 31. */
static int is_zlib(const unsigned char *head, size_t size)
{
    return size >= 2 && (head[0] & 0x0F) == 8 && head[0] >> 4 <= 7 &&
           (head[0] << 8 | head[1]) % 31 == 0;
}

static int open_archive(struct unpack *unpack)
{
    struct archive *archive = unpack->archive = archive_read_new();

    if (archive == NULL)
        return -1;
    archive_read_support_filter_gzip(archive);
    archive_read_support_filter_bzip2(archive);
    archive_read_support_filter_xz(archive);
    archive_read_support_filter_zstd(archive);
    archive_read_support_format_zip(archive);
    archive_read_support_format_raw(archive);
    archive_read_support_format_empty(archive);
    return archive_read_open_FILE(archive, unpack->file) == ARCHIVE_OK ? 0 : -1;
}

static const char *why(const struct unpack *unpack)
{
    const char *reason = unpack->archive ? archive_error_string(unpack->archive) : unpack->zlib.msg;

    return reason ? reason : "memory is short";
}

static int fail(struct unpack *unpack)
{
    snprintf(unpack->error, sizeof(unpack->error), "it cannot be unpacked: %s", why(unpack));
    return -1;
}

struct unpack *unpack_open(const char *path, char *error, size_t error_size)
{
    struct unpack *unpack = calloc(1, sizeof(*unpack));
    unsigned char head[2];
    size_t got;

    if (unpack == NULL || (unpack->file = fopen(path, "rbe")) == NULL) {
        snprintf(error, error_size, "%s", strerror(errno));
        free(unpack);
        return NULL;
    }
    got = fread(head, 1, sizeof(head), unpack->file);
    if (ferror(unpack->file)) {
        snprintf(error, error_size, "%s", strerror(errno));
        unpack_close(unpack);
        return NULL;
    }
    rewind(unpack->file);
    if (is_zlib(head, got) ? inflateInit(&unpack->zlib) != Z_OK : open_archive(unpack) < 0) {
        fail(unpack);
        snprintf(error, error_size, "%s", unpack->error);
        unpack_close(unpack);
        return NULL;
    }
    return unpack;
}

void unpack_close(struct unpack *unpack)
{
    if (unpack == NULL)
        return;
    if (unpack->archive)
        archive_read_free(unpack->archive);
    else
        inflateEnd(&unpack->zlib);
    fclose(unpack->file);
    free(unpack);
}

int unpack_is_archive(const struct unpack *unpack)
{
    return unpack->archive && archive_format(unpack->archive) == ARCHIVE_FORMAT_ZIP;
}

int unpack_next(struct unpack *unpack, const char **name)
{
    struct archive_entry *entry;
    int got;

    *name = "";
    if (unpack->archive == NULL)
        return !unpack->given++;
    got = archive_read_next_header(unpack->archive, &entry);
    if (got == ARCHIVE_EOF)
        return 0;
    if (got < ARCHIVE_WARN)
        return fail(unpack);
    if (unpack_is_archive(unpack) && archive_entry_pathname(entry))
        *name = archive_entry_pathname(entry);
    return 1;
}

static ssize_t read_zlib(struct unpack *unpack, void *to, size_t size)
{
    z_stream *zlib = &unpack->zlib;

    zlib->next_out = to;
    zlib->avail_out = size > INT32_MAX ? INT32_MAX : (uInt)size;
    while (!unpack->zlib_ended && zlib->next_out == to) {
        int got;

        if (zlib->avail_in == 0) {
            zlib->next_in = unpack->bytes;
            zlib->avail_in = (uInt)fread(unpack->bytes, 1, READ_SIZE, unpack->file);
        }
        got = inflate(zlib, Z_NO_FLUSH);
        unpack->zlib_ended = got == Z_STREAM_END;
        if (got == Z_BUF_ERROR && zlib->avail_in == 0) {
            snprintf(unpack->error, sizeof(unpack->error), "its end is missing");
            return -1;
        }
        if (got != Z_OK && got != Z_STREAM_END)
            return fail(unpack);
    }
    return zlib->next_out - (unsigned char *)to;
}

int unpack_skip(struct unpack *unpack, uint64_t bytes)
{
    unpack->is_plain = unpack->archive && archive_format(unpack->archive) == ARCHIVE_FORMAT_RAW &&
                       archive_filter_code(unpack->archive, 0) == ARCHIVE_FILTER_NONE &&
                       fseeko(unpack->file, (off_t)bytes, SEEK_SET) == 0;
    return unpack->is_plain;
}

int unpack_is_plain(const struct unpack *unpack)
{
    return unpack->is_plain;
}

static ssize_t read_plain(struct unpack *unpack, void *to, size_t size)
{
    size_t got = fread(to, 1, size, unpack->file);

    if (got > 0 || !ferror(unpack->file))
        return (ssize_t)got;
    snprintf(unpack->error, sizeof(unpack->error), "%s", strerror(errno));
    return -1;
}

ssize_t unpack_read(struct unpack *unpack, void *to, size_t size)
{
    la_ssize_t got;

    if (unpack->is_plain)
        return read_plain(unpack, to, size);
    if (unpack->archive == NULL)
        return read_zlib(unpack, to, size);
    got = archive_read_data(unpack->archive, to, size);
    return got < 0 ? fail(unpack) : (ssize_t)got;
}

const char *unpack_error(const struct unpack *unpack)
{
    return unpack->error;
}
