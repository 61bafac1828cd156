#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Checks what the supervisor's executable links, and that it is hardened.
"""Linkage of the root process. Usage: check_linkage.py MMSD_EXECUTABLE"""

from __future__ import annotations

import re
import subprocess
import sys

from source_tree import report

_ALLOWED = ("libevent_core-", "libstdc++.", "libc.", "libm.", "libgcc_s.", "ld-linux", "libpthread.")
_SANITIZERS = ("libasan.", "libubsan.", "libtsan.", "libclang_rt")
_SKIP = 77


def readelf(option: str, path: str) -> str:
    return subprocess.run(
        ["readelf", "--wide", option, path], check=True, capture_output=True, text=True
    ).stdout


def main() -> int:
    path = sys.argv[1]
    dynamic = readelf("--dynamic", path)
    needed = re.findall(r"\(NEEDED\)\s+Shared library: \[(.+)\]", dynamic)
    if any(name.startswith(_SANITIZERS) for name in needed):
        print("linkage: skipped, this is a sanitizer's build")
        return _SKIP
    problems = [
        f"{path} links {name}" for name in needed if not name.startswith(_ALLOWED)
    ]
    # Statically linked copies would show their symbols.
    symbols = readelf("--symbols", path)
    for word in ("curl_", "seccomp_", "ldns_", "rapidjson", "3fmt2v"):
        if re.search(rf"\b\w*{word}", symbols):
            problems.append(f"{path} holds symbols of {word}")
    if "NOW" not in dynamic:
        problems.append(f"{path}: not linked with -z now")
    if "(RUNPATH)" in dynamic or "(RPATH)" in dynamic:
        problems.append(f"{path}: has a run path")
    header = readelf("--file-header", path)
    if "DYN" not in header:
        problems.append(f"{path}: not position independent")
    segments = readelf("--segments", path)
    if "GNU_RELRO" not in segments:
        problems.append(f"{path}: no RELRO")
    if re.search(r"GNU_STACK.*E\b", segments):
        problems.append(f"{path}: executable stack")
    return report("linkage", problems)


if __name__ == "__main__":
    sys.exit(main())
