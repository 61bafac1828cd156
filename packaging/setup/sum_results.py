#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Sums meson's test results to one line; the exit code says whether all is well.
"""Result line of a test run. Usage: sum_results.py TESTLOG_JUNIT_XML"""

from __future__ import annotations

import sys
import xml.etree.ElementTree


def main() -> int:
    totals = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for suite in xml.etree.ElementTree.parse(sys.argv[1]).getroot().iter("testsuite"):
        for key in totals:
            totals[key] += int(suite.get(key, 0))
    failed = totals["failures"] + totals["errors"]
    passed = totals["tests"] - failed - totals["skipped"]
    print(f"{passed} passed, {failed} failed, {totals['skipped']} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
