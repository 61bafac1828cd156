# SPDX-License-Identifier: MIT
# Saved answers of a Marathon, for --marathon-file.
"""Makes documents for --marathon-file and puts them in place."""

from __future__ import annotations

import pathlib

from marathon_generation import Generation
from marathon_json import AppJsonCache, JsonWriter
from marathon_model import App, Placement, make_ports, start


def replace(path: pathlib.Path, content: bytes) -> None:
    """Puts new content in place as an editor does: aside, then renamed."""
    aside = path.with_suffix(".new")
    aside.write_bytes(content)
    aside.chmod(0o644)
    aside.rename(path)


def app_of(app_id: str, instances: int) -> App:
    """An app with so many running tasks."""
    app = App(app_id, make_ports(1, 10000), instances=instances)
    placement = Placement()
    for _ in range(instances):
        task = placement.place(app)
        start(task)
        app.tasks.append(task)
    return app


def document(*apps: App) -> bytes:
    """What /v2/apps?embed=apps.tasks answers for those apps."""
    return AppJsonCache(JsonWriter(Generation("1.5"))).app_list(apps, True)
