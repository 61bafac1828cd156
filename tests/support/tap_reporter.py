# SPDX-License-Identifier: MIT
# A pytest plugin that prints TAP, so that meson counts each test and shows what was skipped.
"""TAP output for pytest. Usage: python3 -m pytest -p tap_reporter …

TAP alone goes to the standard output; what pytest says itself goes to the standard error.
"""

from __future__ import annotations

import os

# While this module is loaded, pytest has not yet redirected anything.
_OUTPUT = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)
_count = 0


def _print_result(name: str, is_ok: bool, remark: str = "") -> None:
    global _count
    _count += 1
    _OUTPUT.write(f"{'ok' if is_ok else 'not ok'} {_count} - {name.replace('#', '')}{remark}\n")


def pytest_runtest_logreport(report) -> None:
    """One line per test; errors of fixtures count as failures of their test."""
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        _print_result(report.nodeid, True, f" # SKIP {reason}")
    elif report.when == "call" or report.failed:
        name = report.nodeid if report.when == "call" else f"{report.nodeid} ({report.when})"
        _print_result(name, report.passed)


def pytest_collectreport(report) -> None:
    """A file that cannot be loaded is a failure."""
    if report.failed:
        _print_result(report.nodeid, False)


def pytest_sessionfinish() -> None:
    """The plan comes last: only now the number of tests is known."""
    _OUTPUT.write(f"1..{_count}\n")
