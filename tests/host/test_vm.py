# SPDX-License-Identifier: MIT
# What only a kernel of its own can show: AppArmor that enforces, limits of memory, audit, loss.
"""The package on Debian's own kernel, in qemu. The tests themselves are in guest/."""

from __future__ import annotations

import re
import shutil
import sys

import pytest
from vm_host import run_guest


def test_everything_passes_on_a_kernel_of_its_own(suite, deb, tmp_path):
    missing = [name for name in ("qemu-system-x86_64", "mke2fs") if shutil.which(name) is None]
    if missing or suite != "bookworm":
        pytest.skip(f"of one release, and needs {', '.join(missing) or 'nothing else'}")
    status, said = run_guest(suite, deb, tmp_path)
    passed = re.findall(r"^PASSED test_\S+", said, re.MULTILINE)
    print(*passed, *re.findall(r"^shown: .*", said, re.MULTILINE), sep="\n", file=sys.stderr)
    assert status == 0, said[-12000:]
    # None was left out, either.
    assert len(passed) == 9, said[-12000:]
