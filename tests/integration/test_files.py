# SPDX-License-Identifier: MIT
# The files of the confd folder: bytes, atomic replacement, and what is left alone.
"""Instances files, byte for byte."""

from __future__ import annotations

import pwd
import stat
import threading

import mmsd_harness
from saved_answer import app_of, document, replace
from waiting import wait_for


def test_content_byte_for_byte(make_double, make_mmsd, expect_state):
    double = make_double("1.5")
    double.add_app(
        "/developer/trapni/php", instances=2, network="bridge", labels={"proto": "http"},
        ports=[10000, {"service_port": 10001, "protocol": "udp"}],
        health_checks=[{"protocol": "MESOS_TCP", "portIndex": 0}],
        hosts=["host-b.invalid", "127.0.0.1"],
    )
    double.add_app("/six", hosts=["2001:db8::1"])
    double.add_app("/none", instances=0)
    mmsd = make_mmsd(double).start()
    wait_for("files", lambda: len(mmsd.files()) == 4)
    files = mmsd.files()
    # A name that does not resolve costs that instance only.
    assert files["developer.trapni.php.instances"] == (
        b"Service-Name: developer.trapni.php\n"
        b"Service-Port: 10000\n"
        b"Service-Transport-Proto: tcp\n"
        b"Service-Application-Proto: http\n"
        b"Health-Check-Proto: tcp\n"
        b"\n"
        b"127.0.0.1:31000\n"
    )
    assert files["developer.trapni.php-1.instances"] == (
        b"Service-Name: developer.trapni.php-1\n"
        b"Service-Port: 10001\n"
        b"Service-Transport-Proto: udp\n"
        b"Service-Application-Proto: http\n"
        b"\n"
        b"127.0.0.1:31001\n"
    )
    assert files["six.instances"].endswith(b"\n\n[2001:db8::1]:31000\n")
    assert files["none.instances"].endswith(b"Service-Application-Proto: tcp\n\n")


def test_owner_and_mode(make_double, make_mmsd):
    double = make_double("1.5")
    double.add_app("/web")
    mmsd = make_mmsd(double).start()
    path = mmsd.confd / "web.instances"
    wait_for("file", path.exists)
    found = path.stat()
    assert stat.S_IMODE(found.st_mode) == 0o644
    assert found.st_uid == pwd.getpwnam(mmsd_harness.user_of("confd-writer")).pw_uid


def test_equal_content_is_not_written_again(make_double, make_mmsd, expect_state):
    double = make_double("1.5")
    double.add_app("/web")
    double.add_app("/other")
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)
    path = mmsd.confd / "web.instances"
    before = path.stat()
    double.scale("/other", 5)
    double.relabel("/web", {"something": "else"})
    expect_state(mmsd, double)
    mmsd.signal("confd-writer", mmsd_harness.signal.SIGTERM)
    double.scale("/other", 2)
    expect_state(mmsd, double)
    after = path.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_foreign_files_stay_own_ones_go(make_double, make_mmsd, expect_state):
    double = make_double("1.5")
    double.add_app("/web")
    double.add_app("/gone/soon")
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)
    foreign = mmsd.confd / "README.instances"
    foreign.write_text("not mmsd's\n")
    # Removed while the writer is down as well as while it runs.
    assert mmsd.stop() == 0
    double.remove_app("/gone/soon")
    double.add_app("/third")
    mmsd.start()
    wait_for("new file", (mmsd.confd / "third.instances").exists)
    wait_for("old file to go", lambda: not (mmsd.confd / "gone.soon.instances").exists())
    double.remove_app("/third")
    wait_for("third to go", lambda: not (mmsd.confd / "third.instances").exists())
    assert foreign.read_text() == "not mmsd's\n"


def test_names_that_collide(make_double, make_mmsd):
    double = make_double("1.5")
    double.add_app("/a/b", ports=[10001])
    mmsd = make_mmsd(double).start()
    path = mmsd.confd / "a.b.instances"
    wait_for("file", path.exists)
    double.add_app("/a.b", ports=[10002])
    double.add_app("/marker")
    wait_for("marker", (mmsd.confd / "marker.instances").exists)
    assert "Service-Port: 10001\n" in path.read_text()
    wait_for("refusal in the status", lambda: "/a.b" in mmsd.get("/v1/status").text)
    double.remove_app("/a/b")
    wait_for("the other takes over", lambda: "Service-Port: 10002\n" in path.read_text())


def test_files_can_be_turned_off(make_double, make_mmsd):
    double = make_double("1.5")
    double.add_app("/web")
    mmsd = make_mmsd(double, "--enable-files=false").start()
    wait_for("API", lambda: mmsd.get("/v1/instances/web").status == 200)
    assert mmsd.files() == {} and mmsd.pid("confd-writer") == 0


def test_hot_reader_sees_whole_files_only(make_mmsd):
    app = app_of("/hot", 20)
    mmsd = make_mmsd()
    saved = mmsd.folder / "apps.json"
    replace(saved, document(app))
    mmsd.extra_arguments.append(f"--marathon-file={saved}")
    mmsd.start()
    path = mmsd.confd / "hot.instances"
    wait_for("file", path.exists)
    header = path.read_bytes().split(b"\n\n")[0] + b"\n\n"
    lines = [f"{task.host}:{task.ports[0]}".encode() for task in app.tasks]
    contents: set[bytes] = set()
    broken: list[bytes] = []
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            content = path.read_bytes()
            if content in contents:
                continue
            contents.add(content)
            listed = content.removeprefix(header).splitlines()
            whole = content.startswith(header) and content.endswith(b"\n")
            if not whole or not set(listed) <= set(lines) or len(listed) not in (19, 20):
                broken.append(content)

    reader = threading.Thread(target=read)
    reader.start()
    tasks = app.tasks
    try:
        for number in range(1000):
            # One task is out at a time: what the file says changes each time.
            out = number // 2 % len(tasks) if number % 2 == 0 else len(tasks)
            app.tasks = tasks[:out] + tasks[out + 1 :]
            inode = path.stat().st_ino
            replace(saved, document(app))
            wait_for("the file to change", lambda: path.stat().st_ino != inode, pause=0.0002)
    finally:
        is_over.set()
        reader.join()
    assert not broken
    assert len(contents) > 1
