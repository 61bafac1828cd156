# SPDX-License-Identifier: MIT
# Reads the seccomp filters of a running process, and what they let through.
"""Seccomp filters as the kernel has them: fetched with ptrace(2), explored path by path."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_PTRACE_CONT, _PTRACE_DETACH = 7, 17
_PTRACE_SEIZE, _PTRACE_INTERRUPT = 0x4206, 0x4207
_PTRACE_SECCOMP_GET_FILTER = 0x420C
_ALLOW, _ERRNO, _ACTION_MASK = 0x7FFF0000, 0x00050000, 0xFFFF0000
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_NUMBER_LIMIT = 600
_MAX_PATHS = 4096

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


def _ptrace(request: int, pid: int, address: int = 0, data=None) -> int:
    result = _libc.ptrace(request, pid, address, data)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"ptrace request {request:#x} of {pid}")
    return result


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stops a process for a moment, without a signal that it could notice."""
    _ptrace(_PTRACE_SEIZE, pid)
    try:
        _ptrace(_PTRACE_INTERRUPT, pid)
        os.waitpid(pid, 0)
        yield
    finally:
        _ptrace(_PTRACE_DETACH, pid)


def read_filters(pid: int) -> list[list[tuple[int, int, int, int]]]:
    """The programs of all filters, the newest first. Needs CAP_SYS_ADMIN and CAP_SYS_PTRACE."""
    programs = []
    with stopped(pid):
        while True:
            try:
                count = _ptrace(_PTRACE_SECCOMP_GET_FILTER, pid, len(programs))
            except OSError:
                return programs
            buffer = ctypes.create_string_buffer(count * 8)
            _ptrace(_PTRACE_SECCOMP_GET_FILTER, pid, len(programs), buffer)
            programs.append(list(struct.iter_unpack("=HBBI", buffer.raw)))


@dataclass(frozen=True)
class Condition:
    """A comparison of (a part of) an argument on the way to a verdict."""

    argument: int
    isHigh: bool
    mask: int
    comparison: str  # "==", "!=", ">", …
    value: int


@dataclass(frozen=True)
class Verdict:
    """An action and the conditions under which it is reached."""

    action: int
    conditions: tuple[Condition, ...]


_COMPARISONS = {0x10: ("==", "!="), 0x20: (">", "<="), 0x30: (">=", "<"), 0x40: ("&", "!&")}


def _explore(program, number: int, architecture: int) -> list[Verdict]:
    """All verdicts for that call, by following both ways wherever an argument decides."""
    verdicts = []
    known = {0: number, 4: architecture}
    # (place, accumulator as number or (argument, is high, mask), conditions)
    ways = [(0, 0, ())]
    while ways and len(verdicts) < _MAX_PATHS:
        place, value, conditions = ways.pop()
        code, if_true, if_false, k = program[place]
        if code == 0x20:  # load
            if k in known:
                ways.append((place + 1, known[k], conditions))
            else:
                argument, part = divmod(k - 16, 8)
                ways.append((place + 1, (argument, part == 4, 0xFFFFFFFF), conditions))
        elif code == 0x54:  # and
            value = value & k if isinstance(value, int) else (*value[:2], value[2] & k)
            ways.append((place + 1, value, conditions))
        elif code == 0x06:  # return
            verdicts.append(Verdict(k, conditions))
        elif code == 0x05:  # jump
            ways.append((place + 1 + k, value, conditions))
        elif code & 0x07 == 0x05 and code & 0x08 == 0:  # conditional jump on a constant
            yes, no = _COMPARISONS[code & 0xF0]
            if isinstance(value, int):
                taken = {"==": value == k, ">": value > k, ">=": value >= k, "&": bool(value & k)}
                ways.append((place + 1 + (if_true if taken[yes] else if_false), value, conditions))
            else:
                for sign, step in ((no, if_false), (yes, if_true)):
                    condition = Condition(*value, sign, k)
                    ways.append((place + 1 + step, value, (*conditions, condition)))
        else:
            raise ValueError(f"BPF instruction {code:#x} is not known")
    return verdicts


def allowed_calls(programs) -> dict[int, list[Verdict]]:
    """Number → the ways in which that call is allowed by every filter.

    Where several filters are in force, only the ways of the one with the most conditions are told.
    """
    architecture = _AUDIT_ARCH[os.uname().machine]
    allowed = {}
    for number in range(_NUMBER_LIMIT):
        ways = []
        for program in programs:
            ways.append([v for v in _explore(program, number, architecture)
                         if v.action == _ALLOW])
        if all(ways):
            allowed[number] = max(ways, key=lambda each: sum(len(v.conditions) for v in each))
    return allowed


def default_action(programs) -> str:
    """What happens to a number that nobody knows."""
    actions = (_explore(program, _NUMBER_LIMIT - 1, _AUDIT_ARCH[os.uname().machine])[0].action
               for program in programs)
    # Of several filters the kernel takes the least, as a signed number.
    action = min(actions, key=lambda each: each - ((each & 0x80000000) << 1))
    names = {0x80000000: "kill", 0x00030000: "trap", 0x7FFC0000: "log", _ALLOW: "allow",
             _ERRNO: "error", 0: "kill thread"}
    return names.get(action & _ACTION_MASK, hex(action))


def call_names() -> dict[int, str]:
    """Number → name, from libseccomp."""
    library = ctypes.CDLL("libseccomp.so.2")
    resolve = library.seccomp_syscall_resolve_num_arch
    resolve.restype = ctypes.c_void_p
    libc_free = _libc.free
    libc_free.argtypes = [ctypes.c_void_p]
    names = {}
    for number in range(_NUMBER_LIMIT):
        pointer = resolve(0, number)
        if pointer:
            names[number] = ctypes.string_at(pointer).decode()
            libc_free(pointer)
    return names
