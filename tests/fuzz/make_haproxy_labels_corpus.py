#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Writes the first corpus of fuzz_haproxy_labels: apps with good labels and with hostile ones.
"""Usage: make_haproxy_labels_corpus.py FOLDER"""

import sys
from pathlib import Path

# In the order of makeApp(): version, names of two ports, path of the check, the labels.
LABELS = ["proto", "lb-group", "lb-vhost", "lb-vhost-ssl", "lb-vhost-default",
          "lb-vhost-ssl-default", "lb-accept-proxy", "lb-proxy-protocol", "lb-balance",
          "http-connection-mode", "haproxy-logging", "disable-haproxy-health-check"]
GOOD = {
    "proto": ["http", "smtp", "redis", "redis-master", "redis-slave", "tcp"],
    "lb-group": ["x"],
    "lb-vhost": ["a.example.org", "a.example.org, *.b.example.org", "A.Example.ORG.:80"],
    "lb-vhost-ssl": ["a.example.org", "*.tls.test,b.test"],
    "lb-vhost-default": ["0", "1"],
    "lb-vhost-ssl-default": ["0", "1"],
    "lb-accept-proxy": ["1", "true", "0"],
    "lb-proxy-protocol": ["1", "2"],
    "lb-balance": ["leastconn", "roundrobin", "source", "random"],
    "http-connection-mode": ["httpclose", "http-server-close", "http-keep-alive"],
    "haproxy-logging": ["0", "1"],
    "disable-haproxy-health-check": ["true"],
}
HOSTILE = ["\n    server x 1.2.3.4:5", "x\nfrontend y", "x y", "a b.c", "${HOME}", "%[src]", "\"",
           "'", "\\", "#", "x\r\ny", "\x7f", "\xe9", "*", "*.", "..", "-", "a" * 70, "$", "{", "}",
           "a.test *", "@1", "0\n1"]


def app(name, labels, path="/health", port="web"):
    return "\0".join([name, "2016-10-13T13:31:39.055Z", port, "", path,
                      *(labels.get(label, "") for label in LABELS), "task", "10.0.0.1"])


def corpus():
    for label, values in GOOD.items():
        for value in [*values, *HOSTILE]:
            yield app("/a", {label: value, "proto": "http", **({label: value})})
    for text in HOSTILE:
        yield app("/a" + text, {})
        yield app("/a", {}, path="/" + text)
        yield app("/a", {}, port=text)
    yield "\0".join([app("/a", {"lb-vhost": "a.test"}), app("/b", {"lb-vhost": "a.test"}),
                     app("/a_0", {}), app("/a:5F0", {})])


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(corpus()):
        (folder / f"{number:03}").write_bytes(bytes([number % 2]) + text.encode("latin-1"))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
