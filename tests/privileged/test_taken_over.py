# SPDX-License-Identifier: MIT
# What code in a taken-over process can do: each attack against each cage, in a table.
"""Each process, built with an attack instead of its work, started by the real launcher as its real
user beside a real mmsd, whose processes are the victims. Every attack must fail but for the few
that PERMITTED names; and each must work for root without a cage, else it proves nothing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import mmsd_harness
import pytest
from marathon_double import MarathonDouble
from mmsd_harness import Mmsd
from waiting import free_port, wait_for

EVERY = {**mmsd_harness.PROCESSES, **mmsd_harness.OPTIONAL_PROCESSES}

# What works for code in that process, and why it is let. Nothing else may.
ANSWERS = "it answers whoever asks, from that socket"
STAT = "Landlock has no rule for stat(2): names, sizes and dates, never content"
CONNECTS = "it connects to Marathon, wherever that is"
RUNS = "it runs HAProxy and the operator's commands, which run what they like"
BALANCES = "HAProxy does so for a living"
PUBLIC = "permissions of files alone hold it: everybody on this machine may"
OWN = "its own folder"
JIT = "HAProxy's Lua and PCRE may compile"
SELF = "about itself only; nothing is gained by it"
PERMITTED = {
    "marathon-watcher": {
        "connect over TCP": CONNECTS,
        "send UDP from a new socket": "it asks name servers",
        "read the watcher's folder": OWN,
        "change the watcher's state": OWN,
        "stat a file outside": STAT,
    },
    "confd-writer": {
        "change the confd-writer's files": OWN,
        "stat a file outside": STAT,
    },
    "api-server": {},
    "dns-server": {"send UDP from an inherited socket": ANSWERS},
    "udp-balancer": {
        "send UDP from a new socket": "it forwards to instances, wherever they are",
        "bind a UDP port": "service ports",
        "bind UDP port 1": "service ports below 1024",
    },
    "haproxy-manager": {
        "read /etc/passwd": PUBLIC,
        "list /": PUBLIC,
        "create a file in /tmp": PUBLIC,
        "read HAProxy's configuration": OWN,
        "read mmsd's configuration": PUBLIC,
        "write to a device": "/dev/null and its like",
        "open a terminal": PUBLIC,
        "stat a file outside": PUBLIC,
        "rename": "a file onto itself, which changes nothing: the kernel asks for no right",
        "openat2": PUBLIC,
        "watch files": PUBLIC,
        "connect over TCP": BALANCES,
        "connect over TCP without connect(2)": BALANCES,
        "send UDP from a new socket": BALANCES,
        "connect to a Unix socket": PUBLIC,
        "connect to an abstract Unix socket": PUBLIC,
        "make a socket pair": BALANCES,
        "listen on a TCP port": BALANCES,
        "bind a UDP port": BALANCES,
        "bind UDP port 1": "CAP_NET_BIND_SERVICE, which HAProxy needs",
        "bind TCP port 1": "CAP_NET_BIND_SERVICE, which HAProxy needs",
        "multipath TCP": "HAProxy 3.2 has it",
        "speak to the kernel (netlink)": "getaddrinfo(3) does; changing anything takes a capability",
        "fork": RUNS,
        "run a program": RUNS,
        "run a program from memory": RUNS,
        "signal a process of the same user": "it ends and takes over HAProxy processes",
        "list /proc": "it looks for HAProxy processes that outlived their manager",
        "slow another process down": "of its own user only",
        "outlive the supervisor": "HAProxy does: that is a promise",
        "become dumpable": "exec makes every program so; ptrace(2) and the like are denied to it",
        "change the kernel's view (arch_prctl)": "the C library of every program does",
        "share memory (System V)": BALANCES,
        "message queue": SELF,
        "a filter of its own": SELF,
        "map executable memory": JIT,
        "make memory executable": JIT,
        "make memory executable (pkey_mprotect)": JIT,
        "a file in memory": SELF,
        "lock memory": SELF,
        "a number that no kernel has": "the kernel itself refuses it",
        "remap pages of a file": SELF,
    },
}


@pytest.fixture(scope="module")
def staged():
    """mmsd, its workers and their taken-over builds, where every user can run them."""
    if os.geteuid() != 0:
        pytest.skip("needs root: mmsd's processes get users of their own")
    if os.environ.get("MMSD_SANDBOX") != "enforce" or os.environ.get("MMSD_SANITIZER") != "none":
        pytest.skip("built without the cages that are released")
    mmsd_harness.ensure_users()
    folder = mmsd_harness.stage_executables(pathlib.Path(os.environ["MMSD_BUILD_DIR"]))
    for path in os.environ["MMSD_TAKEN_OVER"].split(":"):
        shutil.copyfile(path, folder / pathlib.Path(path).name)
        (folder / pathlib.Path(path).name).chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@contextlib.contextmanager
def bystanders():
    """What attacks aim at outside of mmsd. Yields it as variables."""
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mmsd-")))
        folder.chmod(0o755)
        outside = folder / "outside"
        outside.write_text("")
        grep = folder / "grep"
        shutil.copyfile("/bin/grep", grep)
        grep.chmod(0o4755)
        name = f"mmsd-test-{os.getpid()}"
        ports = []
        for family, kind, address in (
            (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            (socket.AF_UNIX, socket.SOCK_STREAM, str(folder / "socket")),
            (socket.AF_UNIX, socket.SOCK_STREAM, f"\0{name}"),
        ):
            server = stack.enter_context(socket.socket(family, kind))
            server.bind(address)
            if kind == socket.SOCK_STREAM:
                server.listen(128)
            ports.append(server.getsockname())
        (folder / "socket").chmod(0o666)
        yield {
            "MMSD_OUTSIDE_FILE": str(outside),
            "MMSD_SETUID_GREP": str(grep),
            "MMSD_TCP_PORT": str(ports[0][1]),
            "MMSD_UDP_PORT": str(ports[1][1]),
            "MMSD_UNIX_PATH": str(folder / "socket"),
            "MMSD_ABSTRACT_NAME": name,
        }


@pytest.fixture(scope="module")
def victims(staged):
    """A running mmsd with all its processes, and the variables that name all victims."""
    double = MarathonDouble("1.5")
    double.add_app("/web", instances=2)
    mmsd = Mmsd(staged, f"--marathon-url={double.url}", "--enable-tcp=true", "--enable-udp=true",
                "--enable-dns=true", f"--dns-port={free_port()}", f"--haproxy-port={free_port()}")
    try:
        mmsd.start()
        for process in EVERY:
            wait_for(f"the {process}", lambda process=process: mmsd.pid(process))
        wait_for("the state on disk", (mmsd.state / "watcher/snapshot.bin").exists)
        wait_for("HAProxy's configuration", (mmsd.state / "haproxy/haproxy.cfg").exists)
        with bystanders() as variables:
            yield mmsd, {
                **variables,
                "MMSD_STATE_DIR": str(mmsd.state),
                "MMSD_CONFIG": str(mmsd.config),
                "MMSD_SUPERVISOR_PID": str(mmsd.process.pid),
            }
    finally:
        left = mmsd.close(keeps_folder=False)
        double.stop()
    assert not left, f"processes left behind: {left}"


def attack_from(process: str, staged: pathlib.Path, victims, build: str = "taken-over",
                **variables_too: str) -> dict[str, list[str]]:
    """Runs all attacks in that process. @return [group, outcome, "optional" or ""] by attack"""
    mmsd, variables = victims
    other = "api-server" if process != "api-server" else "confd-writer"
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        **variables,
        **variables_too,
        "MMSD_TWIN_PID": str(mmsd.pid(process if process != "root" else "dns-server")),
        "MMSD_OTHER_PID": str(mmsd.pid(other)),
    }
    # Sockets of its own: those of the running one must live.
    flags = [*mmsd.arguments, f"--api-port={free_port()}", f"--dns-port={free_port()}"]
    with open(mmsd.folder / f"{build}-{process}.log", "wb") as log:
        run = subprocess.run(
            [os.environ["MMSD_TAKE_OVER"], process, staged / f"{build}-{process}", *flags],
            env=environment, stdout=subprocess.PIPE, stderr=log, text=True, timeout=300,
            check=False, cwd="/",
        )
    assert run.returncode == 0, pathlib.Path(log.name).read_text()[-2000:]
    lines = [line.split("\t") for line in run.stdout.splitlines()]
    return {name: [group, outcome, *remark, ""] for group, name, outcome, *remark in lines}


def readable(result: str) -> str:
    """An outcome as the table has it."""
    kind, _, number = result.partition(" ")
    if kind == "errno":
        return errno.errorcode.get(int(number), number)
    if kind == "signal":
        return "killed" if int(number) == signal.SIGSYS else result
    return result


@pytest.fixture(scope="module")
def results(staged, victims):
    """All attacks from all processes, and from root without a cage; printed."""
    found = {process: attack_from(process, staged, victims) for process in ("root", *EVERY)}
    columns = ["root, no cage", *EVERY]
    print(f"\n{'':52}" + "".join(f"{name:<18}" for name in columns))
    for name, (group, *_) in found["root"].items():
        cells = "".join(f"{readable(found[process][name][1]):<18}" for process in found)
        print(f"{group + ': ' + name:<52}{cells}".rstrip())
    for process, permitted in PERMITTED.items():
        print(f"\n{process} may, for a reason:")
        for name, reason in permitted.items():
            print(f"  {name}: {reason}")
    return found


def possible(results) -> set[str]:
    """What root can do on this machine: its kernel may lack some things."""
    return {name for name, (_, outcome, *_) in results["root"].items() if outcome == "worked"}


def test_attacks_work_where_nothing_stops_them(results):
    failed = {
        name: outcome
        for name, (_, outcome, remark, *_) in results["root"].items()
        if outcome != "worked" and remark != "optional"
    }
    assert not failed
    assert len(possible(results)) >= 0.8 * len(results["root"])


@pytest.mark.parametrize("process", EVERY)
def test_attacks_fail_in_a_cage(results, process):
    outcomes = {name: outcome for name, (_, outcome, *_) in results[process].items()}
    assert set(outcomes) == set(results["root"])
    began = {name: outcome for name, outcome in outcomes.items() if "never began" in outcome}
    assert not began
    # An attack that fails for want of a victim would tell nothing.
    missing = (f"errno {errno.ENOENT}", f"errno {errno.ESRCH}", "exit 126")
    assert not {name: outcome for name, outcome in outcomes.items() if outcome in missing}
    worked = {name for name, outcome in outcomes.items() if outcome == "worked"}
    assert worked - set(PERMITTED[process]) == set()
    # The list of exceptions has none that is not needed.
    assert (set(PERMITTED[process]) & possible(results)) - worked == set()


def test_the_table_of_cages(victims):
    """tests/tools/cage_table.py asks the kernel about the running processes."""
    mmsd, _ = victims
    tool = pathlib.Path(__file__).resolve().parent.parent / "tools/cage_table.py"
    table = subprocess.run([sys.executable, tool, str(mmsd.process.pid)], capture_output=True,
                           text=True, check=True, timeout=60).stdout
    print("\n" + table)
    rows = {}
    for line in table.splitlines():
        if not line.startswith(" "):
            name = line.split()[0]
            rows[name] = {}
        else:
            key, value = line[2:16].strip(), line[16:]
            rows[name][key] = value
    run = str(mmsd.state)
    for name, folders in {"watcher": f"{run}/watcher", "confd": f"{run}/confd",
                          "api": "no open(2)", "dns": "no open(2)", "udp": "no open(2)"}.items():
        row = rows[f"mmsd-{name}"]
        assert row["user"] == f"mmsd-{name}, groups: none"
        right = "net_bind_service" if name == "udp" else "none"
        assert row["capabilities"] == f"{right}; bounding: {right}; no_new_privs: 1"
        assert row["writes to"] == folders
        allowed, total = map(int, re.match(r"(\d+) of (\d+)", row["system calls"]).groups())
        assert allowed < 60 < total and row["system calls"].endswith("any other: kill")
    manager = rows["mmsd-haproxy"]
    assert manager["capabilities"].startswith("net_bind_service; bounding: net_bind_service;")
    assert f"{run}/haproxy" in manager["writes to"] and "/etc" not in manager["writes to"]
    for name in ("api", "dns", "confd"):
        assert rows[f"mmsd-{name}"]["network"].endswith("no new sockets")
    assert rows["mmsd-udp"]["network"] == "sockets: udp/ip4,udp/ip6; no listen"
    assert rows["mmsd-watcher"]["network"].startswith(
        "sockets: tcp/ip4,tcp/ip6,udp/ip4,udp/ip6; no bind")


def test_victims_live_on(results, victims):
    mmsd, _ = victims
    assert mmsd.process.poll() is None
    assert {p["name"]: p["restarts"] for p in mmsd.status()["processes"]} == dict.fromkeys(EVERY, 0)


@pytest.mark.parametrize("process", sorted(EVERY))
def test_a_build_that_traps_names_the_call(staged, victims, process):
    attack_from(process, staged, victims, build="trap", MMSD_ONLY_ATTACK="chroot")
    log = (victims[0].folder / f"trap-{process}.log").read_text()
    assert re.search(r"seccomp: forbidden system call \d+ chroot\n", log)
