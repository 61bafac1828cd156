#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Writes the first corpus of fuzz_sse.
"""Usage: make_sse_corpus.py FOLDER"""

import os
import sys
from pathlib import Path

STREAMS = [
    b"event: status_update_event\ndata: {\"appId\":\"/a\"}\n\n",
    b"event: e\r\ndata: 1\r\ndata: 2\r\n\r\n",
    b"event: e\rdata: 1\r\r",
    b":comment\n\n\r\n",
    b"\xef\xbb\xbfdata: x\n\n",
    b"data\n\ndata\ndata\n\ndata:\n\n",
    b"event\ndata:\n\nid: 7\nretry: 10\ndata: x\n\n",
    b"data: " + b"x" * 250 + b"\n\ndata: y\n\n",
    b"x" * 250 + b"\ndata: y\n\n",
    b"data: x\n" * 60 + b"\ndata: y\n\n",
    b"event: " + b"n" * 250 + b"\ndata: y\n\n",
    b"data: no end",
    b"unknown: field\ndata: a\0b\n\n",
]


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    streams = list(STREAMS)
    # Recorded streams, where they are (see tests/unit/marathon/test_fixtures.cpp).
    for path in sorted(Path(os.environ.get("MMSD_FIXTURES", "/nonexistent")).glob("sse/*")):
        streams.append(path.read_bytes()[:1000])
    for number, stream in enumerate(streams):
        for cut in (0, 6):
            (folder / f"stream-{number:02}-{cut}").write_bytes(bytes([cut]) + stream)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
