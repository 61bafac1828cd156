# SPDX-License-Identifier: MIT
# Fixtures of the tests of the haproxy-manager; import those that a file uses.
"""The staged manager, its folders, and instances behind it."""

from __future__ import annotations

import pytest

from haproxy_traffic import Backends
from haproxy_worker import HaproxyFolder, staged_manager


@pytest.fixture(scope="module")
def executable():
    """The worker under test, where every user can run it."""
    with staged_manager() as staged:
        yield staged


@pytest.fixture
def make_folder(executable):
    """Makes folders; all are cleaned up at the end."""
    made: list[HaproxyFolder] = []

    def make(*flags: str) -> HaproxyFolder:
        made.append(HaproxyFolder(executable, *flags))
        return made[-1]

    yield make
    for folder in made:
        folder.__exit__()


@pytest.fixture(scope="module")
def backends():
    """Four HTTP instances and two that echo."""
    with Backends(http=4, echo=2) as made:
        yield made
