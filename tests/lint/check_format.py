#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Checks the C++ layout with the clang-format version that the project is written with.
"""Layout. Usage: check_format.py SOURCE_ROOT"""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
import sys

from source_tree import source_files

_MAJOR = "14"  # other versions lay some code out differently
_SKIP = 77


def main() -> int:
    root = pathlib.Path(sys.argv[1]).resolve()
    tool = shutil.which(f"clang-format-{_MAJOR}") or shutil.which("clang-format")
    if tool is None:
        print("format: skipped, no clang-format")
        return _SKIP
    version = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout
    if not re.search(rf"version {_MAJOR}\.", version):
        print(f"format: skipped, needs clang-format {_MAJOR}, there is {version.strip()}")
        return _SKIP
    files = [str(path) for path in source_files(root, ".cpp", ".h")]
    return subprocess.run([tool, "--dry-run", "-Werror", "-ferror-limit=3", *files], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
