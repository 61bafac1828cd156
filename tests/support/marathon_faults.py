# SPDX-License-Identifier: MIT
# Fault switches of the Marathon double: which answer goes wrong, how, and how often.
"""Faults per endpoint, for a number of requests or until cleared."""

from __future__ import annotations

from dataclasses import dataclass

# What each kind does to an answer.
KINDS = {
    "status": "an HTML error page with `code`",
    "garbage": "200 and a body that is no JSON",
    "no-apps": "200 and valid JSON without `apps`",
    "empty-list": '200 and {"apps":[]}',
    "empty": "200 and an empty body",
    "truncate": "Content-Length is larger than the body, then the connection ends",
    "chunk-cut": "a chunked body that ends in the middle of a chunk",
    "hang": "no answer at all",
    "hang-within": "headers and half of the body, then nothing",
    "slow": "the body at `rate` bytes per second",
    "delay": "the answer comes `seconds` later",
    "redirect": "302 to `location`",
    "reset": "the connection is reset",
    "silent": "the event stream opens and never says a byte",
    "close": "the event stream answers 200 and ends at once",
}


@dataclass
class Fault:
    """One switch; see KINDS."""

    kind: str
    count: int | None = None  # requests left; None = until cleared
    code: int = 503
    rate: int = 1000
    seconds: float = 1.0
    location: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault {self.kind!r}; there are {', '.join(KINDS)}")


class FaultTable:
    """Faults by endpoint name; `*` stands for every endpoint."""

    def __init__(self) -> None:
        self._faults: dict[str, list[Fault]] = {}

    def add(self, endpoint: str, fault: Fault) -> None:
        self._faults.setdefault(endpoint, []).append(fault)

    def clear(self, endpoint: str | None = None) -> None:
        """Clears one endpoint's faults, or all."""
        if endpoint is None:
            self._faults.clear()
        else:
            self._faults.pop(endpoint, None)

    def take(self, endpoint: str) -> Fault | None:
        """The fault for one request to @endpoint, its count lowered."""
        for name in (endpoint, "*"):
            faults = self._faults.get(name)
            if not faults:
                continue
            fault = faults[0]
            if fault.count is not None:
                fault.count -= 1
                if fault.count <= 0:
                    faults.pop(0)
            return fault
        return None
