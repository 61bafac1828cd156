# SPDX-License-Identifier: MIT
# Requests to the Marathon double, for the tests of the double itself.
"""Plain HTTP requests to the double."""

from __future__ import annotations

import json
import urllib.error
import urllib.request


def get(double, path, **headers):
    """@return (status, headers, body)"""
    request = urllib.request.Request(double.url + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def get_json(double, path):
    status, _, body = get(double, path)
    assert status == 200
    return json.loads(body)


def has(*names):
    """True once the stream has brought events of all those names."""
    return lambda client: set(names) <= set(client.names())
