# SPDX-License-Identifier: MIT
# Fixtures of the integration tests: the Marathon double and a real mmsd.
"""Fixtures of the integration tests."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

import expected_state  # noqa: E402
import mmsd_harness  # noqa: E402
from marathon_double import MarathonDouble  # noqa: E402
from mmsd_harness import Mmsd  # noqa: E402
from waiting import wait_for  # noqa: E402

_LOG_TAIL = 20000


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds the logs of the mmsd that a failed test used, and tells the fixtures of the failure."""
    report = (yield).get_result()
    if report.when == "call":
        item.has_failed = report.failed
    if report.failed:
        for mmsd in getattr(item, "mmsds", []):
            report.sections.append((f"log of {mmsd.folder}", mmsd.log[-_LOG_TAIL:]))


@pytest.fixture
def make_double():
    """Makes Marathon doubles; all are stopped at the end."""
    doubles = []

    def make(generation="1.5", **options) -> MarathonDouble:
        doubles.append(MarathonDouble(generation, **options))
        return doubles[-1]

    yield make
    for double in doubles:
        double.stop()


@pytest.fixture(scope="session")
def staged_executables():
    """The executables under test, where every user can run them."""
    build = os.environ.get("MMSD_BUILD_DIR")
    if not build:
        pytest.skip("MMSD_BUILD_DIR does not say where mmsd was built")
    staged = mmsd_harness.stage_executables(pathlib.Path(build))
    yield staged
    shutil.rmtree(staged)


@pytest.fixture
def executables(staged_executables):
    """The same, with the users that a start as root needs."""
    if os.geteuid() != 0:
        pytest.skip("needs root: mmsd's processes get users of their own")
    mmsd_harness.ensure_users()
    return staged_executables


@pytest.fixture
def close_mmsd(request, staged_executables):
    """Registers an Mmsd: its log is shown on failure, and it must leave nothing behind."""
    request.node.mmsds = []
    yield request.node.mmsds.append
    left = {}
    keeps = getattr(request.node, "has_failed", True)
    with contextlib.ExitStack() as every:  # whatever one of them complains of
        for mmsd in request.node.mmsds:
            every.callback(lambda mmsd=mmsd: left.update(mmsd.close(keeps_folder=keeps)))
    assert not left, f"processes left behind: {left}"


@pytest.fixture
def make_mmsd(executables, close_mmsd):
    """Prepares (does not start) an mmsd that follows a double, if one is given."""

    def make(double=None, *arguments: str) -> Mmsd:
        source = [f"--marathon-url={double.url}"] if double else []
        mmsd = Mmsd(executables, *source, *arguments)
        close_mmsd(mmsd)
        return mmsd

    return make


@pytest.fixture
def expect_state():
    """Waits until files and API show exactly the double's state."""

    def expect(mmsd: Mmsd, double, timeout: float = 15.0) -> None:
        generation = double.server.generation
        apps = list(double.server.operations.apps.values())

        def check() -> bool:
            assert mmsd.files() == expected_state.files(generation, apps)
            assert mmsd.get("/v1/apps").lines == sorted(app.id for app in apps)
            for app in apps:
                answer = mmsd.get(f"/v1/instances{app.id}")
                expected = sorted(expected_state.lines(generation, app))
                assert (answer.status, sorted(answer.lines)) == (200 if expected else 204, expected)
            return True

        wait_for("files and API right", check, timeout)

    return expect
