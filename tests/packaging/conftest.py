# SPDX-License-Identifier: MIT
# Fixtures of the packaging tests: the build, the source, and an installation below a folder.
"""Fixtures of the packaging tests."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess

import pytest


def _folder(variable: str) -> pathlib.Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set")
    return pathlib.Path(value)


@pytest.fixture(scope="session")
def build() -> pathlib.Path:
    """Where mmsd was built."""
    return _folder("MMSD_BUILD_DIR")


@pytest.fixture(scope="session")
def source() -> pathlib.Path:
    """Where mmsd's source is."""
    return _folder("MMSD_SOURCE_DIR")


@pytest.fixture(scope="session")
def need():
    """Skips a test that lacks a program; returns its path."""

    def find(program: str) -> str:
        path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if path is None:
            pytest.skip(f"no {program}")
        return path

    return find


@pytest.fixture(scope="session")
def options(build, need) -> dict[str, str]:
    """What the build was set up with, by option name."""
    shown = subprocess.run([need("meson"), "introspect", "--buildoptions", build],
                           capture_output=True, text=True, check=True)
    return {option["name"]: option["value"] for option in json.loads(shown.stdout)}


@pytest.fixture(scope="session")
def project(build, need) -> dict[str, str]:
    """Name and version, as the build knows them."""
    shown = subprocess.run([need("meson"), "introspect", "--projectinfo", build],
                           capture_output=True, text=True, check=True)
    return json.loads(shown.stdout)


@pytest.fixture(scope="session")
def installed(build, need, tmp_path_factory) -> pathlib.Path:
    """The root of an installation (DESTDIR)."""
    destination = tmp_path_factory.mktemp("destdir")
    subprocess.run([need("meson"), "install", "-C", build, "--no-rebuild", "--quiet"],
                   env={**os.environ, "DESTDIR": str(destination)}, check=True,
                   capture_output=True)
    return destination


@pytest.fixture(scope="session")
def flags(build) -> dict[str, str]:
    """Each long flag of the supervisor with what --help says about its value ("" = none)."""
    text = subprocess.run([build / "daemon" / "mmsd", "--help"], capture_output=True, text=True,
                          check=True).stdout
    found = {}
    for line in text.splitlines():
        words = line.removeprefix("  ").split()
        for word in words[:2]:
            if word.startswith("--"):
                name, _, value = word[2:].partition("=")
                found[name] = value
                break
    assert "marathon-ip" in found and found["log-format"] == "text|json", found
    return found
