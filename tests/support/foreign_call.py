# SPDX-License-Identifier: MIT
# Has a running process make a system call of ours, with the rights and the cage that it has.
"""System calls put into another process by ptrace(2). x86-64 only."""

from __future__ import annotations

import ctypes
import os
import struct

import bpf_filter
from bpf_filter import _ptrace as ptrace

_PTRACE_PEEKDATA, _PTRACE_POKEDATA, _PTRACE_SINGLESTEP = 2, 5, 9
_PTRACE_GETREGS, _PTRACE_SETREGS = 12, 13
_SYS_CLOSE, _SYS_OPENAT = 3, 257
_AT_FDCWD = -100 & 0xFFFFFFFFFFFFFFFF
_REGISTERS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags "
              "rsp ss fs_base gs_base ds es fs gs").split()
_SYSCALL = b"\x0f\x05"
# Below the stack pointer, and below what the compiler keeps there without moving it.
_SCRATCH = 8192


class ForeignProcess:
    """A process that is stopped inside a system call, where a waiting process is nearly always."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stop = bpf_filter.stopped(pid)
        self._saved = b""

    def __enter__(self) -> ForeignProcess:
        self._stop.__enter__()
        buffer = ctypes.create_string_buffer(8 * len(_REGISTERS))
        ptrace(_PTRACE_GETREGS, self._pid, 0, buffer)
        self._saved = buffer.raw
        return self

    def __exit__(self, *arguments) -> None:
        ptrace(_PTRACE_SETREGS, self._pid, 0, ctypes.create_string_buffer(self._saved))
        self._stop.__exit__(*arguments)

    def _call(self, number: int, *arguments: int) -> int:
        registers = dict(zip(_REGISTERS, struct.unpack(f"={len(_REGISTERS)}Q", self._saved)))
        registers["rip"] -= len(_SYSCALL)
        word = ptrace_peek(self._pid, registers["rip"])
        if word[:2] != _SYSCALL:
            raise RuntimeError(f"{self._pid} does not wait in a system call")
        registers["orig_rax"] = 0xFFFFFFFFFFFFFFFF  # nothing to restart
        registers["rax"] = number
        for name, value in zip(("rdi", "rsi", "rdx", "r10"), arguments):
            registers[name] = value
        packed = struct.pack(f"={len(_REGISTERS)}Q", *(registers[n] for n in _REGISTERS))
        ptrace(_PTRACE_SETREGS, self._pid, 0, ctypes.create_string_buffer(packed))
        ptrace(_PTRACE_SINGLESTEP, self._pid)
        _, status = os.waitpid(self._pid, 0)
        if not os.WIFSTOPPED(status):
            raise RuntimeError(f"{self._pid} did not survive system call {number}")
        buffer = ctypes.create_string_buffer(8 * len(_REGISTERS))
        ptrace(_PTRACE_GETREGS, self._pid, 0, buffer)
        values = dict(zip(_REGISTERS, struct.unpack(f"={len(_REGISTERS)}q",
                                                    buffer.raw[:8 * len(_REGISTERS)])))
        return values["rax"]

    def can_open(self, path: str, flags: int) -> bool:
        """Whether open(2) works there; what it opened is closed again."""
        registers = dict(zip(_REGISTERS, struct.unpack(f"={len(_REGISTERS)}Q", self._saved)))
        place = (registers["rsp"] - _SCRATCH) & ~0xF
        text = os.fsencode(path) + b"\0"
        text += b"\0" * (-len(text) % 8)
        for at in range(0, len(text), 8):
            word = struct.unpack_from("=Q", text, at)[0]
            ptrace(_PTRACE_POKEDATA, self._pid, place + at, ctypes.c_void_p(word))
        fd = self._call(_SYS_OPENAT, _AT_FDCWD, place, flags, 0o600)
        if fd < 0:
            return False
        self._call(_SYS_CLOSE, fd)
        return True


def ptrace_peek(pid: int, address: int) -> bytes:
    """Eight octets of its memory."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        return os.pread(memory.fileno(), 8, address)
