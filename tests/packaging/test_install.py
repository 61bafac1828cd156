# SPDX-License-Identifier: MIT
# meson install brings everything a package needs, to the right places, and nothing else.
"""Installed files."""

from __future__ import annotations

import os
import subprocess

EXECUTABLES = {
    "sbindir": {"mmsd"},
    "libexecdir": {"mmsd-api-server", "mmsd-client", "mmsd-confd-writer", "mmsd-dns-server",
                   "mmsd-haproxy-manager", "mmsd-marathon-watcher", "mmsd-udp-balancer"},
}


def files_below(root) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}


def test_every_part_is_there(installed, options):
    prefix = options["prefix"]
    data = os.path.join(prefix, options["datadir"])
    found = {f"/{name}" for name in files_below(installed)}
    wanted = {os.path.join(prefix, options["sbindir"], name) for name in EXECUTABLES["sbindir"]}
    wanted |= {os.path.join(prefix, options["libexecdir"], "mmsd", name)
               for name in EXECUTABLES["libexecdir"]}
    wanted |= {os.path.join(prefix, options["mandir"], name)
               for name in ("man1/mmsd-explain.1", "man1/mmsd-status.1", "man5/mmsd.conf.5",
                            "man8/mmsd.8")}
    wanted |= {os.path.join(data, name) for name in (
        "licenses/mmsd/LICENSE", "doc/mmsd/NEWS", "doc/mmsd/README.md",
        "doc/mmsd/examples/mmsd.conf")}
    assert wanted <= found
    for part in ("mmsd.service", "mmsd-api.socket", "mmsd-dns.socket", "sysusers.d/mmsd.conf", "tmpfiles.d/mmsd.conf",
                 "completions/mmsd.bash", "_mmsd", "apparmor.d/usr.sbin.mmsd"):
        assert sum(name.endswith("/" + part) for name in found) == 1, part


def test_modes_are_plain(installed):
    for path in installed.rglob("*"):
        mode = path.lstat().st_mode & 0o7777
        is_program = path.name.startswith("mmsd") and path.parent.name in ("mmsd", "sbin") \
            and "doc" not in path.parts and "licenses" not in path.parts
        assert mode == (0o755 if path.is_dir() or is_program else 0o644), f"{path}: {mode:o}"


def test_nothing_names_the_build(installed, build, source):
    """A path of the machine that built mmsd would break reproducibility, or worse, be used."""
    for path in installed.rglob("*"):
        if path.is_dir() or os.access(path, os.X_OK):
            continue
        text = path.read_text()
        assert str(build) not in text and str(source) not in text, path
        assert "@" not in "".join(line for line in text.splitlines() if "_DIR@" in line), path


def test_the_example_is_what_is_in_force(installed, build, tmp_path):
    """All lines are comments; with the comment signs taken away nothing changes."""
    [example] = installed.rglob("examples/mmsd.conf")
    lines = example.read_text().splitlines()
    assert all(not line or line.startswith("#") for line in lines)
    uncommented = [line[1:] for line in lines if line.startswith("#") and not line.startswith("# ")]
    given = [line for line in uncommented if not line.endswith("=")]
    config = tmp_path / "mmsd.conf"

    def effective() -> str:
        return subprocess.run([build / "daemon/mmsd", "--check-config", f"--config={config}"],
                              capture_output=True, text=True, check=True).stdout

    config.write_text("")
    before = effective()
    config.write_text("\n".join(given) + "\n")
    assert effective() == before
    assert {line.split(" =")[0] for line in uncommented} == {
        line.split(" =")[0] for line in before.splitlines()}


def test_apparmor_understands_the_profile(installed, need, tmp_path):
    profile = next(installed.rglob("apparmor.d/usr.sbin.mmsd"))
    parsed = subprocess.run([need("apparmor_parser"), "--skip-kernel-load", "--skip-cache",
                             "--quiet", profile], capture_output=True, text=True, check=False)
    assert parsed.returncode == 0, parsed.stderr
