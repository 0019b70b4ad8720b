/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/log_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/core/clock.h"
#include "record/logname.h"

#define HOST_MAX 256
#define NAMES_TRIED 100 /* other logs may have begun at the same moment */
#define TRIAL_BYTES (256u << 10)

static int fail(struct log_files *files, const char *what)
{
    snprintf(files->error, sizeof(files->error), "%s", what);
    return -1;
}

int log_files_init(struct log_files *files, const char *parent, const char *suffix)
{
    memset(files, 0, sizeof(*files));
    files->map.descriptor = files->records.descriptor = DESCRIPTOR_NONE;
    files->suffix = suffix;
    files->parent = strdup(parent);
    return files->parent != NULL ? 0 : -1;
}

static void forget(struct log_file *file)
{
    free(file->path);
    file->path = NULL;
    file->used = 0;
}

void log_files_fini(struct log_files *files)
{
    forget(&files->map);
    forget(&files->records);
    free(files->map.bytes);
    free(files->records.bytes);
    free(files->directory);
    free(files->parent);
    memset(files, 0, sizeof(*files));
    files->map.descriptor = files->records.descriptor = DESCRIPTOR_NONE;
}

/* Makes a directory and those above it. 0, or -1 with errno. */
static int make_directories(const char *path)
{
    char *part = strdup(path);
    int made = 0;

    if (part == NULL)
        return -1;
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(part, 0777);
        *slash = '/';
    }
    if (mkdir(part, 0777) != 0 && errno != EEXIST)
        made = -1;
    free(part);
    return made;
}

static int64_t now(void)
{
    struct timespec wall;

    clock_gettime(CLOCK_REALTIME, &wall);
    return (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec;
}

/* The host's name. */
static void format_host(char *text, size_t size)
{
    text[0] = '\0';
    if (gethostname(text, size) != 0)
        text[0] = '\0';
    text[size - 1] = '\0';
}

/* Makes a directory for a log: 0, or -1 with errno. */
static int make_directory(struct log_files *files)
{
    char name[LOGNAME_MAX], host[HOST_MAX], *path = NULL;

    errno = 0;
    if (make_directories(files->parent) != 0)
        return -1;
    format_host(host, sizeof(host));
    for (int i = 0; i < NAMES_TRIED; i++) {
        logname_directory(name, now(), (uint64_t)clock_steady(), host, "KIEKER");
        if (asprintf(&path, "%s/%s", files->parent, name) < 0)
            return -1;
        if (mkdir(path, 0777) == 0) {
            files->directory = path;
            return 0;
        }
        free(path);
        if (errno != EEXIST)
            break;
    }
    return -1;
}

/* Opens a file of the log; with O_CREAT in `flags` it must be new. 0, or -1 with errno. */
static int open_file(struct log_file *file, pthread_mutex_t *lock, int flags)
{
    int taken;

    pthread_mutex_lock(lock);
    taken = descriptor_take(
        &file->descriptor, open(file->path, O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0666));
    pthread_mutex_unlock(lock);
    return taken;
}

static void close_file(struct log_file *file, pthread_mutex_t *lock)
{
    pthread_mutex_lock(lock);
    descriptor_close(&file->descriptor);
    pthread_mutex_unlock(lock);
}

static int make_file(struct log_file *file, pthread_mutex_t *lock)
{
    file->size = 0;
    return open_file(file, lock, O_CREAT | O_EXCL);
}

static int open_map(struct log_files *files, pthread_mutex_t *lock)
{
    if (asprintf(&files->map.path, "%s/" LOGNAME_MAP, files->directory) < 0) {
        files->map.path = NULL;
        return -1;
    }
    return make_file(&files->map, lock);
}

static int open_records(struct log_files *files, pthread_mutex_t *lock)
{
    char name[LOGNAME_MAX];

    logname_records(name, now(), ++files->number, files->suffix);
    if (asprintf(&files->records.path, "%s/%s", files->directory, name) < 0) {
        files->records.path = NULL;
        return -1;
    }
    return make_file(&files->records, lock);
}

/* Writes all those bytes behind the file's end, or nothing. 0, or -1 with errno. */
static int append(struct log_file *file, const char *bytes, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t wrote = write(file->descriptor.fd, bytes + done, size - done);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0) {
            int why = errno;

            if (ftruncate(file->descriptor.fd, file->size) != 0)
                file->size += (off_t)done;
            errno = why;
            return -1;
        }
        done += (size_t)wrote;
    }
    file->size += (off_t)size;
    return 0;
}

