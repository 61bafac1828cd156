# SPDX-License-Identifier: MIT
# systemd understands the unit, the users and the folders, and finds the unit tight.
"""systemd unit, sysusers and tmpfiles."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess

import pytest

# Times ten, as systemd-analyze counts it. What is left: root and its four capabilities, the host's
# network and users, limits that workers and HAProxy set for themselves.
_MOST_EXPOSURE = 20
_USERS = ("watcher", "haproxy", "confd", "dns", "api", "udp")


@pytest.fixture
def unit(installed, options, tmp_path) -> pathlib.Path:
    """The unit as installed, with the installed program in place of where it will be."""
    [path] = installed.rglob("mmsd.service")
    program = os.path.join(options["prefix"], options["sbindir"], "mmsd")
    text = path.read_text()
    assert f"ExecStart={program}\n" in text
    copy = tmp_path / "mmsd.service"
    copy.write_text(text.replace(program, f"{installed}{program}"))
    return copy


def test_systemd_has_nothing_to_say(need, unit):
    """Unknown keys are warnings, and the exit code is 0: only silence is right."""
    verified = subprocess.run([need("systemd-analyze"), "verify", "--man=no", unit],
                              capture_output=True, text=True, check=False)
    remarks = [line for line in (verified.stdout + verified.stderr).splitlines()
               if str(unit) in line or unit.name in line]
    assert verified.returncode == 0
    assert not remarks


def test_sockets_fit_the_defaults(need, installed, unit, build, tmp_path):
    """Nothing to say for systemd, and mmsd's own settings want just these."""
    paths = sorted(installed.rglob("mmsd-*.socket"))
    assert [path.name for path in paths] == ["mmsd-api.socket", "mmsd-dns.socket"]
    for path in paths:
        (tmp_path / path.name).write_text(path.read_text())
        verified = subprocess.run([need("systemd-analyze"), "verify", "--man=no",
                                   tmp_path / path.name], capture_output=True, text=True,
                                  check=False)
        assert verified.returncode == 0, verified.stderr
        assert not [line for line in verified.stderr.splitlines() if "mmsd" in line]
    shown = subprocess.run([build / "daemon/mmsd", "--check-config", "--config=/dev/null"],
                           capture_output=True, text=True, check=True).stdout
    settings = dict(line.split(" = ", 1) for line in shown.splitlines() if " = " in line)
    bound = re.findall(r"^(Listen\w+|FileDescriptorName|Service)=(.*)$",
                       "".join(path.read_text() for path in paths), re.MULTILINE)
    address = settings["bind-ip"]
    assert bound == [("ListenStream", f"{address}:{settings['api-port']}"),
                     ("FileDescriptorName", "api"), ("Service", "mmsd.service"),
                     ("ListenDatagram", f"{address}:{settings['dns-port']}"),
                     ("ListenStream", f"{address}:{settings['dns-port']}"),
                     ("FileDescriptorName", "dns"), ("Service", "mmsd.service")]


def test_verify_would_notice(need, unit):
    unit.write_text(unit.read_text().replace("PrivateTmp=", "PrivateTemp="))
    verified = subprocess.run([need("systemd-analyze"), "verify", "--man=no", unit],
                              capture_output=True, text=True, check=False)
    assert "PrivateTemp" in verified.stderr


def test_exposure_is_low(need, unit):
    judged = subprocess.run([need("systemd-analyze"), "security", "--offline=true",
                             f"--threshold={_MOST_EXPOSURE}", "--no-pager", unit],
                            capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout
    assert "Overall exposure level" in judged.stdout


def test_root_keeps_four_capabilities(need, unit):
    judged = subprocess.run([need("systemd-analyze"), "security", "--offline=true", "--json=short",
                             unit], capture_output=True, text=True, check=False)
    held = {row["name"] for row in json.loads(judged.stdout)
            if row["json_field"].startswith("CapabilityBoundingSet") and not row["set"]}
    # systemd-analyze counts in groups.
    assert held == {"CapabilityBoundingSet=~CAP_SET(UID|GID|PCAP)",
                    "CapabilityBoundingSet=~CAP_NET_(BIND_SERVICE|BROADCAST|RAW)"}


def test_users_are_made(need, installed, options, tmp_path):
    [path] = [found for found in installed.rglob("mmsd.conf") if found.parent.name == "sysusers.d"]
    (tmp_path / "etc").mkdir()
    subprocess.run([need("systemd-sysusers"), f"--root={tmp_path}", path], check=True,
                   capture_output=True)
    group = [line.split(":") for line in (tmp_path / "etc/group").read_text().splitlines()]
    users = [line.split(":") for line in (tmp_path / "etc/passwd").read_text().splitlines()]
    [gid] = [line[2] for line in group if line[0] == options["group"]]
    assert {user[0] for user in users} == {options["user_prefix"] + name for name in _USERS}
    for user in users:
        assert user[3] == gid
        assert user[6] == "/usr/sbin/nologin"


def test_folder_is_made(need, installed, options, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root gives a folder to root")
    [path] = [found for found in installed.rglob("mmsd.conf") if found.parent.name == "tmpfiles.d"]
    (tmp_path / "etc").mkdir()
    users = {f"{options['user_prefix']}{name}": 30_000 + i for i, name in enumerate(_USERS)}
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n" + "".join(
        f"{name}:x:{uid}:31000::/:/bin/sh\n" for name, uid in users.items()))
    (tmp_path / "etc/group").write_text(f"root:x:0:\n{options['group']}:x:31000:\n")
    made = subprocess.run([need("systemd-tmpfiles"), f"--root={tmp_path}", "--create", path],
                          check=True, capture_output=True, text=True)
    assert not made.stderr
    folder = tmp_path / options["run_state_dir"].replace("/var/run/", "/run/").lstrip("/")
    assert folder.stat().st_mode & 0o7777 == 0o755
    # All that daemon/worker_spec.cpp names: the service cannot give folders away itself.
    specs = (pathlib.Path(__file__).parents[2] / "daemon/worker_spec.cpp").read_text()
    wanted = {name: (users[options["user_prefix"] + user], 31_000, int(mode, 8))
              for user, name, mode in re.findall(
                  r'\.userSuffix = "(\w+)"(?:(?!userSuffix).)*?\.stateDirectory = "(\w+)",\s+'
                  r"\.stateDirectoryMode = (\d+)", specs, re.DOTALL)}
    assert {"watcher", "confd", "haproxy"} <= set(wanted)
    assert {entry.name: (entry.stat().st_uid, entry.stat().st_gid, entry.stat().st_mode & 0o7777)
            for entry in folder.iterdir()} == wanted
