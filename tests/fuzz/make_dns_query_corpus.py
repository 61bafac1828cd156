#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Writes the first corpus of fuzz_dns_query: one file per kind of query.
"""Usage: make_dns_corpus.py FOLDER"""

import struct
import sys
from pathlib import Path

NAMES = ["mmsd", "a0.mmsd", "a1.mmsd", "a5.mmsd", "A300.MmSd", "_0._tcp.a5.mmsd",
         "_dns._udp.a300.mmsd", "_tcp.a5.mmsd", "ns.mmsd", "none.mmsd", "x.none.mmsd", "",
         "example.org", "0.0.0.10.in-addr.arpa", "9.9.9.9.in-addr.arpa",
         ".".join("0" * 20) + ".8.b.d.0.1.0.0.2.ip6.arpa", "a" * 63 + ".mmsd",
         ".".join(["a"] * 127)]
TYPES = [1, 2, 6, 12, 16, 28, 33, 41, 99, 250, 251, 252, 255, 65535]


def wire(name):
    labels = [label.encode() for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def query(name, rtype, flags=0x0100, rclass=1, counts=(1, 0, 0, 0), rest=b""):
    return struct.pack("!6H", 0xabcd, flags, *counts) + wire(name) + struct.pack(
        "!2H", rtype, rclass) + rest


def opt(size=1232, extended=0, version=0, flags=0, data=b""):
    return b"\0" + struct.pack("!2H2B2H", 41, size, extended, version, flags, len(data)) + data


def corpus():
    for name in NAMES:
        for rtype in TYPES:
            yield query(name, rtype)
    with_opt = (1, 0, 0, 1)
    for size in (0, 512, 1232, 4096, 65535):
        yield query("a300.mmsd", 33, counts=with_opt, rest=opt(size))
    yield query("a1.mmsd", 1, counts=with_opt, rest=opt(version=1))
    yield query("a1.mmsd", 1, counts=with_opt, rest=opt(flags=0x8000))
    yield query("a1.mmsd", 1, counts=with_opt, rest=opt(data=struct.pack("!2H", 10, 8) + b"x" * 8))
    yield query("a1.mmsd", 1, counts=with_opt, rest=opt(data=struct.pack("!2H", 10, 9) + b"x" * 8))
    yield query("a1.mmsd", 1, counts=(1, 0, 0, 2), rest=opt() + opt())
    yield query("a1.mmsd", 1, counts=with_opt,
                rest=wire("key") + struct.pack("!2HIH", 250, 255, 0, 4) + b"abcd")
    yield query("a1.mmsd", 251, counts=(1, 0, 1, 0))
    for opcode in range(16):
        yield query("a1.mmsd", 1, flags=opcode << 11)
    for rclass in (0, 3, 254, 255):
        yield query("a1.mmsd", 1, rclass=rclass)
    for flags in (0x8000, 0x0200, 0x0010, 0xffff, 0x7fff):
        yield query("a1.mmsd", 1, flags=flags)
    for count in (0, 2, 65535):
        yield query("a1.mmsd", 1, counts=(count, 0, 0, 0))
    yield struct.pack("!6H", 1, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1"
    yield struct.pack("!6H", 1, 0, 1, 0, 0, 0) + b"\x40aaaa\0\0\1\0\1"
    yield b""
    yield b"\0" * 11
    yield b"\0" * 12


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for number, message in enumerate(corpus()):
        (folder / f"query-{number:03}").write_bytes(message)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
