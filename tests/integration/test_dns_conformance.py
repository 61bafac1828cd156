# SPDX-License-Identifier: MIT
# The checks of ISC's EDNS compliance tester, and what else resolvers probe for, with dig.
"""Source: https://gitlab.isc.org/isc-projects/DNS-Compliance-Testing (genreport), RFC 6891."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from dns_server import RunningDnsServer
from lone_worker import built, staged
from snapshot_frames import App, Instance, Port

pytest.importorskip("dns")


@pytest.fixture(scope="module")
def server():
    if not shutil.which("dig"):
        pytest.skip("no dig")
    with staged(built("workers/dns-server/mmsd-dns-server")) as path:
        made = RunningDnsServer(path)
        made.worker.apply([App("/web", [Port(10000, "tcp", "http")],
                               [Instance(f"10.0.0.{i}", [31000]) for i in range(1, 100)])])
        yield made
        made.stop()


# What dig is asked to send, and what the answer has to show: status, flags, EDNS (None: none).
_CASES = {
    "dns": ("+noedns +noad +norec SOA mmsd.", "NOERROR", "qr aa", None),
    "do flag": ("+dnssec +noad +norec SOA mmsd.", "NOERROR", "qr aa", "flags: do; udp: 1232"),
    "unknown type": ("+noedns +noad +norec TYPE1000 mmsd.", "NOERROR", "qr aa", None),
    "ad flag": ("+noedns +norec +adflag SOA mmsd.", "NOERROR", "qr aa", None),
    "cd flag": ("+noedns +norec +noad +cdflag SOA mmsd.", "NOERROR", "qr aa cd", None),
    "rd flag": ("+noedns +noad +rec SOA mmsd.", "NOERROR", "qr aa rd", None),
    "z flag": ("+noedns +norec +noad +zflag SOA mmsd.", "NOERROR", "qr aa", None),
    "opcode 15": ("+noedns +norec +noad +opcode=15 +header-only", "NOTIMP", "qr", None),
    "notify": ("+noedns +norec +noad +opcode=notify SOA mmsd.", "NOTIMP", "qr", None),
    "update": ("+noedns +norec +noad +opcode=update SOA mmsd.", "NOTIMP", "qr", None),
    "edns": ("+edns=0 +nocookie +noad +norec SOA mmsd.", "NOERROR", "qr aa", "flags:; udp: 1232"),
    "edns 1": ("+edns=1 +noednsneg +nocookie +noad +norec SOA mmsd.", "BADVERS", "qr",
               "version: 0, flags:; udp: 1232"),
    "edns option": ("+edns=0 +nocookie +noad +norec +ednsopt=100 SOA mmsd.", "NOERROR", "qr aa",
                    "flags:; udp: 1232"),
    "edns 1 option": ("+edns=1 +noednsneg +nocookie +noad +norec +ednsopt=100 SOA mmsd.", "BADVERS",
                      "qr", "version: 0, flags:; udp: 1232"),
    "edns flags": ("+edns=0 +nocookie +noad +norec +ednsflags=0x0080 SOA mmsd.", "NOERROR",
                   "qr aa", "flags:; udp: 1232"),
    "edns list": ("+edns=0 +noad +norec +nsid +subnet=192.0.2.0/24 +expire +cookie +padding=128 "
                  "SOA mmsd.", "NOERROR", "qr aa", "flags:; udp: 1232"),
    "edns over TCP": ("+edns=0 +tcp +dnssec +nocookie +noad +norec SOA mmsd.", "NOERROR", "qr aa",
                      "flags: do; udp: 1232"),
    "keepalive": ("+edns=0 +tcp +keepalive +nocookie +noad +norec SOA mmsd.", "NOERROR", "qr aa",
                  "flags:; udp: 1232"),
    "edns 512": ("+edns=0 +ignore +bufsize=512 +nocookie +noad +norec A web.mmsd.", "NOERROR",
                 "qr aa tc", "flags:; udp: 1232"),
    "dnskey": ("+dnssec +noad +norec DNSKEY mmsd.", "NOERROR", "qr aa", "flags: do; udp: 1232"),
    "outside": ("+noedns +noad +norec SOA example.org.", "REFUSED", "qr", None),
    "class CH": ("+noedns +noad +norec -c CH -t TXT version.bind.", "REFUSED", "qr", None),
    "class ANY": ("+noedns +noad +norec -c ANY SOA mmsd.", "REFUSED", "qr", None),
    "meta type": ("+noedns +noad +norec TYPE254 mmsd.", "NOTIMP", "qr", None),
    "type zero": ("+noedns +noad +norec TYPE0 mmsd.", "NOERROR", "qr aa", None),
    "longest name": ("+noedns +noad +norec A " + ".".join(["a" * 63] * 3 + ["b" * 56]) + ".mmsd.",
                     "NXDOMAIN", "qr aa", None),
    "escaped dot": ("+noedns +noad +norec A we\\.b.mmsd.", "NXDOMAIN", "qr aa", None),
    "octet zero": ("+noedns +noad +norec A \\000web.mmsd.", "NXDOMAIN", "qr aa", None),
}


@pytest.mark.parametrize("case", _CASES)
def test_answers_as_the_tester_wants(server, case):
    arguments, status, flags, edns = _CASES[case]
    done = subprocess.run(
        ["dig", "+qr", "+time=5", "+tries=1", "-p", str(server.port), f"@{server.address}",
         *arguments.split()], capture_output=True, text=True, timeout=30, check=False)
    # +qr prints the query, too: the answer is what comes last.
    answer = done.stdout.split(";; Got answer:" if "Got answer" in done.stdout else ";; ->>")[-1]
    assert re.search(r"status: (\w+)", answer)[1] == status, done.stdout
    assert re.search(r"flags: ([a-z ]*);", answer)[1] == flags, done.stdout
    found = re.search(r"; EDNS: (.*)", answer)
    assert (found is not None) == (edns is not None), done.stdout
    if edns:
        assert edns in found[1] and "version: 0" in found[1], done.stdout
    for option in ("COOKIE", "NSID", "CLIENT-SUBNET", "EXPIRE", "PADDING", "KEEPALIVE", "OPT="):
        assert option not in answer, done.stdout
