# SPDX-License-Identifier: MIT
# The DNS server as seen through glibc, unbound and dnsmasq.
"""Real resolver stacks resolve names of mmsd-dns-server."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from lone_worker import built, staged

pytest.importorskip("dns")

V4 = ["10.0.0.1", "10.0.0.2"]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What each resolver said, from namespaces where port 53 is ours."""
    executable = built("workers/dns-server/mmsd-dns-server")
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("needs root and unshare: port 53 and resolv.conf in private namespaces")
    namespaces = ["unshare", "--mount", "--net"]
    if subprocess.run([*namespaces, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no private mounts here, as in a plain chroot")
    script = pathlib.Path(__file__).resolve().parent.parent / "support/dns_resolvers.py"
    with staged(executable) as path:
        done = subprocess.run(
            [*namespaces, sys.executable, script, path,
             tmp_path_factory.mktemp("resolvers")],
            capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def addresses(result):
    assert result["status"] == 0, result
    return sorted({line.split()[0] for line in result["output"]})


@pytest.mark.parametrize("how", ["getent", "getent search", "getent upper"])
def test_glibc_finds_all_addresses(results, how):
    """By full name, by search list, in any case."""
    assert addresses(results[how]) == [*V4, "2001:db8::1"]


def test_glibc_by_family_many_reverse_and_none(results):
    """Also over TCP after a truncated answer."""
    assert addresses(results["getent v4"]) == V4
    assert len(addresses(results["getent many"])) == 300
    assert results["getent reverse"]["output"][0].split()[1].endswith(".web.path.mmsd")
    assert results["getent none"]["status"] == 2


@pytest.mark.parametrize("resolver", ["unbound", "dnsmasq"])
def test_resolvers_in_front(results, resolver):
    """Answers pass through unchanged."""
    if resolver not in results:
        pytest.skip(f"no {resolver}")
    said = results[resolver]
    assert said["a"] == said["tcp"] == said["case"] == {"rcode": 0, "answer": V4}
    assert len(said["srv"]["answer"]) == 3
    assert len(said["many"]["answer"]) == 300
    assert said["none"] == {"rcode": 3, "answer": []}
