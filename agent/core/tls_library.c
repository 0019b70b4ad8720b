/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/tls_library.h"

#include <dlfcn.h>
#include <stdio.h>

#define NO_ATEXIT UINT64_C(0x00080000) /* OPENSSL_INIT_NO_ATEXIT */

static struct tls_library library;

/* As the system's linker knows them; the one that is loaded already comes first. */
static void *open_any(void)
{
    static const char *const names[] = {"libssl.so.3", "libssl.so.1.1"};
    static const int modes[] = {RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD, RTLD_NOW | RTLD_LOCAL};

    for (size_t mode = 0; mode < 2; mode++)
        for (size_t name = 0; name < 2; name++) {
            void *handle = dlopen(names[name], modes[mode]);

            if (handle != NULL)
                return handle;
        }
    return NULL;
}

/* Its dependencies are searched, too: the functions of libcrypto. NULL, or what it lacks. */
static const char *find_all(void *handle)
{
#define FIND(result, name, parameters)                                                             \
    library.name = (result(*) parameters)dlsym(handle, #name);                                     \
    if (library.name == NULL)                                                                      \
        return #name;
    TLS_FUNCTIONS(FIND)
#undef FIND
    return NULL;
}

const struct tls_library *tls_library_load(const char *beside, char *error, size_t error_size)
{
    static void *handle;
    const char *missing;

    if (handle != NULL)
        return &library;
    /*
     * One name, one library a process: were it ours first, an interpreter that brings an OpenSSL of
     * its own along could not load that any more. It stays loaded, as does what it needs.
     */
    if (beside != NULL)
        dlopen(beside, RTLD_LAZY | RTLD_LOCAL);
    handle = open_any();
    if (handle == NULL) {
        snprintf(error, error_size,
            "the writer tls:// needs OpenSSL, libssl.so.3 (Debian: apt-get install libssl3)");
        return NULL;
    }
    missing = find_all(handle);
    if (missing != NULL) {
        snprintf(error, error_size, "libssl lacks %s: it is no OpenSSL that can be used", missing);
        dlclose(handle);
        handle = NULL;
        return NULL;
    }
    /* It must not clean up behind a program that may still be sending. */
    library.OPENSSL_init_ssl(NO_ATEXIT, NULL);
    return &library;
}
