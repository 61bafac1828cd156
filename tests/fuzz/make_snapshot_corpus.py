#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Writes the first corpus of fuzz_snapshot from the golden frames.
"""Usage: make_snapshot_corpus.py FOLDER"""

import struct
import sys
from pathlib import Path

GOLDEN = Path(__file__).resolve().parent.parent / "golden/frames"
HEADER = 16


def golden(name):
    return b"".join(bytes.fromhex(line) for line in (GOLDEN / f"{name}.hex").read_text().split()
                    if not line.startswith("#"))


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "file").write_bytes(b"\0" + golden("snapshot"))
    (folder / "chain").write_bytes(b"\0" + golden("snapshot") + golden("changed_snapshot"))
    app = golden("snapshot_app")[HEADER:]
    instances = golden("snapshot_instances")[HEADER:]
    one = struct.pack("<BH", 1, len(app)) + app
    (folder / "app").write_bytes(one + instances)
    (folder / "app-without-instances").write_bytes(one + struct.pack("<I", 0))
    rest = golden("snapshot")
    for number in range(100):
        if len(rest) < HEADER:
            break
        size, kind = struct.unpack_from("<IH", rest)
        payload, rest = rest[HEADER:HEADER + size], rest[HEADER + size:]
        (folder / f"payload-{number}").write_bytes(
            struct.pack("<BH", 1, len(payload)) + payload + struct.pack("<I", 0))
        if kind == 18:
            (folder / f"instances-{number}").write_bytes(one + payload)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
