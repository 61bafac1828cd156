# SPDX-License-Identifier: MIT
# The man pages are clean mdoc and have every flag.
"""Man pages."""

from __future__ import annotations

import re
import subprocess

import pytest

PAGES = ("mmsd.8", "mmsd.conf.5", "mmsd-status.1")
_COMMAND_LINE_ONLY = {"check-config", "config", "help", "version"}


def render(need, page) -> str:
    """A page as plain text, in one line, without hyphenation."""
    text = subprocess.run([need("mandoc"), "-T", "ascii", "-O", "width=200", page],
                          capture_output=True, text=True, check=True).stdout
    return " ".join(re.sub(".\b", "", text).split())


@pytest.mark.parametrize("page", PAGES)
def test_mandoc_has_nothing_to_say(build, need, page):
    lint = subprocess.run([need("mandoc"), "-T", "lint", "-W", "style", build / "packaging" / page],
                          capture_output=True, text=True, check=False)
    # Other packages' pages need not be installed where mmsd is built.
    remarks = [line for line in lint.stdout.splitlines() if "manual not found" not in line]
    assert not remarks


def test_mmsd_8_has_the_flags_of_the_program(build, need, flags):
    text = (build / "packaging" / "mmsd.8").read_text()
    described = set(re.findall(r"^\.It (?:Fl \w , )?Fl -([\w-]+)", text, re.MULTILINE))
    assert described == set(flags)
    shown = render(need, build / "packaging" / "mmsd.8")
    for name, value in flags.items():
        assert f"--{name}{'=' if value else ''}" in shown


def test_mmsd_conf_5_has_what_may_stand_in_the_file(build, flags):
    text = (build / "packaging" / "mmsd.conf.5").read_text()
    described = set(re.findall(r"^\.It Ic ([\w-]+) = ", text, re.MULTILINE))
    assert described == set(flags) - _COMMAND_LINE_ONLY


def test_mmsd_status_1_has_the_flags_of_the_client(build, need):
    text = subprocess.run([build / "daemon" / "client" / "mmsd-client", "status", "--help"],
                          capture_output=True, text=True, check=True).stdout
    wanted = set(re.findall(r"--([\w-]+)", text))
    page = (build / "packaging" / "mmsd-status.1").read_text()
    assert set(re.findall(r"^\.It (?:Fl \w , )?Fl -([\w-]+)", page, re.MULTILINE)) == wanted
    codes = re.search(r"Exit status: (.*?)\n\n|Exit status: (.*)", text, re.DOTALL).group(0)
    assert set(re.findall(r"^\.It (\d+)$", page, re.MULTILINE)) == set(re.findall(r"\d+", codes))


def test_the_pages_tell_the_defaults(build, need):
    """What --check-config prints without a file is what both pages promise."""
    settings = subprocess.run([build / "daemon" / "mmsd", "--check-config", "--config=/dev/null"],
                              capture_output=True, text=True, check=True).stdout
    shown = render(need, build / "packaging" / "mmsd.conf.5")
    for line in settings.splitlines():
        name, _, value = (part.strip() for part in line.partition("="))
        if not value:
            continue
        at = shown.index(f" {name} = ")
        told = re.search(r"Default: `(.*?)'\.", shown[at:])
        assert told and told.group(1) == value, f"{name}: {told and told.group(1)} for {value}"
