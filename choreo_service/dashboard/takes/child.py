"""The reading process: `python -m choreo_service.dashboard.takes.child FOLDER`.

One JSON request a line on standard input: `{"op": "list"}`, `{"op": "tag", "name", "tags"}` or `{"op": "open", "name",
"performer", "begin_s", "end_s", "points"}`; the answer is u8 0 (fine) or 1 (a refusal in words), u32 length, bytes.
Ends with its input.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

from choreo_service.dashboard.takes.reader import Curves, list_takes, take_path
from choreo_service.errors import ChoreoError
from choreo_service.session.meta import META_FILE, set_tags

FRAME: Final = struct.Struct("<BI")


def main(root: Path, requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until there are no more requests. The take asked for last stays open: scrubbing reads nothing anew."""
    held: tuple[str, int, Curves] | None = None
    for line in requests:
        words = json.loads(line)
        try:
            if words["op"] == "list":
                body = json.dumps(list_takes(root)).encode()
            elif words["op"] == "tag":
                tags = set_tags(take_path(root, words["name"]) / META_FILE, words["tags"])
                body = json.dumps({"tags": tags}).encode()
            else:
                held = _held(root, words, held)
                body = held[2].excerpt(words["begin_s"], words["end_s"], words["points"])
            answers.write(FRAME.pack(0, len(body)) + body)
        except ChoreoError as error:
            text = f"{error.problem}: {error.fix}".encode()
            answers.write(FRAME.pack(1, len(text)) + text)
        answers.flush()


def _held(root: Path, words: Mapping[str, Any], held: tuple[str, int, Curves] | None) -> tuple[str, int, Curves]:
    name, performer = words["name"], words["performer"]
    if held is not None and held[:2] == (name, performer):
        return held
    return name, performer, Curves(take_path(root, name), performer)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)
