# SPDX-License-Identifier: MIT
# Which files of the source tree the lint checks look at.
"""The files of the source tree."""

from __future__ import annotations

import pathlib

FOLDERS = ("common", "protocol", "daemon", "workers", "tests", "packaging", ".ci")
_SKIPPED = {"__pycache__", ".pytest_cache", "golden"}


def source_files(root: pathlib.Path, *suffixes: str) -> list[pathlib.Path]:
    """All files below the source folders with one of @suffixes (or that whole name), sorted."""
    found = []
    for folder in FOLDERS:
        for path in (root / folder).rglob("*"):
            parts = path.relative_to(root).parts
            if _SKIPPED.intersection(parts) or not path.is_file():
                continue
            if path.suffix in suffixes or path.name in suffixes:
                found.append(path)
    return sorted(found)


def report(check: str, problems: list[str]) -> int:
    """Prints problems. @return the exit code"""
    for problem in problems:
        print(problem)
    print(f"{check}: {len(problems)} problems" if problems else f"{check}: ok")
    return 1 if problems else 0
