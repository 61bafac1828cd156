# SPDX-License-Identifier: MIT
# Instances of fixture documents, worked out by hand from the documents and Marathon's rules.
"""Expected `host:port` lines: document → app → one list per port index."""

_ROUTER = {"/f5-service-router": [["10.141.141.10:31010"]]}  # BRIDGE without mappings: `ports`
_SERVER = [
    [
        "10.141.141.10:31132",
        "10.141.141.10:31615",
        "10.141.141.10:31972",
        "10.141.141.10:31982",
    ]
]
_SERVER2 = [
    [
        "10.141.141.10:31126",
        "10.141.141.10:31151",
        "10.141.141.10:31345",
        "10.141.141.10:31701",
    ]
]
_TOGGLE = [["10.141.141.10:31045", "10.141.141.10:31234"]]
# ipAddresses of bridge tasks are docker-internal: the agent's address counts.
_GREEN = [["10.0.6.25:16916", "10.0.6.25:23336", "10.0.6.25:31184"]]

INSTANCES = {
    "app/depcon-app.json": {"/storage/redis-x": [["1.1.1.1:7000"]]},
    "app/docs-0.8-app-toggle.json": {"/toggle": _TOGGLE},
    "app/gomarathon-fake-app.json": {"/fake-app": _TOGGLE},
    # Tasks have ports, but the app declares none: there is no port index.
    "app/linkerd-app-no-health-check.json": {"/foo": [[]]},
    "app/marathonlb-zdd-app-blue-1.5.json": {"/nginx-green": _GREEN},
    "app/marathonlb-zdd-app-blue.json": {"/nginx-green": _GREEN},
    "apps/akka-docker-app-1.4.json": {
        "/products-api": [
            ["10.121.48.204:10135", "10.121.48.204:29479"],
            ["10.121.48.204:10136", "10.121.48.204:29480"],
        ]
    },
    "apps/f5-app-no-hm.json": {
        **_ROUTER,
        "/server-app": _SERVER,
        "/server-app3": [["10.141.141.10:31356", "10.141.141.10:31627"]],
    },
    "apps/f5-app-scaled.json": {**_ROUTER, "/server-app": _SERVER, "/server-app2": _SERVER2},
    "apps/f5-no-apps.json": {"/f5-service-router": [["10.141.141.10:31324"]]},
    "apps/f5-one-app-in-subdir.json": {**_ROUTER, "/my_services/test-2/server-app": _SERVER},
    "apps/f5-one-app-two-service-ports.json": {
        "/f5-service-router": [["10.141.141.10:31328"]],
        "/server-app4": [
            ["10.141.141.10:31144", "10.141.141.10:31390", "10.141.141.10:31581"],
            ["10.141.141.10:31145", "10.141.141.10:31391", "10.141.141.10:31582"],
        ],
    },
    "apps/f5-one-app.json": {**_ROUTER, "/server-app": _SERVER},
    "apps/f5-two-apps-v152.json": {
        "/nginx-app": [["172.16.1.6:11329", "172.16.1.7:9158"]],
        "/nginx-app-nohm": [["172.16.1.6:31042", "172.16.1.7:16709"]],
    },
    "apps/f5-two-apps.json": {
        **_ROUTER,
        "/server-app": [["10.141.141.10:31972", "10.141.141.10:31982"]],
        "/server-app2": _SERVER2,
    },
    "apps/marathonlb-marathon15-apps.json": {"/pywebserver": [["10.0.2.148:1565"]]},
    "apps/marathonlb-zdd-apps.json": {"/nginx-green": _GREEN, "/nginx-blue": [["10.0.1.147:25724"]]},
    # portDefinitions []: running, yet no endpoint.
    "apps/sensu-apps-embeds-1.5.json": {"/sensu-test": [[]], "/sensu-test-unhealthy": [[]]},
}
