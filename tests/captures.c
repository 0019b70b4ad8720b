/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/captures.h"

#include <stdio.h>
#include <stdlib.h>

const char *const captures[] = {"c-basic", "c-gcc-instrument", "java-single-ascii-flush",
    "java-single-ascii-noflush", "java-single-unicode-flush", "python-single", NULL};

char *capture_read(const char *name, const char *suffix, size_t *size)
{
    const char *top = getenv("srcdir");
    char path[1024];
    FILE *file;
    long end;
    char *bytes;

    snprintf(path, sizeof(path), "%s/tests/data/captures/%s%s", top ? top : ".", name, suffix);
    file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) < 0 || (end = ftell(file)) < 0 ||
        (bytes = malloc((size_t)end + 1)) == NULL) {
        perror(path);
        exit(2);
    }
    rewind(file);
    *size = fread(bytes, 1, (size_t)end, file);
    bytes[*size] = '\0';
    fclose(file);
    return bytes;
}
