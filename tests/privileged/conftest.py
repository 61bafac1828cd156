# SPDX-License-Identifier: MIT
# Fixtures: the supervisor with short times, over fake processes that behave as a test says.
"""Fixtures of the privileged tests."""

from __future__ import annotations

import contextlib
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

from mmsd_harness import PROCESSES, Mmsd, NotifySocket  # noqa: E402
from waiting import wait_for  # noqa: E402

_LOG_TAIL = 20000
# Exists everywhere, and its group is not root's.
_USER = "nobody"


class FakeMmsd(Mmsd):
    """A supervisor whose processes are all fake_worker."""

    def __init__(self, executables: pathlib.Path, *arguments: str, user: str | None = None) -> None:
        super().__init__(executables, *arguments, user=user)
        if user is None:
            self.extra_arguments.insert(0, f"--run-as={_USER}")

    def run(self, timeout: float = 15.0) -> subprocess.CompletedProcess:
        """The same as the base class's, as the user that this one is for."""
        if self._user is None:
            return super().run(timeout)
        return subprocess.run(
            self.command(), capture_output=True, text=True, timeout=timeout, check=False,
            user=self._user, group=pwd.getpwnam(self._user).pw_gid, extra_groups=[],
        )

    def behave(self, process: str, *words: str) -> None:
        """How that process behaves from its next start on."""
        name = pathlib.Path(PROCESSES[process][1]).name
        (self.executables / f"{name}.behaviour").write_text(" ".join(words))

    def start(self) -> FakeMmsd:
        """Starts and waits until all is ready."""
        self.launch()
        return self.wait_log("Z info mmsd.*: ready ")

    def find_all(self, pattern: str) -> list[str]:
        """Lines of the log that the pattern matches."""
        return [line for line in self.log.splitlines() if re.search(pattern, line)]

    def wait_log(self, pattern: str, count: int = 1, timeout: float = 15.0) -> FakeMmsd:
        """Waits until so many lines of the log match."""
        wait_for(f"log line {pattern}", lambda: len(self.find_all(pattern)) >= count, timeout)
        return self

    def wait_new_pid(self, process: str, old: int) -> int:
        """Waits until the process has been started anew. @return its pid"""
        return wait_for(
            f"a new {process}", lambda: self.pid(process) not in (0, old) and self.pid(process)
        )


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds the logs to what a failed test shows."""
    report = (yield).get_result()
    if report.failed:
        for mmsd in getattr(item, "mmsds", []):
            report.sections.append((f"log of {mmsd.folder}", mmsd.log[-_LOG_TAIL:]))


@pytest.fixture(scope="session")
def binaries():
    """Copies of the two executables where every user can run them."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mmsd-fake-"))
    folder.chmod(0o755)
    for name, variable in (("mmsd", "MMSD_IMPATIENT"), ("worker", "MMSD_FAKE_WORKER")):
        shutil.copyfile(os.environ[variable], folder / name)
        (folder / name).chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def executables(binaries):
    """A worker folder of the test's own: behaviour files lie beside the executables."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bin-", dir=binaries))
    folder.chmod(0o755)
    os.link(binaries / "mmsd", folder / "mmsd")
    for _, path in PROCESSES.values():
        os.link(binaries / "worker", folder / pathlib.Path(path).name)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def make_mmsd(request, executables):
    """Prepares (does not start) a supervisor; it must leave no process behind."""
    request.node.mmsds = []

    def make(*arguments: str, user: str | None = None) -> FakeMmsd:
        mmsd = FakeMmsd(executables, *arguments, user=user)
        request.node.mmsds.append(mmsd)
        return mmsd

    yield make
    left = {}
    with contextlib.ExitStack() as every:  # whatever one of them complains of
        for mmsd in request.node.mmsds:
            every.callback(lambda mmsd=mmsd: left.update(mmsd.close(keeps_folder=False)))
    assert not left, f"processes left behind: {left}"


@pytest.fixture
def mmsd(make_mmsd):
    """One that is ready to be started."""
    return make_mmsd()


@pytest.fixture
def notify(mmsd):
    """The service manager's socket of that one."""
    socket = NotifySocket(mmsd.folder / "notify")
    mmsd.environment = {"NOTIFY_SOCKET": str(socket.path)}
    yield socket
    socket.close()
