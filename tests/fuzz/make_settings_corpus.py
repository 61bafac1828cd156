#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Writes the first corpus of fuzz_settings: every setting, with good and bad values.
"""Usage: make_settings_corpus.py FOLDER"""

import re
import sys
from pathlib import Path

TABLE = Path(__file__).resolve().parent.parent.parent / "protocol/settings_table.cpp"
FILE, FLAGS = range(2)
VALUES = ["true", "0", "80", "65536", "5s", "1h30m", "10ms", "127.0.0.1", "::1", "a,b", "",
          "h:1,[::1]:2", "http://h:80/p", "https://u@h", "mmsd.", "x y", "#", "/etc/x", "info"]


def corpus():
    names = re.findall(r'\{"([a-z][a-z0-9-]+)"', TABLE.read_text())
    if len(names) < 20:
        sys.exit("the table of settings is not where it was")
    for name in names:
        text = "\n".join(f"{name} = {value}" for value in VALUES[:1])
        yield FILE, text
        yield FLAGS, f"--{name}"
        for value in VALUES:
            yield FLAGS, f"--{name}={value}"
            yield FILE, f"{name} = {value}\n"
    yield FILE, "# comment\n\n" + "\n".join(f"{name} = x # why" for name in names)
    for text in ("-v", "-vv", "--", "-", "--no-such=1", "file", "--api-port\n80", "-h", "--help",
                 "--api-port=1\n--api-port=2"):
        yield FLAGS, text
    for text in ("=", "a=b", "api-port", "api-port =", "api-port = 1\napi-port = 2\n", "\0=\0",
                 "api-port = 1 # x", "api-port = 1#x", "[section]\n", "\xef\xbb\xbfapi-port = 1"):
        yield FILE, text


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for number, (kind, text) in enumerate(corpus()):
        (folder / f"{number:04}").write_bytes(bytes([kind]) + text.encode())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
