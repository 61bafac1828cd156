#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Prints what each process of a running mmsd may do, as the kernel says.
"""Usage: cage_table.py [--calls] [PID of mmsd]

Needs root. A line per process: user, groups, capabilities, system calls that its filter lets
through, folders in which it can create files, network. With --calls also the calls by name, those
allowed for certain arguments only with the conditions.

Everything is read from the running system: /proc, the filters by ptrace(2), and the folders by
having the process itself try: an open(2) is put into the stopped process, which goes on as if
nothing had been. Where the filter does not allow openat(2), it is not tried.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import pwd
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

import bpf_filter  # noqa: E402
import foreign_call  # noqa: E402

CAPABILITIES = {0: "chown", 1: "dac_override", 2: "dac_read_search", 3: "fowner", 5: "kill",
                6: "setgid", 7: "setuid", 8: "setpcap", 10: "net_bind_service", 12: "net_admin",
                18: "sys_chroot", 19: "sys_ptrace", 21: "sys_admin", 23: "sys_nice",
                24: "sys_resource"}
FOLDERS = ["/", "/etc", "/usr", "/home", "/root", "/tmp", "/var/tmp", "/var/lib", "/dev/shm",
           "/run"]
OPEN_FLAGS = os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC
FAMILIES = {1: "unix", 2: "ip4", 10: "ip6", 16: "netlink"}
TYPES = {1: "tcp", 2: "udp"}


def proc_status(pid: int) -> dict[str, str]:
    """/proc/PID/status as a dictionary."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def children(pid: int) -> list[int]:
    """The processes that it started, in the order of their pids."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if proc_status(int(entry.name))["PPid"] == str(pid):
                    found.append(int(entry.name))
            except (OSError, KeyError):
                pass
    return sorted(found)


def find_supervisor() -> int:
    """The pid of the only mmsd."""
    found = [int(entry.name) for entry in pathlib.Path("/proc").iterdir()
             if entry.name.isdigit() and (entry / "comm").exists()
             and (entry / "comm").read_text().strip() == "mmsd"]
    if len(found) != 1:
        sys.exit(f"cage_table: {len(found)} processes are called mmsd; give the pid")
    return found[0]


def capability_text(mask: str) -> str:
    """Names of the capabilities of a set."""
    bits = int(mask, 16)
    if bits.bit_count() > 20:
        return "nearly all" if bits.bit_count() < 41 else "all"
    names = [CAPABILITIES.get(i, str(i)) for i in range(64) if bits >> i & 1]
    return ",".join(names) or "none"


def socket_text(allowed, numbers) -> str:
    """Which sockets it can open, from the conditions of socket(2)."""
    ways = allowed.get(numbers["socket"])
    if ways is None:
        return "no new sockets"
    kinds = set()
    for way in ways:
        low = [c for c in way.conditions if not c.isHigh]
        family = [c.value for c in low if c.argument == 0 and c.comparison == "=="]
        kind = [c.value & 0xF for c in low if c.argument == 1 and c.comparison == "=="]
        if not family:
            denied = {c.value for w in ways for c in w.conditions
                      if c.argument == 0 and c.comparison == "!="}
            return "sockets: " + ",".join(
                name for number, name in FAMILIES.items() if not denied or number not in denied)
        kinds.add(f"{TYPES.get(kind[0], '?') if kind else 'any'}/{FAMILIES[family[0]]}")
    return "sockets: " + ",".join(sorted(kinds))


def network_text(pid: int, allowed, numbers) -> str:
    """What it holds and what it may open."""
    inodes = set()
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        target = os.readlink(fd)
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    listeners = []
    for table, listening in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes and fields[3] == listening:
                listeners.append(f"{table}:{int(fields[1].rpartition(':')[2], 16)}")
    words = ["holds " + ",".join(sorted(set(listeners)))] if listeners else []
    if allowed is None:
        return "; ".join([*words, "any"])
    words.append(socket_text(allowed, numbers))
    if numbers["socket"] in allowed:
        words += [f"no {call}" for call in ("bind", "connect", "listen")
                  if numbers[call] not in allowed]
    return "; ".join(words)


def writable_text(pid: int, allowed, numbers, folders: list[str]) -> str:
    """The folders in which it can make a file: it tries."""
    if allowed is not None and numbers["openat"] not in allowed:
        return "no open(2)"
    can_be_asked = allowed is None or numbers["close"] in allowed
    found = []
    if can_be_asked:
        with foreign_call.ForeignProcess(pid) as process:
            found = [folder for folder in folders if process.can_open(folder, OPEN_FLAGS)]
    return ",".join(found) or "none"


def describe_conditions(ways) -> str:
    """The lower halves of all comparisons that must hold."""
    texts = []
    for way in ways:
        words = [f"arg{c.argument}{'' if c.mask == 0xFFFFFFFF else f'&{c.mask:#x}'}"
                 f"{c.comparison}{c.value:#x}" for c in way.conditions if not c.isHigh
                 and not c.comparison.startswith("!")]
        texts.append(" and ".join(words))
    return " | ".join(dict.fromkeys(text for text in texts if text)) or "other arguments"


def print_process(pid: int, state: str | None, shows_calls: bool) -> None:
    """One process of the table."""
    names = bpf_filter.call_names()
    numbers = {name: number for number, name in names.items()}
    status = proc_status(pid)
    user = pwd.getpwuid(int(status["Uid"].split()[1])).pw_name
    filters = bpf_filter.read_filters(pid)
    allowed = bpf_filter.allowed_calls(filters) if filters else None
    folders = [*FOLDERS, *(str(p) for p in [pathlib.Path(state), *pathlib.Path(state).iterdir()]
                           if p.is_dir())] if state else FOLDERS
    print(f"{status['Name']} ({pid})")
    print(f"  user          {user}, groups: {status['Groups'] or 'none'}")
    print(f"  capabilities  {capability_text(status['CapEff'])}; bounding: "
          f"{capability_text(status['CapBnd'])}; no_new_privs: {status['NoNewPrivs']}")
    if allowed is None:
        print("  system calls  all (no filter)")
    else:
        limited = sum(1 for ways in allowed.values() if all(way.conditions for way in ways))
        known = sum(1 for number in allowed if number in names)
        print(f"  system calls  {known} of {len(names)}, {limited} of them for some arguments only; "
              f"any other: {bpf_filter.default_action(filters)}")
    print(f"  writes to     {writable_text(pid, allowed, numbers, folders)}")
    print(f"  network       {network_text(pid, allowed, numbers)}")
    if shows_calls and allowed is not None:
        for number, ways in allowed.items():
            if number in names:
                condition = "" if any(not way.conditions for way in ways) else \
                    f": {describe_conditions(ways)}"
                print(f"    {names[number]}{condition}")


def state_folder(pid: int) -> str | None:
    """--run-state-dir of a running mmsd."""
    arguments = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    for argument in arguments:
        if argument.startswith(b"--run-state-dir="):
            return argument.partition(b"=")[2].decode()
    return "/var/run/mmsd" if os.path.isdir("/var/run/mmsd") else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pid", nargs="?", type=int)
    parser.add_argument("--calls", action="store_true")
    arguments = parser.parse_args()
    supervisor = arguments.pid or find_supervisor()
    state = state_folder(supervisor)
    for pid in (supervisor, *children(supervisor)):
        print_process(pid, state, arguments.calls)


if __name__ == "__main__":
    main()
