#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Asks a DNS server through real resolvers, in mount and network namespaces of its own.
"""Run by test_dns_resolvers.py as `unshare --mount --net dns_resolvers.py EXECUTABLE FOLDER`.

Port 53 and /etc/resolv.conf are private there. Prints what each resolver said as JSON.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import dns.message  # noqa: E402
import dns.query  # noqa: E402

from dns_server import RunningDnsServer  # noqa: E402
from snapshot_frames import App, Instance, Port  # noqa: E402
from waiting import wait_for  # noqa: E402

UNBOUND_CONF = """server:
  interface: 127.0.0.1@5301
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  do-daemonize: no
  use-syslog: no
  do-not-query-localhost: no
  module-config: "iterator"
  domain-insecure: "mmsd"
stub-zone:
  name: "mmsd"
  stub-addr: 127.0.0.1
  stub-no-cache: yes
remote-control:
  control-enable: no
"""


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return {"status": done.returncode, "output": done.stdout.splitlines()}


def ask(port, name, rdtype, tcp=False):
    """What a resolver on that port answers, as soon as it does."""
    send = dns.query.tcp if tcp else dns.query.udp

    def probe():
        try:
            reply = send(dns.message.make_query(name, rdtype), "127.0.0.1", timeout=1, port=port)
        except (OSError, dns.exception.Timeout) as error:
            raise AssertionError(str(error)) from error
        return {"rcode": reply.rcode(),
                "answer": sorted(str(item) for rrset in reply.answer for item in rrset)}

    return wait_for(f"answer from port {port}", probe)


def ask_resolver(port):
    return {"a": ask(port, "web.path.mmsd.", "A"),
            "tcp": ask(port, "web.path.mmsd.", "A", tcp=True),
            "srv": ask(port, "web.path.mmsd.", "SRV"),
            "many": ask(port, "many.mmsd.", "A", tcp=True),
            "case": ask(port, "WEB.path.MMSD.", "A"),
            "none": ask(port, "none.mmsd.", "A")}


def main():
    executable, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # getaddrinfo's AI_ADDRCONFIG wants addresses beside those of the loopback.
    for address in ("192.0.2.1/32", "2001:db8:1::1/128"):
        subprocess.run(["ip", "address", "add", address, "dev", "lo", "nodad"]
                       if ":" in address else
                       ["ip", "address", "add", address, "dev", "lo"], check=True)
    resolv = folder / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\nsearch path.mmsd\n")
    subprocess.run(["mount", "--bind", resolv, "/etc/resolv.conf"], check=True)

    server = RunningDnsServer(executable, address="127.0.0.1", port=53)
    children = []
    try:
        server.worker.apply([
            App("/path/web", [Port(80, "tcp", "http")],
                [Instance("10.0.0.1", [31000]), Instance("10.0.0.2", [31000]),
                 Instance("2001:db8::1", [31000])]),
            App("/many", [Port(80, "tcp")],
                [Instance(f"10.1.{i // 200}.{i % 200}", [80], task_id=f"many.{i}")
                 for i in range(300)])])
        results = {
            "getent": run("getent", "ahosts", "web.path.mmsd"),
            "getent search": run("getent", "ahosts", "web"),
            "getent upper": run("getent", "ahosts", "WEB.Path.MMSD"),
            "getent v4": run("getent", "ahostsv4", "web.path.mmsd"),
            "getent many": run("getent", "ahostsv4", "many.mmsd"),
            "getent reverse": run("getent", "hosts", "10.0.0.1"),
            "getent none": run("getent", "ahosts", "none.mmsd"),
        }
        (folder / "unbound.conf").write_text(UNBOUND_CONF.format(folder=folder))
        for command, port in (
            (["unbound", "-d", "-c", folder / "unbound.conf"], 5301),
            (["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv",
              "--no-hosts", "--port=5302", "--server=127.0.0.1#53", "--cache-size=0",
              "--bind-interfaces", "--listen-address=127.0.0.1", "--user=root",
              "--pid-file="], 5302),
        ):
            try:
                children.append(subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                                 stderr=subprocess.DEVNULL))
            except FileNotFoundError:
                continue
            results[command[0]] = ask_resolver(port)
        print(json.dumps(results))
    finally:
        for child in children:
            child.kill()
            child.wait()
        server.stop()


if __name__ == "__main__":
    main()
