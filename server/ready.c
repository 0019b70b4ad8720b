/* SPDX-License-Identifier: Apache-2.0 */
#include "server/ready.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Into a new file, and that under the name: 0, or -1 with errno. */
static int write_whole(const char *path, const char *text, size_t size)
{
    size_t length = strlen(path);
    char *draft = malloc(length + 32);
    int fd = -1, done = -1, kept;

    if (draft == NULL)
        return -1;
    snprintf(draft, length + 32, "%s.%ld", path, (long)getpid());
    fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd >= 0) {
        done = write(fd, text, size) == (ssize_t)size && close(fd) == 0 && rename(draft, path) == 0
                   ? 0
                   : -1;
        kept = errno;
        if (done < 0)
            unlink(draft);
        errno = kept;
    }
    free(draft);
    return done;
}

int ready_write(const char *path, unsigned port, unsigned tls_port, unsigned http_port,
    const char *database, char *error, size_t error_size)
{
    char text[5000], by_tls[32] = "";
    int size;

    if (tls_port != 0)
        snprintf(by_tls, sizeof(by_tls), "tls_port=%u\n", tls_port);
    size = snprintf(text, sizeof(text), "port=%u\n%shttp_port=%u\ndatabase=%s\npid=%ld\n", port,
        by_tls, http_port, database, (long)getpid());

    if (size < (int)sizeof(text) && write_whole(path, text, (size_t)size) == 0)
        return 0;
    snprintf(error, error_size, "the ready file %.1000s cannot be written: %s (--ready-file)", path,
        strerror(errno));
    return -1;
}
