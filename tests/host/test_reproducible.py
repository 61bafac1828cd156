# SPDX-License-Identifier: MIT
# Who builds the package, where and when does not show in it: the same octets from another builder.
"""Reproducible build."""

from __future__ import annotations

import hashlib
import pathlib
import shutil
import subprocess

import host_roots
import pytest
from conftest import VERSION

_NEEDED = ("disorderfs", "faketime", "setarch", "unshare")


def sums(folder: pathlib.Path) -> dict[str, str]:
    """Digests of all that a build leaves but its own record of how it was."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.iterdir()) if path.is_file()
            and path.suffix not in (".buildinfo", ".changes")}


def differences(one: pathlib.Path, other: pathlib.Path) -> str:
    if shutil.which("diffoscope") is None:
        return "install diffoscope-minimal to see more"
    return subprocess.run(["diffoscope", "--max-report-size=10000", one, other],
                          capture_output=True, text=True, check=False).stdout


def test_the_same_from_another_builder(suite, deb, tmp_path):
    missing = [name for name in _NEEDED if shutil.which(name) is None]
    if suite != host_roots.running_suite() or missing:
        pytest.skip(f"of this machine's release, and needs {', '.join(missing) or 'nothing else'}")
    host_roots.package_built_otherwise(VERSION, tmp_path)
    here, there = sums(deb.parent), sums(tmp_path)
    # Two packages (one of symbols), and three files of the source.
    assert len(here) == 5 and set(here) == set(there)
    for name, digest in here.items():
        assert digest == there[name], differences(deb.parent / name, tmp_path / name)
