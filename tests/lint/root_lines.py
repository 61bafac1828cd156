#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Counts the code that is linked into the supervisor, the process that runs as root.
"""Lines of code that can run as root. Usage: root_lines.py BUILD_ROOT SOURCE_ROOT EXECUTABLE

The limit is for lines that have machine code in the executable, as its debug information says:
what the linker dropped cannot run. Beside them stand the code lines (no blanks, no comments) of all
files that those lines come from. The link is done again with a map to learn which objects went
in, and the compiler's dependency files say which headers those were made of.
"""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
import tempfile

# The goal is 2 000; this is where it stands, so that it does not grow unnoticed.
_LIMIT = 2425
_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL
)


def code_lines(path: pathlib.Path) -> int:
    """Lines that hold anything but blanks and comments."""

    def without_comment(match: re.Match) -> str:
        text = match.group()
        return "\n" * text.count("\n") if text.startswith(("//", "/*")) else text

    text = _TOKEN.sub(without_comment, path.read_text())
    return sum(bool(line.strip()) for line in text.splitlines())


def linked_objects(build: pathlib.Path, executable: str) -> set[str]:
    """Objects that the linker puts into @executable, relative to the build folder."""
    commands = subprocess.run(
        ["ninja", "-t", "commands", executable], cwd=build, check=True, capture_output=True,
        text=True,
    ).stdout.splitlines()
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "linked"
        link = re.sub(r" -o \S+", f" -o {output}", commands[-1], count=1)
        subprocess.run(f"{link} -Wl,-Map={output}.map", shell=True, cwd=build, check=True)
        text = pathlib.Path(f"{output}.map").read_text()
    # Members of thin archives stand there by their path, others as archive(member).
    objects = set(re.findall(r"^(?:LOAD )?(\S+\.o)\b", text, re.MULTILINE))
    members = re.findall(r"^(\S+\.a)\((\S+\.o)\)", text, re.MULTILINE)
    return objects | {f"{archive}.p/{member}" for archive, member in members}


def sources_of(build: pathlib.Path, source: pathlib.Path, objects: set[str]) -> set[pathlib.Path]:
    """The project's files that went into those objects."""
    compiled = json.loads((build / "compile_commands.json").read_text())
    known = {entry["output"]: entry["file"] for entry in compiled}
    names = sorted(name for name in objects if name in known)
    if not names:
        raise SystemExit("no object of the project in the linker's map")
    found = {(build / known[name]).resolve() for name in names}
    deps = subprocess.run(
        ["ninja", "-t", "deps", *names], cwd=build, check=True, capture_output=True, text=True
    ).stdout
    if "not found" in deps:
        raise SystemExit("ninja has no dependencies of some objects; build first")
    for line in deps.splitlines():
        if line.startswith("    "):
            found.add((build / line.strip()).resolve())
    return {path for path in found if path.is_relative_to(source) and path.suffix in (".cpp", ".h")}


def executable_lines(build: pathlib.Path, executable: str) -> dict[pathlib.Path, int]:
    """By source file, the lines that have machine code in the executable."""
    sections = subprocess.run(
        ["readelf", "--wide", "--sections", executable], cwd=build, check=True,
        capture_output=True, text=True,
    ).stdout
    start, size = re.search(r" \.text +PROGBITS +(\w+) \w+ (\w+)", sections).groups()
    text = range(int(start, 16), int(start, 16) + int(size, 16))
    listing = subprocess.run(
        ["objdump", "--dwarf=decodedline", executable], cwd=build, check=True,
        capture_output=True, text=True,
    ).stdout
    lines: dict[pathlib.Path, set[str]] = {}
    path = pathlib.Path()
    for row in listing.splitlines():
        if row.endswith(":"):
            path = (build / row[:-1]).resolve()
            continue
        columns = row.split()
        # Functions that the linker dropped keep their rows, at addresses around 0.
        if len(columns) > 2 and columns[1].isdigit() and int(columns[2], 16) in text:
            lines.setdefault(path, set()).add(columns[1])
    return {path: len(found) for path, found in lines.items()}


def main() -> int:
    build, source = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    executable = pathlib.Path(sys.argv[3]).resolve().relative_to(build).as_posix()
    files = sources_of(build, source, linked_objects(build, executable))
    in_machine_code = executable_lines(build, executable)
    totals: dict[str, list[int]] = {}
    print("  runs   code  file")
    for path in sorted(files):
        name = path.relative_to(source).as_posix()
        counts = (in_machine_code.get(path, 0), code_lines(path))
        print(f"{counts[0]:6} {counts[1]:6}  {name}")
        folder = totals.setdefault(name.rsplit("/", 1)[0] + "/", [0, 0])
        folder[0] += counts[0]
        folder[1] += counts[1]
    print()
    for folder, (runs, code) in sorted(totals.items()):
        print(f"{runs:6} {code:6}  {folder}")
    runs, code = (sum(counts) for counts in zip(*totals.values()))
    print(
        f"\n{runs} lines can run as root, at most {_LIMIT} are allowed;"
        f" the files that they stand in have {code} code lines"
    )
    return 1 if runs > _LIMIT or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
