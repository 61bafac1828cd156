#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Checks who includes what: folders know only folders below them, libraries stay in their wrappers.
"""Include rules. Usage: check_includes.py SOURCE_ROOT"""

from __future__ import annotations

import pathlib
import re
import sys

from source_tree import report, source_files

_INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)

# What the files of a part may include, beside their own part.
_MAY_INCLUDE = {
    "common": set(),
    "protocol": {"common"},
    "daemon": {"common", "protocol"},
    "daemon/client": {"common", "protocol"},
    "daemon/marathon": {"common", "protocol"},
    "workers/runtime": {"common", "protocol"},
    "workers/*": {"common", "protocol", "workers/runtime"},
}
_SUPERVISOR = "daemon"
_STATE = "protocol/state"
# Third-party headers by prefix, and the files or folders that may include them.
_LIBRARIES = {
    "event2/": ("common/", "daemon/marathon/", "workers/api-server/"),
    "curl/": ("daemon/client/", "daemon/marathon/"),
    "rapidjson/": ("daemon/client/", "daemon/marathon/", "workers/api-server/"),
    "ldns/": ("workers/dns-server/",),
    "cxxopts.hpp": ("protocol/settings_parser.cpp",),
    "seccomp.h": ("common/syscall_filter.cpp",),
    "fmt/": ("daemon/client/", "daemon/marathon/", "workers/"),
}
_BANNED = {"format", "iostream", "regex", "filesystem"}
_GENERATED = {"build_config.h", "workers/api-server/status_page_assets.h"}


def part_of(path: str) -> str:
    """The part of a path relative to the source root: "common", "workers/api-server", …"""
    folders = path.split("/")[:-1]
    if folders[:1] == ["workers"]:
        return "/".join(folders[:2])
    if folders[:2] in (["daemon", "client"], ["daemon", "marathon"]):
        return "/".join(folders[:2])
    return folders[0] if folders else ""


def includes_of(path: pathlib.Path) -> list[tuple[str, str]]:
    """(kind, name) of each include; kind is < or ". """
    return _INCLUDE.findall(path.read_text())


def check_file(name: str, includes: list[tuple[str, str]], root: pathlib.Path) -> list[str]:
    """The problems of one file."""
    problems = []
    part = part_of(name)
    is_test = part == "tests"
    allowed = _MAY_INCLUDE.get(part, _MAY_INCLUDE["workers/*"])
    for kind, included in includes:
        if kind == '"':
            if included in _GENERATED:
                continue
            if not (root / included).is_file():
                problems.append(f'{name}: "{included}" is not written from the top folder')
            elif not is_test and part_of(included) not in {part, *allowed}:
                problems.append(f"{name}: {part} must not include {included}")
            continue
        if is_test:
            continue
        if included in _BANNED:
            problems.append(f"{name}: <{included}> is not used in this project")
        for prefix, places in _LIBRARIES.items():
            if included.startswith(prefix) and not name.startswith(places):
                problems.append(f"{name}: <{included}> is allowed in {', '.join(places)} only")
    return problems


def reachable(name: str, graph: dict[str, list[str]]) -> set[str]:
    """All project headers that a file includes, directly or not."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        for included in graph.get(waiting.pop(), []):
            if included not in seen:
                seen.add(included)
                waiting.append(included)
    return seen


def main() -> int:
    root = pathlib.Path(sys.argv[1]).resolve()
    problems = []
    graph = {}
    for path in source_files(root, ".cpp", ".h"):
        name = path.relative_to(root).as_posix()
        includes = includes_of(path)
        graph[name] = [included for kind, included in includes if kind == '"']
        problems += check_file(name, includes, root)
        if path.suffix == ".h" and "#pragma once" not in path.read_text():
            problems.append(f"{name}: no #pragma once")
    for name in graph:
        if part_of(name) == _SUPERVISOR:
            for header in sorted(reachable(name, graph)):
                if header.startswith(_STATE):
                    problems.append(f"{name}: the supervisor must not know {header}")
    return report("includes", problems)


if __name__ == "__main__":
    sys.exit(main())
