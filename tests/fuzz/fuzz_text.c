/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes where a text is taken apart: what agents and collectors say (talk.h), signatures, Host
 * and Origin of HTTP requests, what goes into the log. The first byte says which.
 */
#include "tests/fuzz/input.h"

#include "analysis/signature.h"
#include "query/text.h"
#include "record/talk.h"
#include "server/log.h"
#include "web/host.h"

static void try_talk(const char *text)
{
    const char *const names[] = {TALK_AGENT, TALK_COUNTERS, TALK_END, TALK_COMMITTED, TALK_UNKNOWN};
    const char *end = text + strlen(text), *at, *before;
    struct talk_pair pair;
    unsigned known = 0;

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        at = talk_is(text, names[i]);
        known += at != NULL;
        must(at == NULL || (at == text + strlen(names[i]) && (*at == '\0' || *at == ' ')));
    }
    must(known <= 1);
    for (at = before = text; talk_next(&at, &pair); before = at) {
        char key[64];

        must(at > before && at <= end);
        must(pair.key >= before && pair.key_length > 0 && pair.key + pair.key_length < at);
        must(memchr(pair.key, ' ', pair.key_length) == NULL && pair.key[pair.key_length] == '=');
        must(strlen(pair.value) < TALK_VALUE_MAX);
        if (pair.key_length < sizeof(key) && memchr(pair.key, '\0', pair.key_length) == NULL) {
            memcpy(key, pair.key, pair.key_length);
            key[pair.key_length] = '\0';
            must(talk_has_key(&pair, key));
            key[pair.key_length - 1] ^= 1;
            must(!talk_has_key(&pair, key));
        }
    }
    must(at == end);
}

/* What is given lies within the texts, and the operation goes to the signature's own end of it. */
static void try_signature(const char *text, const char *class)
{
    size_t length = strlen(text), class_length = strlen(class);
    struct signature parsed;
    int is_of_class;

    signature_parse(text, length, class, class_length, &parsed);
    must(parsed.operation >= text && parsed.operation + parsed.operation_length <= text + length);
    is_of_class = parsed.component >= class &&
                  parsed.component + parsed.component_length <= class + class_length;
    must(is_of_class || (parsed.component >= text &&
                            parsed.component + parsed.component_length < parsed.operation));
    if (class_length > 0)
        must(parsed.component == class && parsed.component_length == class_length);
    if (!is_of_class) /* a dot is between them, and nothing else */
        must(parsed.component[parsed.component_length] == '.' &&
             parsed.component + parsed.component_length + 1 == parsed.operation);
    if (strchr(text, '(') == NULL && class_length == 0 && strpbrk(text, " \t.") == NULL)
        must(parsed.operation == text && parsed.operation_length == length);
}

/* "modifiers result class.operation(parameters)" comes back as it was made. */
static void try_java(const char *class, const char *operation)
{
    size_t size = strlen(class) + strlen(operation) + 32;
    char *text = malloc(size);
    struct signature parsed;

    must(text != NULL);
    snprintf(text, size, "public int %s.%s(int, long)", class, operation);
    if (*class && *operation && strpbrk(class, " \t(") == NULL &&
        strpbrk(operation, " \t(.") == NULL && strstr(class, ".<locals>") == NULL) {
        signature_parse(text, strlen(text), "", 0, &parsed);
        must(parsed.operation_length == strlen(operation) &&
             memcmp(parsed.operation, operation, parsed.operation_length) == 0);
        must(parsed.component_length == strlen(class) &&
             memcmp(parsed.component, class, parsed.component_length) == 0);
    }
    free(text);
}

static void try_host(const char *host, const char *list)
{
    const char *known[] = {list, "other.example"};
    char *origin = malloc(strlen(host) + 16);

    must(origin != NULL);
    must(!host_is_known(host, known, 0) || host_is_known(host, known, 2)); /* names only add */
    must(host_is_known(NULL, known, 2));
    must(host_is_known("127.0.0.1:8080", known, 1) && host_is_known("[::1]:1", known, 1));
    must(!host_is_known("evil.example", known + 1, 1));
    sprintf(origin, "http://%s", host);
    must(
        host_is_origin(host, NULL) && host_is_origin(host, origin) == host_is_origin(host, origin));
    must(!host_is_origin("localhost:8080", "http://evil.example"));
    host_is_origin(list, host);
    free(origin);
}

/* One line, whatever it was; and it is cut rather than written beyond its room. */
static void try_line(const char *text, size_t room)
{
    char *out = malloc(room), *clean;
    size_t length;

    must(out != NULL);
    length = log_escape(out, room, text);
    must(length < room && strlen(out) == length);
    for (size_t i = 0; i < length; i++)
        must((unsigned char)out[i] >= 0x20 && out[i] != 0x7F);
    free(out);
    for (int utf8 = 0; utf8 < 2; utf8++) {
        clean = text_clean(text, utf8);
        must(clean != NULL);
        for (const char *at = clean; *at; at++)
            must((unsigned char)*at >= 0x20 && *at != 0x7F && (utf8 || (unsigned char)*at < 0x80));
        text_shorten(clean, (unsigned)room, utf8);
        must(room == 0 || text_width(clean) <= room);
        free(clean);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = {bytes, bytes + size};
    uint8_t which = input_byte(&input);
    char *text = input_text(&input, 0), *other = input_text(&input, 0);

    switch (which % 4) {
    case 0:
        try_talk(text);
        break;
    case 1:
        try_signature(text, other);
        try_java(text, other);
        break;
    case 2:
        try_host(text, other);
        break;
    default:
        try_line(text, 1 + which / 4);
    }
    free(text);
    free(other);
    return 0;
}
