# SPDX-License-Identifier: MIT
# The tests that the Debian source package brings, run as Debian's own infrastructure does.
"""autopkgtest in a container that systemd runs in."""

from __future__ import annotations

import shutil
import subprocess

import host_roots
import pytest
from containers import import_root, own_network

_IMAGE = "localhost/autopkgtest:bookworm"


def test_every_test_of_the_source_package_passes(suite, deb, tools, tmp_path):
    if shutil.which("autopkgtest") is None or suite != "bookworm":
        pytest.skip("needs autopkgtest, and is for one release")
    import_root(tools, host_roots.autopkgtest_root(suite, deb), _IMAGE)
    [changes] = deb.parent.glob("*.changes")
    # No way out: all that the tests depend on is in the image.
    with own_network():
        done = subprocess.run(
            ["autopkgtest", f"--output-dir={tmp_path / 'out'}", "--timeout-factor=3", changes, "--",
             "podman", "--init", _IMAGE, "--", "--systemd=always", "--network=host"],
            env=tools.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False)
    # 2: something was skipped, which is as bad as a failure here.
    assert done.returncode == 0, done.stdout[-8000:]
    summary = (tmp_path / "out/summary").read_text()
    print(summary)
    assert summary.split() == ["smoke", "PASS"]
