# SPDX-License-Identifier: MIT
# What differs between Marathon's releases, as properties of one version number.
"""Marathon releases as far as a client of its HTTP API can tell them apart."""

from __future__ import annotations

# A generation's short name stands for one release that was really in use.
_RELEASES = {
    "0.8": "0.8.2",
    "0.9": "0.9.2",
    "0.10": "0.10.1",
    "0.11": "0.11.1",
    "0.13": "0.13.1",
    "0.14": "0.14.2",
    "0.15": "0.15.3",
    "1.0": "1.0.0",
    "1.1": "1.1.1",
    "1.3": "1.3.14",
    "1.4": "1.4.13",
    "1.5": "1.5.15",
    "1.6": "1.6.590",
    "1.7": "1.7.236",
    "1.8": "1.8.244",
    "1.9": "1.9.109",
    "1.10": "1.10.26",
}


class Generation:
    """One Marathon release; every property says since when something holds."""

    def __init__(self, name: str) -> None:
        """Takes a short name ("1.4") or a full version ("1.1.2")."""
        self.name = name
        self.version = _RELEASES.get(name, name)
        numbers = [int(part) for part in self.version.split("-")[0].split(".")]
        self._number = tuple((numbers + [0, 0])[:3])
        if self._number < (0, 8, 0) or self._number >= (2, 0, 0):
            raise ValueError(f"no Marathon generation {name!r}")

    def __repr__(self) -> str:
        return f"Generation({self.version})"

    def since(self, *number: int) -> bool:
        """True if this release is @number or newer."""
        return self._number >= tuple((list(number) + [0, 0])[:3])

    # Events

    @property
    def has_event_stream(self) -> bool:
        return self.since(0, 9)

    @property
    def has_event_line(self) -> bool:
        """Before 0.11 only `data:` lines are sent."""
        return self.since(0, 11)

    @property
    def honours_event_type(self) -> bool:
        return self.since(1, 3, 7)

    @property
    def max_outstanding(self) -> int:
        """Events queued for a slow reader before the overflow policy acts."""
        return 1024 if self.since(1, 5) else 50

    @property
    def closes_on_overflow(self) -> bool:
        """Before 1.8 events that do not fit are dropped without a word."""
        return self.since(1, 8)

    @property
    def has_instance_events(self) -> bool:
        return self.since(1, 4)

    @property
    def publishes_every_status(self) -> bool:
        """Up to 0.15 only the first TASK_RUNNING and terminal states are published."""
        return self.since(1, 0)

    @property
    def action_key(self) -> str:
        return "action" if self.since(1, 1, 2) else "type"

    @property
    def has_plan_in_success(self) -> bool:
        return self.since(0, 11)

    def is_plan_light(self, asked_for: bool) -> bool:
        """Whether deployment events leave out plan.original and plan.target."""
        return self.since(1, 7) or (self.since(1, 5) and asked_for)

    @property
    def redirects_events(self) -> bool:
        """A node that is not the leader answers /v2/events with 302; older ones proxy."""
        return self.since(1, 7)

    # App definitions

    @property
    def has_port_definitions(self) -> bool:
        return self.since(1, 0)

    @property
    def has_networks(self) -> bool:
        return self.since(1, 5)

    @property
    def has_ip_per_task(self) -> bool:
        return self.since(0, 14) and not self.has_networks

    @property
    def has_container_network(self) -> bool:
        return self.since(1, 0)

    @property
    def writes_nulls(self) -> bool:
        return not self.since(1, 5)

    @property
    def trims_versions(self) -> bool:
        """App versions lose trailing zeros of the milliseconds; task versions keep them."""
        return self.since(1, 5)

    # Tasks

    @property
    def has_task_state(self) -> bool:
        return self.since(1, 1, 2) or (self.since(0, 15, 4) and not self.since(1, 0))

    @property
    def has_ip_addresses(self) -> bool:
        return self.since(0, 14)

    @property
    def has_slave_id(self) -> bool:
        return self.since(0, 11)

    @property
    def writes_empty_task_arrays(self) -> bool:
        return self.since(1, 6)

    def task_id(self, safe_path: str, uuid: str) -> str:
        """The id of an app's task, whose path is @safe_path with / replaced by _."""
        if self.since(1, 8):
            return f"{safe_path}.instance-{uuid}._app.1"
        return f"{safe_path}.{uuid}"

    def instance_id(self, safe_path: str, uuid: str) -> str:
        """The id of the instance that holds that task (1.4+)."""
        return f"{safe_path}.{'instance' if self.since(1, 8) else 'marathon'}-{uuid}"

    # HTTP

    @property
    def has_gzip(self) -> bool:
        return self.since(1, 2)

    @property
    def no_leader_status(self) -> int:
        return 502 if self.since(1, 7) else 503

    @property
    def unknown_uri_status(self) -> int:
        return 500 if self.since(1, 6) else 404

    @property
    def has_text_tasks(self) -> bool:
        return not self.since(1, 10)

    @property
    def has_pods(self) -> bool:
        return self.since(1, 4)
