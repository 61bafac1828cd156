#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Turns the status page's style and script into a C++ header, with the hashes that its CSP names.
"""Usage: embed_page.py STYLE SCRIPT HEADER"""

from __future__ import annotations

import base64
import hashlib
import pathlib
import sys

_DELIMITER = "mmsd"


def constant(name: str, path: pathlib.Path) -> str:
    """The text of @path, and the source expression for it (CSP level 3, section 2.3.1)."""
    text = path.read_text(encoding="utf-8")
    if f'){_DELIMITER}"' in text or "</" in text:
        raise SystemExit(f"{path}: holds what would end the literal or the element")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return (
        f'inline constexpr std::string_view k{name} = R"{_DELIMITER}({text}){_DELIMITER}";\n'
        f'inline constexpr std::string_view k{name}Hash = "\'sha256-{digest}\'";\n'
    )


def main() -> int:
    style, script, header = (pathlib.Path(argument) for argument in sys.argv[1:])
    header.write_text(
        "// Made by embed_page.py.\n#pragma once\n\n#include <string_view>\n\n"
        "namespace mmsd::api {\n\n"
        f"{constant('PageStyle', style)}{constant('PageScript', script)}\n"
        "} // namespace mmsd::api\n",
        encoding="utf-8",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
