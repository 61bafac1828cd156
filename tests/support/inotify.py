# SPDX-License-Identifier: MIT
# inotify on one folder by ctypes, to learn of a file's replacement without polling.
"""Waits for changes in a folder."""

from __future__ import annotations

import ctypes
import os
import pathlib
import select
import struct

_CREATE, _DELETE, _MOVED_TO, _CLOSE_WRITE = 0x100, 0x200, 0x80, 0x8
_HEADER = struct.Struct("iIII")


class FolderWatch:
    """Names of entries that were created, replaced, written or removed; a context manager."""

    def __init__(self, folder: pathlib.Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        mask = _CREATE | _DELETE | _MOVED_TO | _CLOSE_WRITE
        if self._fd < 0 or libc.inotify_add_watch(self._fd, os.fsencode(folder), mask) < 0:
            raise OSError(ctypes.get_errno(), f"inotify on {folder}")

    def __enter__(self) -> FolderWatch:
        return self

    def __exit__(self, *_exception) -> None:
        os.close(self._fd)

    def changed(self, timeout: float) -> set[str]:
        """Names that changed; waits at most @timeout seconds for the first."""
        names: set[str] = set()
        if not select.select([self._fd], [], [], timeout)[0]:
            return names
        data = os.read(self._fd, 65536)
        while data:
            _, _, _, length = _HEADER.unpack_from(data)
            names.add(os.fsdecode(data[_HEADER.size : _HEADER.size + length].rstrip(b"\0")))
            data = data[_HEADER.size + length :]
        return names
