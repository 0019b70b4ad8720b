/* SPDX-License-Identifier: Apache-2.0 */
/* A request put to a running collector. */
#include "query/source.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/buffer.h"
#include "query/secret.h"

#define CONNECT_SECONDS 5L
#define BODY_MAX ((size_t)1 << 31)

static int append_text(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

static int append_pair(
    struct buffer *to, CURL *curl, const char *before, const char *name, const char *value)
{
    char *escaped = curl_easy_escape(curl, value, 0);
    int result;

    if (escaped == NULL)
        return -1;
    result = append_text(to, before) | append_text(to, name) | append_text(to, "=") |
             append_text(to, escaped);
    curl_free(escaped);
    return result;
}

/* The parameters as they were given: what "5m ago" is, the server says. */
static int write_url(struct buffer *to, CURL *curl, const char *url, const struct request *request,
    const char *const *change)
{
    int result =
        append_text(to, url) | append_text(to, "/api/v1/") | append_text(to, request->verb->name);
    const char *before = "?";

    for (; change != NULL && *change != NULL; change += 2, before = "&")
        result |= append_pair(to, curl, before, change[0], change[1]);
    for (int i = 0; i < PARAMS; i++) {
        const char *text = request_text(request, (enum param_id)i);

        if (text == NULL || i == PARAM_FORMAT || (request->verb->here & PARAM_BIT(i)))
            continue;
        result |= append_pair(to, curl, before, params[i].name, text);
        before = "&";
    }
    return result | buffer_append(to, "", 1);
}

static json_t *read_answer(
    struct request *request, const char *url, long status, const struct buffer *body)
{
    json_t *answer = json_loadb((const char *)body->bytes, body->size, 0, NULL);
    const char *error = json_string_value(json_object_get(answer, "error"));

    if (status == 200 && json_is_object(answer))
        return answer;
    if (error != NULL)
        request_refuse(request, (int)status, "%s", error);
    else
        request_refuse(request, 503,
            "%s answers, but not as a kieker-collector does (HTTP status %ld): is the address "
            "right?",
            url, status);
    json_decref(answer);
    return NULL;
}

/* This machine's own address is never behind a proxy. */
static int is_loopback(const char *url)
{
    const char *host = strstr(url, "://");

    host = host == NULL ? url : host + 3;
    return strncmp(host, "localhost", 9) == 0 || strncmp(host, "127.", 4) == 0 ||
           strncmp(host, "[::1]", 5) == 0;
}

/* The token as a header: so it is in no URL, and no proxy's log. NULL without one. */
static struct curl_slist *say_token(const struct remote *remote)
{
    struct curl_slist *headers = NULL;
    char *line = NULL;

    if (remote->token == NULL || asprintf(&line, "Authorization: Bearer %s", remote->token) < 0)
        return NULL;
    headers = curl_slist_append(NULL, line);
    secret_free(line, strlen(line));
    return headers;
}

static void refuse_code(
    struct request *request, const struct remote *remote, CURLcode code, const char *why)
{
    if (*why == '\0')
        why = curl_easy_strerror(code);
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        request_refuse(request, 503,
            "%s shows a certificate that is not believed (%s): give the file of the authority that "
            "signed it, --ca FILE, and the name that it is for",
            remote->url, why);
    else if (code == CURLE_SSL_CACERT_BADFILE)
        request_refuse(request, 503, "%s cannot be read as certificates (PEM): see --ca",
            remote->ca ? remote->ca : "the system's file of authorities");
    else if (code == CURLE_OPERATION_TIMEDOUT && remote->timeout > 0)
        request_refuse(request, 503,
            "%s has not answered within --timeout: narrow the question down, or give it longer",
            remote->url);
    else
        request_refuse(request, 503,
            "No server at %s (%s). Start `kieker-collector`, or give --database FILE", remote->url,
            curl_easy_strerror(code));
}

/* What becomes of an answer's bytes: a successful one goes to `out`, if that is not NULL. */
struct receiving {
    CURL *curl;
    FILE *out;
    const char *const *change; /* not NULL: names and values of a POST */
    struct buffer body;
};

static size_t on_bytes(char *bytes, size_t size, size_t count, void *context)
{
    struct receiving *receiving = context;
    struct buffer *body = &receiving->body;
    long status = 0;

    if (receiving->out != NULL)
        curl_easy_getinfo(receiving->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200)
        return fwrite(bytes, 1, size * count, receiving->out);
    if (body->size > BODY_MAX || buffer_append(body, bytes, size * count) < 0)
        return 0;
    return size * count;
}

/* The answer's HTTP status; 0 after request_refuse. */
static long receive(
    const struct remote *remote, struct request *request, struct receiving *receiving)
{
    const char *url = remote->url;
    CURL *curl = receiving->curl = curl_easy_init();
    struct curl_slist *headers = say_token(remote), *more;
    struct buffer whole = {0};
    char why[CURL_ERROR_SIZE] = "";
    CURLcode code;
    long status = 0;

    if (curl == NULL || write_url(&whole, curl, url, request, receiving->change) != 0 ||
        (remote->token != NULL && headers == NULL)) {
        request_refuse(request, 500, "memory is short");
        goto out;
    }
    if (receiving->change != NULL) {
        more = curl_slist_append(headers, "Kieker-Change: yes");
        headers = more != NULL ? more : headers;
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
    }
    if (headers != NULL)
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (remote->ca != NULL)
        curl_easy_setopt(curl, CURLOPT_CAINFO, remote->ca);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_URL, (const char *)whole.bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, receiving);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)remote->timeout);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "kieker-query");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    if (is_loopback(url))
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        refuse_code(request, remote, code, why);
        goto out;
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
out:
    buffer_fini(&whole);
    if (curl != NULL)
        curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return status;
}

json_t *remote_answer(const struct remote *remote, struct request *request)
{
    struct receiving receiving = {0};
    long status = receive(remote, request, &receiving);
    json_t *answer =
        request->status == 0 ? read_answer(request, remote->url, status, &receiving.body) : NULL;

    buffer_fini(&receiving.body);
    return answer;
}

json_t *remote_change(
    const struct remote *remote, struct request *request, const char *const *change)
{
    struct receiving receiving = {.change = change};
    long status = receive(remote, request, &receiving);
    json_t *answer =
        request->status == 0 ? read_answer(request, remote->url, status, &receiving.body) : NULL;

    buffer_fini(&receiving.body);
    return answer;
}

int remote_write(const struct remote *remote, struct request *request, struct outlet *outlet)
{
    struct receiving receiving = {.out = outlet->out};
    long status = receive(remote, request, &receiving);

    if (request->status == 0 && status != 200)
        json_decref(read_answer(request, remote->url, status, &receiving.body));
    buffer_fini(&receiving.body);
    return request->status == 0 ? 0 : -1;
}
