#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Writes the first corpus of fuzz_marathon_json: golden documents, one event of each type, odd ones.
"""Usage: make_marathon_json_corpus.py FOLDER

With MMSD_FIXTURES the recorded documents of that folder are taken as well.
"""

import json
import os
import re
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
LIST, SINGLE, ANY, APP, EVENT = range(5)
LARGEST = 20_000

APPS = [
    {"id": "/a", "tasks": []},
    {"id": "b", "version": "2016-10-13T13:31:39.055Z", "labels": {"proto": "http", "x": None},
     "ports": [10000, 0], "requirePorts": True,
     "healthChecks": [{"protocol": "HTTP", "path": "/", "portIndex": 0, "gracePeriodSeconds": 1}],
     "tasks": [{"id": "b.1", "host": "10.0.0.1", "ports": [31000, 31001], "slaveId": "s",
                "state": "TASK_RUNNING", "startedAt": "2016-10-13T13:31:39.055Z",
                "healthCheckResults": [{"alive": True}, None]}]},
    {"id": "/c", "container": {"type": "DOCKER", "docker": {
        "network": "BRIDGE", "portMappings": [
            {"containerPort": 80, "hostPort": 0, "servicePort": 10001, "protocol": "tcp,udp",
             "labels": {"lb-group": "x"}}]}},
     "tasks": [{"id": "c.1", "host": "x.example", "ports": [31002], "state": "TASK_KILLING"},
               {"id": "c.2", "host": "h", "ports": [31003], "state": "TASK_UNREACHABLE",
                "ipAddresses": [{"ipAddress": "::1", "protocol": "IPv6"}]}]},
    {"id": "/d", "ipAddress": {"discovery": {"ports": [{"number": 53, "name": "dns",
                                                        "protocol": "udp"}]}},
     "tasks": [{"id": "d.1", "host": None, "ipAddresses": [{"ipAddress": "192.168.1.1"}]}]},
    {"id": "/e", "networks": [{"mode": "container", "name": "n"}],
     "container": {"portMappings": [{"containerPort": 1}]}, "portDefinitions": [{"port": 70000}]},
    {"id": 5}, {"id": "/../x"}, {"id": "/a b"}, [], None, 1, "x",
]
ODD = [b"", b"{}", b"[]", b"null", b'{"apps":[]}', b'{"apps":{}}', b'{"app":{}}', b'{"apps":[1,{}',
       b"[" * 80, b'{"a":' * 70, b'"\\ud800"', b'{"apps":[{"id":"/\\u0000"}]}', b"1e999", b"-",
       b'{"id":"/a","id":"/b"}', b'\xff', b'{"a":1}{"b":2}']


def events():
    source = (TESTS.parent / "daemon/marathon/event.cpp").read_text()
    names = sorted(set(re.findall(r'"([a-z_]+(?:_event|_success|_failed|_info|registered))"',
                                  source)))
    for name in [*names, "unknown_event"]:
        yield {"eventType": name, "appId": "/a/b", "id": "/a", "taskStatus": "TASK_RUNNING",
               "appDefinition": {"id": "/c"}, "runSpecId": "/d", "groupId": "/g",
               "instanceId": "a_b.instance-1", "plan": {"steps": [
                   {"actions": [{"action": "StartApplication", "app": "/e", "pod": "/p"}]}],
                   "original": {"apps": [{"id": "/o"}]}, "target": {"groups": []}},
               "currentStep": {"actions": [{"app": "/f"}]}}


def corpus():
    apps = {"apps": APPS}
    for kind in (LIST, ANY):
        yield kind, apps
        yield kind, {"other": [{"id": "no"}], "apps": APPS[:2]}
    yield SINGLE, {"app": APPS[1]}
    yield ANY, APPS
    yield ANY, {"id": "/", "apps": APPS[:1], "groups": [{"id": "/g", "apps": APPS[1:3]}]}
    for app in APPS:
        yield APP, app
        yield SINGLE, {"app": app}
    for event in events():
        yield EVENT, event
    for kind in range(5):
        for odd in ODD:
            yield kind, odd
        for path in sorted((TESTS / "golden/marathon").glob("*.json")):
            yield kind, path.read_bytes()
    for path in sorted(Path(os.environ.get("MMSD_FIXTURES", "/nonexistent")).rglob("*.json")):
        if path.stat().st_size <= LARGEST:
            for kind in range(5):
                yield kind, path.read_bytes()


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for number, (kind, content) in enumerate(corpus()):
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        (folder / f"{number:03}").write_bytes(bytes([kind + 5 * 8]) + text)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
