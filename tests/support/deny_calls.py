# SPDX-License-Identifier: MIT
# Runs a command to which some system calls are denied, as container runtimes do.
"""deny_calls.py NAME[,NAME...] COMMAND...: each call ends with EPERM."""

from __future__ import annotations

import ctypes
import errno
import os
import sys

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000


def deny(names: list[str]) -> None:
    """From now on, for this process and what it starts. Needs root."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(_ALLOW)))
    for name in names:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number < 0 or library.seccomp_rule_add_array(
                context, ctypes.c_uint32(_ERRNO | errno.EPERM), number, 0, None) != 0:
            raise SystemExit(f"cannot deny {name}")
    if library.seccomp_load(context) != 0:
        raise SystemExit("cannot load the filter")


if __name__ == "__main__":
    deny(sys.argv[1].split(","))
    os.execvp(sys.argv[2], sys.argv[2:])
