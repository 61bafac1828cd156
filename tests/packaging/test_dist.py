# SPDX-License-Identifier: MIT
# A release is one command, whole, and of one version.
"""meson dist and the version."""

from __future__ import annotations

import pathlib
import subprocess
import tarfile

import pytest

# What must stay the whole of the top level.
_TOP = {"LICENSE", "README.md", "common", "daemon", "meson.build", "meson_options.txt", "packaging",
        "protocol", "tests", "workers"}


@pytest.fixture(scope="module")
def tarball(build, source, need, project, tmp_path_factory) -> pathlib.Path:
    """The release, from a clone, as `meson dist` takes what is committed."""
    if not (source / ".git").exists():
        pytest.skip("the source is no git clone")
    folder = tmp_path_factory.mktemp("dist")
    git = [need("git"), "-c", "safe.directory=*"]
    subprocess.run([*git, "clone", "-q", source, folder / "clone"], check=True, capture_output=True)
    meson = need("meson")
    subprocess.run([meson, "setup", "-Dtests=false", folder / "build", folder / "clone"], check=True,
                   capture_output=True)
    subprocess.run([meson, "dist", "-C", folder / "build", "--no-tests", "--formats=xztar"],
                   check=True, capture_output=True)
    return folder / "build" / "meson-dist" / f"mmsd-{project['version']}.tar.xz"


def test_the_release_is_whole(tarball, project, need, tmp_path):
    with tarfile.open(tarball) as archive:
        names = archive.getnames()
        archive.extractall(tmp_path)
    root = tmp_path / f"mmsd-{project['version']}"
    assert {name.split("/")[1] for name in names if "/" in name
            and not name.split("/")[1].startswith(".")} == _TOP
    subprocess.run([need("meson"), "setup", tmp_path / "build", root], check=True,
                   capture_output=True)


def test_one_version_everywhere(source, build, project):
    version = project["version"]
    packaging = source / "packaging"
    assert (packaging / "NEWS").read_text().startswith(f"mmsd {version}\n")
    assert (packaging / "debian/changelog").read_text().startswith(f"mmsd ({version}-")
    assert f"\nVersion:        {version}\n" in (packaging / "rpm/mmsd.spec").read_text()
    assert f"\npkgver={version}\n" in (packaging / "arch/PKGBUILD").read_text()
    shown = subprocess.run([build / "daemon/mmsd", "--version"], capture_output=True, text=True,
                           check=True)
    assert shown.stdout.startswith(f"mmsd {version}\n")
