#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Writes the first corpus of fuzz_frames: the golden frames, alone and as conversations.
"""Usage: make_frames_corpus.py FOLDER"""

import sys
from pathlib import Path

GOLDEN = Path(__file__).resolve().parent.parent / "golden/frames"
# What each sender says, in an order that its gate admits.
CONVERSATIONS = {
    0: ["hello", "ping", "snapshot", "status_wrapped", "process_status", "set_log_level", "reapply",
        "shutdown"],
    1: ["ready", "source_status", "snapshot", "status", "snapshot"],
    2: ["ready", "snapshot_applied", "status"],
}


def frame(name):
    return b"".join(bytes.fromhex(line) for line in (GOLDEN / f"{name}.hex").read_text().split()
                    if not line.startswith("#"))


def corpus():
    for sender, names in CONVERSATIONS.items():
        conversation = b"".join(frame(name) for name in names)
        for cut in (0, 1, 0x41, 0x85):
            yield f"conversation-{sender}-{cut}", bytes([sender, cut]) + conversation
        for path in sorted(GOLDEN.glob("*.hex")):
            opening = frame(names[0])
            yield f"{path.stem}-{sender}", bytes([sender, 3]) + opening + frame(path.stem)
    ready = frame("ready")
    for word in (b"\0" * 16, b"\xff" * 16, b"\0\0\1\0" + ready[4:], b"\1\0\1\0" + ready[4:]):
        yield f"header-{word[:4].hex()}", b"\2\0" + word


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in corpus():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