/* Whether the disk takes something. 0, or -1 with errno. */
static int try_room(struct log_file *file)
{
    char *nothing = calloc(1, TRIAL_BYTES);
    int tried = nothing != NULL ? append(file, nothing, TRIAL_BYTES) : -1, why = errno;

    free(nothing);
    if (tried == 0 && ftruncate(file->descriptor.fd, 0) != 0)
        return -1;
    file->size = 0;
    errno = why;
    return tried;
}

int log_files_open(struct log_files *files, pthread_mutex_t *lock, int doubtful)
{
    int why;

    files->number = 0;
    if (make_directory(files) == 0 && open_map(files, lock) == 0 &&
        open_records(files, lock) == 0 && (!doubtful || try_room(&files->records) == 0))
        return 0;
    why = errno;
    log_files_close(files, lock, 1);
    return fail(files, strerror(why));
}

static int exists(const struct log_file *file)
{
    struct stat now;

    return !descriptor_is_ours(&file->descriptor) ||
           (fstat(file->descriptor.fd, &now) == 0 && now.st_nlink > 0);
}

int log_files_exist(const struct log_files *files)
{
    return exists(&files->map) && exists(&files->records);
}

/* Programs close descriptors that they do not know: then the file is opened again. */
static int is_ready(struct log_file *file, pthread_mutex_t *lock)
{
    struct descriptor before = file->descriptor;

    if (descriptor_is_ours(&file->descriptor))
        return 1;
    if (open_file(file, lock, 0) != 0)
        return 0;
    errno = ENOENT;
    return file->descriptor.device == before.device && file->descriptor.inode == before.inode;
}

static int write_file(struct log_files *files, struct log_file *file, pthread_mutex_t *lock)
{
    int written;

    if (file->used == 0)
        return 0;
    written = is_ready(file, lock) ? append(file, file->bytes, file->used) : -1;
    file->used = 0;
    return written == 0 ? 0 : fail(files, strerror(errno));
}

int log_files_write(struct log_files *files, pthread_mutex_t *lock)
{
    if (write_file(files, &files->map, lock) != 0)
        return -1;
    return write_file(files, &files->records, lock);
}

int log_files_next(struct log_files *files, pthread_mutex_t *lock)
{
    close_file(&files->records, lock);
    free(files->records.path);
    files->records.path = NULL;
    return open_records(files, lock) == 0 ? 0 : fail(files, strerror(errno));
}

static void end_file(struct log_file *file, pthread_mutex_t *lock, int remove)
{
    close_file(file, lock);
    if (file->path != NULL && remove)
        unlink(file->path);
    forget(file);
}

void log_files_close(struct log_files *files, pthread_mutex_t *lock, int remove)
{
    end_file(&files->records, lock, remove || (files->number > 1 && files->records.size == 0));
    end_file(&files->map, lock, remove);
    if (files->directory != NULL && remove)
        rmdir(files->directory);
    free(files->directory);
    files->directory = NULL;
}

void log_files_disown(struct log_files *files)
{
    descriptor_close(&files->map.descriptor);
    descriptor_close(&files->records.descriptor);
    /* Names that are the parent's to remove; the memory is little, and may be in use there. */
    files->directory = files->map.path = files->records.path = NULL;
}

char *log_file_room(struct log_file *file, size_t size)
{
    if (file->capacity - file->used < size) {
        size_t capacity =
            file->capacity * 2 > file->used + size ? file->capacity * 2 : file->used + size;
        char *bytes = realloc(file->bytes, capacity);

        if (bytes == NULL)
            return NULL;
        file->bytes = bytes;
        file->capacity = capacity;
    }
    return file->bytes + file->used;
}
