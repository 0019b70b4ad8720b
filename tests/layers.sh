#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Who may include whom, and which folder alone knows a foreign library. Includes are spelled "folder/module.h" from the root,
# so a look at the #include lines is enough. Before the source is judged, the judge is tried on violations that it must find.
set -eu
root=$(cd "${srcdir:-$(dirname "$0")/..}" && pwd)

# judge DIRECTORY: prints "file:line: reason" for each violation below it; the last line counts the lines judged.
judge() {
    cd "$1"
    for folder in record analysis storage server query web agent moobench; do
        [ ! -d $folder ] || find $folder -name node_modules -prune -o \( -name '*.[ch]' -o -name '*.def' \) -print
    done | sort | xargs -r awk '
    BEGIN {
        # A folder, and the folders it may include beside itself.
        may["record"] = ""
        may["analysis"] = "record"
        may["storage"] = "record analysis"
        may["query"] = "record analysis storage"
        may["web"] = "record analysis storage query"
        may["server"] = "record analysis storage query web"
        may["agent"] = "record"
        may["moobench"] = "record analysis storage agent"
        # The start of a foreign header, and the folders that may include it.
        foreign["Python.h"] = "agent/python"
        foreign["structmember.h"] = "agent/python"
        foreign["sqlite3"] = "storage/sqlite"
        foreign["event.h"] = "server storage/clickhouse"
        foreign["event2/"] = "server storage/clickhouse"
        foreign["microhttpd.h"] = "web"
        foreign["gnutls/"] = "web"
        foreign["openssl/"] = "server"
        foreign["curl/"] = "query"
        foreign["jansson.h"] = "query web server"
        foreign["zstd"] = "storage"
        foreign["archive"] = "record"
        foreign["zlib.h"] = "record web"
        foreign["check.h"] = "tests"
    }
    function refuse(reason) {
        print FILENAME ":" FNR ": " reason
    }
    function lies_in(file, folders,    list, i, n) {
        n = split(folders, list, " ")
        for (i = 1; i <= n; i++)
            if (index(file, list[i] "/") == 1)
                return 1
        return 0
    }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        judged++
        split($0, part, "\"")
        header = part[2]
        if (header == "config.h")
            next
        split(FILENAME, own, "/")
        split(header, other, "/")
        if (!(other[1] in may) || header == other[1])
            refuse("\"" header "\" is not spelled \"folder/module.h\" from the root")
        else if (other[1] != own[1] && !lies_in(header, may[own[1]]))
            refuse(own[1] " may not include " other[1] " (\"" header "\")")
        else if (own[1] != "storage" && index(header, "storage/sqlite/") == 1)
            refuse("only storage knows which database is behind it (\"" header "\")")
        else if (index(header, "agent/python/") == 1 && !lies_in(FILENAME, "agent/python"))
            refuse("only agent/python knows Python (\"" header "\")")
    }
    /^[ \t]*#[ \t]*include[ \t]*</ {
        judged++
        match($0, /<[^>]*>/)
        header = substr($0, RSTART + 1, RLENGTH - 2)
        for (start in foreign)
            if (index(header, start) == 1 && !lies_in(FILENAME, foreign[start]))
                refuse("<" header "> is known in " foreign[start] " alone")
    }
    END { print judged + 0 " includes" }'
}

# must_find FILE INCLUDE: a file with only that line must be refused.  must_take: it must not.
tried=0
one_file() {
    rm -rf "$trial/tree"
    mkdir -p "$trial/tree/$(dirname "$1")"
    echo "#include $2" >"$trial/tree/$1"
    tried=$((tried + 1))
    (judge "$trial/tree") | grep -c "^$1:1: " || :
}
must_find() {
    [ "$(one_file "$@")" = 1 ] || { echo "layers.sh does not find #include $2 in $1"; exit 1; }
}
must_take() {
    [ "$(one_file "$@")" = 0 ] || { echo "layers.sh refuses #include $2 in $1"; exit 1; }
}
trial=$(mktemp -d)
trap 'rm -rf "$trial"' EXIT
must_find record/wire.c '"analysis/histogram.h"'
must_find analysis/walk.c '"storage/store.h"'
must_find storage/sqlite/block.c '"server/connection.h"'
must_find query/traces.c '"web/routes.h"'
must_find web/routes.c '"server/connection.h"'
must_find agent/core/probe.c '"analysis/walk.h"'
must_find server/main.c '"storage/sqlite/schema.h"'
must_find agent/core/probe.c '"agent/python/hook.h"'
must_find analysis/walk.c '"walk.h"'
must_find agent/core/probe.c '<Python.h>'
must_find storage/store.c '<sqlite3.h>'
must_find web/http.c '<event2/event.h>'
must_find server/main.c '<microhttpd.h>'
must_find web/http.c '<curl/curl.h>'
must_find web/http.c '<openssl/ssl.h>'
must_find server/main.c '<gnutls/gnutls.h>'
must_find analysis/walk.c '<jansson.h>'
must_find analysis/record.def '<zstd.h>'
must_take storage/sqlite/block.c '<sqlite3.h>'
must_take storage/sqlite/block.c '"record/types.h"'
must_take server/main.c '"web/http.h"'
must_take web/http.c '"query/verbs.h"'
must_take agent/python/module.c '<Python.h>'
must_take agent/core/probe.c '"record/wire.h"'

found=$(judge "$root")
echo "$found"
violations=$(echo "$found" | grep -c '^[^ ]*:[0-9]*: ' || :)
case $found in
*"0 includes") [ "${found##* }" != includes ] || [ "${found#0 }" = "$found" ] || { echo "nothing was judged"; exit 1; } ;;
esac
echo "$violations violations"
[ "$violations" = 0 ]
