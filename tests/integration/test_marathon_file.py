# SPDX-License-Identifier: MIT
# --marathon-file: a saved answer instead of a Marathon, with every document of the fixtures.
"""Following a saved answer of Marathon."""

from __future__ import annotations

import json
import os
import pathlib

import pytest
from fixture_instances import INSTANCES
from saved_answer import app_of, document, replace
from waiting import wait_for

_SOURCE_ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FIXTURES = pathlib.Path(
    os.environ.get("MMSD_FIXTURES", _SOURCE_ROOT.parent / "shared" / "fixtures" / "marathon")
)
_REFUSED = "the file is not used"


def test_changes_of_the_file_are_followed(make_mmsd):
    mmsd = make_mmsd()
    saved = mmsd.folder / "apps.json"
    replace(saved, document(app_of("/web", 2)))
    mmsd.extra_arguments.append(f"--marathon-file={saved}")
    mmsd.start()

    def shows(count: int) -> bool:
        return len(mmsd.get("/v1/instances/web").lines) == count

    wait_for("two instances", lambda: shows(2))
    replace(saved, document(app_of("/web", 5)))
    wait_for("five after a rename", lambda: shows(5))
    saved.write_bytes(document(app_of("/web", 3)))
    wait_for("three after a write in place", lambda: shows(3))

    for broken in (b"", b"{}", b"no json", document(app_of("/web", 9))[:-40]):
        replace(saved, broken)
    saved.unlink()
    replace(saved, document(app_of("/web", 4)))
    wait_for("four after the broken ones", lambda: shows(4))


def documents() -> list[pathlib.Path]:
    """Every fixture that holds apps."""
    found = []
    for folder in ("apps", "app", "groups"):
        found += sorted((FIXTURES / folder).glob("*.json"))
    return found


def apps_in(content) -> list[dict]:
    """The apps of a list, an app, or a group tree."""
    if isinstance(content, list):
        return content
    if "app" in content:
        return [content["app"]]
    if "apps" in content or "groups" in content:
        found = list(content.get("apps") or [])
        for group in content.get("groups") or []:
            found += apps_in(group)
        return found
    return [content]


def shows_apps(mmsd, apps: list[dict]) -> bool:
    """The API lists exactly those apps."""
    return set(mmsd.get("/v1/apps").lines) == {"/" + app["id"].removeprefix("/") for app in apps}


@pytest.mark.skipif(not documents(), reason=f"no fixtures in {FIXTURES}")
def test_every_fixture_is_survived(make_mmsd):
    mmsd = make_mmsd()
    saved = mmsd.folder / "apps.json"
    replace(saved, b'{"apps":[{"id":"/marker/first"}]}')
    mmsd.extra_arguments.append(f"--marathon-file={saved}")
    mmsd.start()
    before = mmsd.pids()
    for path in documents():
        raw = path.read_bytes()
        content = json.loads(raw)
        # As it is first: refused, or taken for what it holds.
        apps = [app for app in apps_in(content) if "id" in app]
        refused = mmsd.log.count(_REFUSED)
        replace(saved, raw)
        wait_for(
            f"an opinion on {path}",
            lambda count=refused, apps=apps: mmsd.log.count(_REFUSED) > count
            or shows_apps(mmsd, apps),
        )
        # Then its apps as /v2/apps would list them, with one that tells it from the one before.
        marker = {"id": f"/marker/{path.stem}"}
        replace(saved, json.dumps({"apps": [*apps, marker]}).encode())
        wait_for(path.name, lambda apps=[*apps, marker]: shows_apps(mmsd, apps))
        name = path.relative_to(FIXTURES).as_posix()
        for app_id, ports in INSTANCES.get(name, {}).items():
            for index, lines in enumerate(ports):
                query = f"?noresolve=1&portIndex={index}" if lines else "?noresolve=1"
                answer = mmsd.get(f"/v1/instances{app_id}{query}")
                assert (name, app_id, answer.lines) == (name, app_id, lines)
    assert mmsd.pids() == before
    assert len(INSTANCES.keys() & {p.relative_to(FIXTURES).as_posix() for p in documents()}) >= 15
