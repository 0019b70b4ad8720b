/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/alone.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The first thread keeps its entry until the process ends. */
static int has_first_ended(void)
{
    char path[64], text[256], *name_end;
    ssize_t size;
    int file;

    snprintf(path, sizeof(path), "/proc/self/task/%ld/stat", (long)getpid());
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    size = read(file, text, sizeof(text) - 1);
    close(file);
    if (size <= 0)
        return 0;
    text[size] = '\0';
    /* PID (NAME) STATE ... */
    name_end = strrchr(text, ')');
    return name_end != NULL && name_end[1] == ' ' && name_end[2] == 'Z';
}

int alone_is(void)
{
    int threads = 0;
    DIR *tasks;

    if (!has_first_ended() || (tasks = opendir("/proc/self/task")) == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;)
        threads += entry->d_name[0] != '.';
    closedir(tasks);
    return threads == 2;
}
