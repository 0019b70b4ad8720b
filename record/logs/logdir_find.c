/* SPDX-License-Identifier: Apache-2.0 */
#include "record/logs/logdir_private.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define DEPTH_MAX 32 /* of directories that are searched */

static int ends_with(const char *name, const char *ending)
{
    size_t length = strlen(name), size = strlen(ending);

    return length >= size && strcmp(name + length - size, ending) == 0;
}

int logdir_is_map(const char *name)
{
    return ends_with(name, ".map");
}

/* Files that may hold records: whatever else lies there has other endings. */
int logdir_may_hold_records(const char *name)
{
    static const char *const endings[] = {
        ".dat", ".bin", ".gz", ".df", ".zip", ".xz", ".bz2", ".zst"};

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
        if (ends_with(name, endings[i]))
            return 1;
    return 0;
}

char *logdir_join(const char *directory, const char *name)
{
    char *path;

    return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void logdir_list_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

int logdir_list(const char *path, char ***names)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    size_t count = 0;
    int failed = directory == NULL;

    *names = NULL;
    while (!failed && (entry = readdir(directory))) {
        char **larger;

        if (entry->d_name[0] == '.')
            continue;
        larger = realloc(*names, (count + 1) * sizeof(**names));
        if (larger)
            *names = larger;
        failed = larger == NULL || (larger[count] = strdup(entry->d_name)) == NULL;
        count += !failed;
    }
    if (directory)
        closedir(directory);
    if (failed) {
        logdir_list_free(*names, count);
        return -1;
    }
    if (count > 0)
        qsort(*names, count, sizeof(**names), compare_names);
    return (int)count;
}

/* Whether an archive holds a whole log. */
static int is_packed_log(const char *path)
{
    char error[200];
    const char *name;
    struct unpack *unpack = unpack_open(path, error, sizeof(error));
    int found = 0;

    while (unpack && !found && unpack_next(unpack, &name) > 0)
        found = logdir_is_map(name);
    unpack_close(unpack);
    return found;
}

/* A map alone is none: others' files have that ending, too. */
static int is_log(char *const *names, int count)
{
    int maps = 0, files = 0;

    for (int i = 0; i < count; i++) {
        maps |= logdir_is_map(names[i]);
        files |= logdir_may_hold_records(names[i]);
    }
    return maps && files;
}

static int find_in(const char *path, int depth, int (*found)(void *context, const char *log),
    void *context, char *error, size_t error_size)
{
    char **names;
    int count = logdir_list(path, &names), logs = 0;

    if (count < 0 && errno == ENOTDIR)
        return is_packed_log(path) ? (found(context, path) < 0 ? -1 : 1) : 0;
    if (count < 0) {
        snprintf(error, error_size, "%.300s cannot be read: %s", path, strerror(errno));
        return -1;
    }
    if (is_log(names, count)) {
        logs = found(context, path) < 0 ? -1 : 1;
    } else {
        for (int i = 0; i < count && logs >= 0 && depth < DEPTH_MAX; i++) {
            char *below = logdir_join(path, names[i]);
            struct stat about;
            int more = 0;

            if (below && stat(below, &about) == 0 &&
                (S_ISDIR(about.st_mode) || ends_with(below, ".zip")))
                more = find_in(below, depth + 1, found, context, error, error_size);
            free(below);
            logs = more < 0 ? -1 : logs + more;
        }
    }
    logdir_list_free(names, (size_t)count);
    return logs;
}

int logdir_find(const char *path, int (*found)(void *context, const char *log), void *context,
    char *error, size_t error_size)
{
    return find_in(path, 0, found, context, error, error_size);
}
