# SPDX-License-Identifier: MIT
# Ways to a Marathon that the fault table does not take.
"""Independent masters, credentials, prefixes, chunked answers."""

from __future__ import annotations

import shutil

import pytest


def test_next_master_takes_over(make_double, make_mmsd, expect_state):
    first, second = make_double("1.5"), make_double("1.5")
    for double in (first, second):
        double.add_app("/web", instances=2)
    mmsd = make_mmsd(None, f"--marathon-url={first.url},{second.url}").start()
    used, other = (first, second) if first.open_streams else (second, first)
    expect_state(mmsd, used)
    used.pause()
    other.scale("/web", 5)
    expect_state(mmsd, other, timeout=30)


@pytest.mark.parametrize("secret", ["someone:secret-word", "token=secret-word"])
def test_credentials_from_a_file(make_double, make_mmsd, expect_state, secret):
    double = make_double("1.5", auth=secret)
    double.add_app("/web")
    mmsd = make_mmsd(double)
    credentials = mmsd.folder / "credentials"
    credentials.write_text(secret + "\n")
    shutil.chown(credentials, "mmsd-watcher")
    credentials.chmod(0o400)
    mmsd.extra_arguments += [f"--marathon-auth-file={credentials}", "-v"]
    mmsd.start()
    expect_state(mmsd, double)
    assert "secret-word" not in mmsd.log
    for pid in mmsd.pids().values():
        with open(f"/proc/{pid}/cmdline", "rb") as line:
            assert b"secret-word" not in line.read()


def test_path_prefix_and_chunked_answers(make_double, make_mmsd, expect_state):
    double = make_double("1.5", prefix="/service/marathon", is_chunked=True)
    double.add_app("/web", instances=3)
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)
