# SPDX-License-Identifier: MIT
# Real shells complete mmsd's command line: a line is typed, then Tab, then Enter.
"""Completion in bash and zsh."""

from __future__ import annotations

import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import pytest

_DEADLINE = 60.0
_BASH_COMPLETION = pathlib.Path("/usr/share/bash-completion/bash_completion")


class Shell:
    """An interactive shell on a terminal of its own, in which `mmsd` prints its arguments."""

    def __init__(self, command: list[str], setup: str, folder: pathlib.Path) -> None:
        self._seen = ""
        environment = {"PATH": "/usr/bin:/bin", "TERM": "dumb", "HOME": str(folder), "PS1": "$ "}
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.chdir(folder)
            os.execve(command[0], command, environment)
        # Echoed input must not look like output: the words are put together by the shell.
        self._type(setup + "mmsd() { printf 'GOT''[%s]' \"$@\"; printf 'EN''D\\n'; }\n"
                   "printf 'REA''DY\\n'\n")
        self._read_until(r"READY\r?\n")

    def _type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def _read_until(self, pattern: str) -> str:
        deadline = time.monotonic() + _DEADLINE
        while not (match := re.search(pattern, self._seen, re.DOTALL)):
            left = deadline - time.monotonic()
            assert left > 0, f"no {pattern} in: {self._seen[-2000:]}"
            if select.select([self._terminal], [], [], left)[0]:
                self._seen += os.read(self._terminal, 65536).decode(errors="replace")
        found, self._seen = match.group(0), self._seen[match.end():]
        return found

    def complete(self, line: str, behind: str = "") -> list[str]:
        """What `mmsd` is called with after @line, Tab, @behind and Enter."""
        self._type(f"{line}\t{behind}\n")
        output = self._read_until(r"GOT\[.*?END")
        return re.findall(r"\[(.*?)\](?=GOT|END|\[)", output.replace("GOT", ""))

    def close(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._terminal)


def _bash(build, folder):
    if not _BASH_COMPLETION.exists():
        pytest.skip("no bash-completion")
    return Shell(["/bin/bash", "--norc", "--noprofile", "-i"],
                 f"bind 'set enable-bracketed-paste off'; . {_BASH_COMPLETION}\n"
                 f". {build}/packaging/mmsd.bash\n", folder)


def _zsh(build, folder):
    zsh = shutil.which("zsh")
    if not zsh:
        pytest.skip("no zsh")
    return Shell([zsh, "-f", "-i"],
                 "unsetopt zle_bracketed_paste; unset zle_bracketed_paste; "
                 f"fpath=({build}/packaging $fpath); autoload -Uz compinit; compinit -u -D\n",
                 folder)


@pytest.fixture(scope="module", params=[_bash, _zsh], ids=["bash", "zsh"])
def shell(request, build, tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    (folder / "only-file.conf").write_text("")
    (folder / "only-folder").mkdir()
    started = request.param(build, folder)
    yield started
    started.close()


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("mmsd --enable-dn", ["--enable-dns"]),
        ("mmsd --enable-dns=f", ["--enable-dns=false"]),
        ("mmsd --log-format=j", ["--log-format=json"]),
        ("mmsd --log-level=w", ["--log-level=warning"]),
        ("mmsd --haproxy-syslog-facility=loc", ["--haproxy-syslog-facility=local"]),
        ("mmsd --config=only-fi", ["--config=only-file.conf"]),
        ("mmsd --run-state-dir=only", ["--run-state-dir=only-folder/"]),
        ("mmsd --run-as=nobod", ["--run-as=nobody"]),
        ("mmsd --verbose --check-c", ["--verbose", "--check-config"]),
        ("mmsd --no-such-fl", ["--no-such-fl"]),
        ("mmsd sta", ["status"]),
        ("mmsd status --js", ["status", "--json"]),
        ("mmsd explain /shop/web --conf", ["explain", "/shop/web", "--config="]),
    ],
)
def test_a_line_is_completed(shell, typed, wanted):
    # What is added to make room for the next word or the value does not matter.
    assert [word.rstrip("/=") for word in shell.complete(typed)] == [
        word.rstrip("/=") for word in wanted]


def test_bash_takes_a_value_as_the_next_word(build, tmp_path):
    shell = _bash(build, tmp_path)
    try:
        assert shell.complete("mmsd --log-format te") == ["--log-format", "text"]
    finally:
        shell.close()


def test_a_flag_with_a_value_gets_its_sign(shell):
    assert shell.complete("mmsd --marathon-po", "81") == ["--marathon-port=81"]


def test_both_know_every_flag_and_no_other(build, flags):
    bash = (build / "packaging" / "mmsd.bash").read_text()
    zsh = (build / "packaging" / "_mmsd").read_text()
    assert dict(re.findall(r"flags\+=\(--([\w-]+)(=?)\)", bash)) == {
        name: "=" if value else "" for name, value in flags.items()}
    assert set(re.findall(r"^ +'(?:\()?--([\w-]+)", zsh, re.MULTILINE)) == set(flags)


def test_the_scripts_parse(build, need):
    subprocess.run(["bash", "-n", build / "packaging" / "mmsd.bash"], check=True)
    subprocess.run([need("zsh"), "-n", build / "packaging" / "_mmsd"], check=True)
    checked = subprocess.run([need("shellcheck"), "-s", "bash", build / "packaging" / "mmsd.bash"],
                             capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
