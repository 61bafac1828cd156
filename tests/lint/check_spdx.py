#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Checks that every source file begins with its licence, then its purpose in one sentence.
"""First lines of source files. Usage: check_spdx.py SOURCE_ROOT"""

from __future__ import annotations

import pathlib
import re
import sys

from source_tree import report, source_files

_LICENCE = "SPDX-License-Identifier: MIT"
_COMMENTS = {".cpp": "//", ".h": "//"}
_PURPOSE = re.compile(r"\w+.* \w+")


def check(path: pathlib.Path, name: str) -> str | None:
    """What is wrong with the first lines of a file."""
    comment = _COMMENTS.get(path.suffix, "#")
    lines = path.read_text().splitlines()
    if lines and lines[0].startswith("#!"):
        del lines[0]
    if not lines or lines[0] != f"{comment} {_LICENCE}":
        return f"{name}: does not begin with `{comment} {_LICENCE}`"
    if path.name.startswith("meson"):
        return None
    if len(lines) < 2 or not lines[1].startswith(f"{comment} ") or not _PURPOSE.search(lines[1]):
        return f"{name}: the second line does not say what the file is for"
    return None


def main() -> int:
    root = pathlib.Path(sys.argv[1]).resolve()
    files = source_files(root, ".cpp", ".h", ".py", ".sh", "meson.build", "run")
    files += [root / "meson.build", root / "meson_options.txt"]
    found = [check(path, path.relative_to(root).as_posix()) for path in files]
    return report("spdx", [problem for problem in found if problem])


if __name__ == "__main__":
    sys.exit(main())
