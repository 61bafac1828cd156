#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Checks that every shell script parses, and that it stops at errors.
"""Shell scripts. Usage: check_shell.py SOURCE_ROOT"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

from source_tree import report, source_files


def main() -> int:
    root = pathlib.Path(sys.argv[1]).resolve()
    problems = []
    for path in source_files(root, ".sh", "run"):
        name = path.relative_to(root).as_posix()
        parsed = subprocess.run(["bash", "-n", path], capture_output=True, text=True, check=False)
        if parsed.returncode:
            problems.append(f"{name}: {parsed.stderr.strip()}")
        text = path.read_text()
        if text.startswith("#!"):
            if "set -euo pipefail" not in text:
                problems.append(f"{name}: no `set -euo pipefail`")
            if not os.access(path, os.X_OK):
                problems.append(f"{name}: not executable")
    return report("shell", problems)


if __name__ == "__main__":
    sys.exit(main())
