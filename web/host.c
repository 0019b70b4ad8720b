/* SPDX-License-Identifier: Apache-2.0 */
#include "web/host.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_LENGTH 255 /* of DNS */

/*
 * Copies the name of "name", "name:port", "[address]", "[address]:port". 0 if it is none of these.
 */
static int name_of(const char *host, char *name)
{
    const char *stop = *host == '[' ? strchr(host, ']') : strchr(host, ':');
    const char *start = *host == '[' ? host + 1 : host;
    size_t length;

    if (*host == '[' && stop == NULL)
        return 0;
    length = stop ? (size_t)(stop - start) : strlen(start);
    if (length == 0 || length > NAME_MAX_LENGTH)
        return 0;
    if (stop && *stop == ']')
        stop++;
    if (stop && *stop == ':') {
        do
            stop++;
        while (isdigit((unsigned char)*stop));
    }
    if (stop && *stop)
        return 0;
    memcpy(name, start, length);
    name[length] = '\0';
    /* "localhost." is localhost, said in full. */
    if (length > 1 && name[length - 1] == '.')
        name[length - 1] = '\0';
    return 1;
}

static int is_listed(const char *name, const char *list)
{
    size_t length = strlen(name);

    while (list && *list) {
        size_t entry;

        list += strspn(list, ", ");
        entry = strcspn(list, ", ");
        if (entry == length && strncasecmp(list, name, length) == 0)
            return 1;
        list += entry;
    }
    return 0;
}

int host_is_known(const char *host, const char *const *known, unsigned known_count)
{
    static const char below[] = ".localhost";
    char name[NAME_MAX_LENGTH + 1];
    unsigned char address[sizeof(struct in6_addr)];
    size_t length;

    if (host == NULL)
        return 1;
    if (!name_of(host, name))
        return 0;
    if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1)
        return 1;
    length = strlen(name);
    if (strcasecmp(name, "localhost") == 0 ||
        (length >= sizeof(below) && strcasecmp(name + length - (sizeof(below) - 1), below) == 0))
        return 1;
    for (unsigned i = 0; i < known_count; i++)
        if (is_listed(name, known[i]))
            return 1;
    return 0;
}

int host_is_origin(const char *host, const char *origin)
{
    const char *at;

    if (origin == NULL)
        return 1;
    at = strstr(origin, "://");
    if (at == NULL || host == NULL ||
        (strncmp(origin, "http://", 7) != 0 && strncmp(origin, "https://", 8) != 0))
        return 0;
    return strcasecmp(at + 3, host) == 0;
}
