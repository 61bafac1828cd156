# SPDX-License-Identifier: MIT
# Reads mmsd's outputs without pause and notes whatever is not one of the allowed states.
"""A reader of files and API that never stops: what users see while something goes wrong."""

from __future__ import annotations

import http.client
import threading

from mmsd_harness import Mmsd


class HotReader:
    """Watches some apps in files and API; a context manager that reads until its end."""

    def __init__(self, mmsd: Mmsd, app_ids: list[str]) -> None:
        self._mmsd = mmsd
        self._apps = app_ids
        self._allowed: dict[str, set[tuple[str, ...]]] = {app_id: set() for app_id in app_ids}
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.reads = 0
        self.violations: list[str] = []

    def allow(self, app_id: str, lines: list[str]) -> None:
        """From now on this is right, too: `host:port` in any order."""
        self._allowed[app_id] |= {tuple(sorted(lines))}

    def __enter__(self) -> HotReader:
        self._thread.start()
        return self

    def __exit__(self, *_exception) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over.is_set():
            for app_id in self._apps:
                self._judge(app_id, "file", self._file(app_id))
                self._judge(app_id, "API", self._api(app_id))
            self._is_over.wait(0.002)

    def _judge(self, app_id: str, output: str, seen: tuple[str, ...]) -> None:
        self.reads += 1
        if seen not in self._allowed[app_id] and len(self.violations) < 10:
            self.violations.append(f"{output} of {app_id}: {len(seen)} lines, {seen[:3]}")

    def _file(self, app_id: str) -> tuple[str, ...]:
        name = app_id.strip("/").replace("/", ".") + ".instances"
        try:
            text = (self._mmsd.confd / name).read_text()
        except FileNotFoundError:
            return ("no file",)
        return tuple(sorted(text.partition("\n\n")[2].splitlines()))

    def _api(self, app_id: str) -> tuple[str, ...]:
        connection = http.client.HTTPConnection("127.0.0.1", self._mmsd.api_port, timeout=15)
        try:
            connection.request("GET", f"/v1/instances{app_id}")
            answer = connection.getresponse()
            lines = answer.read().decode().splitlines()
        except OSError as error:
            return (f"{type(error).__name__}: {error}",)
        finally:
            connection.close()
        return tuple(sorted(lines)) if answer.status in (200, 204) else (f"{answer.status}",)
