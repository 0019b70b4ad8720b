# SPDX-License-Identifier: Apache-2.0
"""Kieker's logs read a second time, after Kieker's own description of them, so that tests need not believe our C code."""
import bz2
import decimal
import gzip
import io
import lzma
import os
import re
import struct
import zipfile
import zlib

TOP = os.environ.get("srcdir", ".")
OER = "kieker.common.record.controlflow.OperationExecutionRecord"
METADATA = "kieker.common.record.misc.KiekerMetadataRecord"
WIDTHS = {"BOOL": ("?", 1), "I32": ("i", 4), "I64": ("q", 8), "F64": ("d", 8)}


def record_types():
    """types.def as {class name: [(field, type), ...]}, and older names as {name: today's name}."""
    with open(os.path.join(TOP, "record", "types.def"), encoding="utf-8") as file:
        text = file.read().replace("\\\n", " ")
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    macros = dict(re.findall(r"^#define (\w+)(?: +(.*))?$", text, flags=re.M))
    types, names = {}, {}

    def fields(words):
        found = []
        for name, type_, macro in re.findall(r"FIELD\((\w+), (\w+)\)|(\w+)", words):
            found += [(name, type_)] if name else fields(macros[macro])
        return found

    for id_, name, words in re.findall(r'^RECORD\((\w+), \w+,\s+"([^"]+)",\s+((?:[^()]|\([^()]*\))*)\)', text, flags=re.M):
        types[name], names[id_] = fields(words), name
    return types, {old: names[id_] for id_, old in re.findall(r'^ALIAS\((\w+), "([^"]+)"\)', text, flags=re.M)}


TYPES, ALIASES = record_types()


def unpack(packed):
    """By content, since names say little."""
    if packed[:2] == b"\x1f\x8b":
        return gzip.decompress(packed)
    if packed[:3] == b"BZh":
        return bz2.decompress(packed)
    if packed[:6] == b"\xfd7zXZ\0":
        return lzma.decompress(packed)
    if packed[:4] == b"PK\3\4":
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            (inner,) = archive.namelist()
            return archive.read(inner)
    if packed[:1] == b"\x78" and int.from_bytes(packed[:2], "big") % 31 == 0:
        return zlib.decompress(packed)
    return packed


class Log:
    """A directory with a map and files of records; `files` are unpacked, in the order of their names."""

    def __init__(self, path):
        self.names, self.files = {}, []
        for name in sorted(os.listdir(path)):
            with open(os.path.join(path, name), "rb") as file:
                found = file.read()
            if name.endswith(".map"):
                for line in filter(None, found.decode("utf-8").splitlines()):
                    number, text = line.lstrip("$").split("=", 1)
                    self.names[int(number)] = re.sub(r"\\([\\nr])", lambda hit: {"n": "\n", "r": "\r"}.get(hit[1], "\\"), text)
            else:
                self.files.append(unpack(found))

    def is_text(self):
        return all(file[:1] == b"$" for file in self.files)

    def lines(self):
        """A text log's: (class, the rest of the line)."""
        for file in self.files:
            for line in file.decode("utf-8").splitlines():
                head, _, rest = line.partition(";")
                yield self.names[int(head[1:])], rest

    def records(self):
        """(class, logged, fields) with today's names and layouts."""
        if self.is_text():
            return [text_record(name, rest) for name, rest in self.lines()]
        return [record for file in self.files for record in self.binary_records(file)]

    def binary_records(self, file):
        at = 0

        def take(layout, size):
            nonlocal at
            at += size
            return struct.unpack(">" + layout, file[at - size:at])[0]

        def value(type_):
            if type_ == "STRS":
                return [value("STR") for _ in range(take("i", 4))]
            return self.names[take("i", 4)] if type_ == "STR" else take(*WIDTHS[type_])

        while at < len(file):
            name = self.names[take("i", 4)]
            name = ALIASES.get(name, name)
            yield name, take("q", 8), [value(type_) for _, type_ in TYPES[name]]


def today(name, rest):
    """A text log's line as it is today: older names are others', and an experiment's number has gone."""
    name = ALIASES.get(name, name)
    logged, *words = rest.split(";")
    if name == OER and len(words) == 9:
        del words[0]
    return name, ";".join([logged, *words])


def java_real(value):
    """As Double.toString of today's Java has it; older ones knew other forms, like 0.0020."""
    sign, digits, exponent = decimal.Decimal(repr(value)).normalize().as_tuple()
    digits, power = "".join(map(str, digits)), len(digits) + exponent - 1
    if -3 <= power < 7:
        return format(decimal.Decimal(repr(value)).normalize(), "f") + ("" if exponent < 0 else ".0")
    return "-" * sign + digits[0] + "." + (digits[1:] or "0") + "E%d" % power


def with_reals_of_today(name, rest):
    logged, *words = rest.split(";")
    for i, (_, type_) in enumerate(TYPES[name]):
        if type_ == "F64":
            words[i] = java_real(float(words[i]))
    return name, ";".join([logged, *words])


def text_record(name, rest):
    name, rest = today(name, rest)
    logged, *words = rest.split(";")
    read = {"BOOL": lambda word: word == "true", "I32": int, "I64": int, "F64": float, "STR": str}
    fields, types = [], TYPES[name]
    for i, (_, type_) in enumerate(types):
        if type_ == "STRS":
            count = int(words.pop(0))
            fields.append([words.pop(0) for _ in range(count)])
        elif type_ == "STR" and i + 1 == len(types):
            fields.append(";".join(words))
        else:
            fields.append(read[type_](words.pop(0)))
    return name, int(logged), fields


def trace_of(record):
    """Its trace's id; None for a record of no trace."""
    for (name, _), value in zip(TYPES[record[0]], record[2]):
        if name == "traceId":
            return value
    return None


def by_trace(records):
    """{trace id, or None: its records in order}."""
    found = {}
    for record in records:
        found.setdefault(trace_of(record), []).append(record)
    return found
