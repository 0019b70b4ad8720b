# SPDX-License-Identifier: Apache-2.0
"""embed.py DIRECTORY|- OUTPUT.c: writes the table of web/assets.h with every file below DIRECTORY (none for "-").

The bytes are taken in by the assembler (.incbin): a compiler that reads a megabyte as numbers is slow.
Equal input gives equal output: no time of day, sorted, so a rebuild can be compared byte by byte.
"""
import gzip
import hashlib
import os
import re
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}
HASHED = re.compile(r"[.-]([0-9a-f]{8,}|[A-Z2-7]{8})\.[a-z0-9]+$")  # app.1a2b3c4d.js, worker-ABCD2345.js


def files_below(directory):
    for where, folders, names in os.walk(directory):
        folders.sort()
        for name in names:
            path = os.path.join(where, name)
            yield "/" + os.path.relpath(path, directory).replace(os.sep, "/"), path


def c_string(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def put(out, name, data, folder):
    """Writes data beside the output and the assembly that takes it in."""
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(data)
    out.append('__asm__(".section .rodata\\n.balign 16\\n%s:\\n.incbin \\"%s\\"\\n.byte 0\\n.previous\\n");'
               % (name, os.path.abspath(path)))
    out.append("extern const unsigned char %s[];" % name)


def main(source, output):
    folder = os.path.splitext(output)[0]
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))
    out = ["/* Written by web/embed.py. */", '#include "web/assets.h"', ""]
    rows = []
    found = sorted(files_below(source), key=lambda f: f[0].encode()) if source != "-" else []
    if source != "-" and not any(path == "/index.html" for path, _ in found):
        sys.exit("embed.py: %s has no index.html: the dashboard's build (web/ui/build.mjs) put nothing there" % source)
    for number, (path, file) in enumerate(found):
        extension = os.path.splitext(path)[1]
        if extension not in TYPES:
            sys.exit("embed.py: no content type for %s: add its extension to TYPES" % path)
        with open(file, "rb") as f:
            plain = f.read()
        packed = gzip.compress(plain, 9, mtime=0)
        has_gzip = len(packed) < len(plain)
        put(out, "asset_%d" % number, plain, folder)
        if has_gzip:
            put(out, "asset_%d_gzip" % number, packed, folder)
        rows.append("    {%s, %s, %s, %d, asset_%d, %d, %s, %d}," % (
            c_string(path), c_string(TYPES[extension]),
            c_string('"%s"' % hashlib.sha256(plain).hexdigest()[:16]), bool(HASHED.search(path)),
            number, len(plain), "asset_%d_gzip" % number if has_gzip else "NULL", len(packed) if has_gzip else 0))
    # An array without elements is not C: without files it holds one empty row that the count leaves out.
    out += ["", "const struct asset assets[] = {"] + (rows or ["    {0},"]) + ["};"]
    out += ["const size_t assets_count = %d;" % len(rows)]
    with open(output, "w") as f:
        f.write("\n".join(out) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
