"""A bounded OSC 1.0 decoder for datagrams from strangers.

Linear in the size of the datagram, no recursion, no regular expression that can backtrack, no logging, no waiting for
time tags. A datagram is accepted whole or refused whole, with OscError as the only exception. What other decoders do
with the same input (endless loops, sleeping in the event loop, zero-filled values) is why this one exists.
"""

from __future__ import annotations

import re
import struct
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

MIN_BYTES: Final = 4
MAX_BYTES: Final = 2048
MAX_ADDRESS: Final = 128
MAX_ARGUMENTS: Final = 64
MAX_MESSAGES: Final = 64
MAX_DEPTH: Final = 8  # bundles inside bundles
IMMEDIATELY: Final = 1  # the time tag that means now; also given to messages outside any bundle

Argument = int | float | str | bytes | bool | None


class Cause(StrEnum):
    """Why a datagram was refused; the values are counter names."""

    SIZE = "datagram size"  # empty, longer than MAX_BYTES, or not a multiple of 4
    ADDRESS = "malformed address"  # no leading slash, not printable ASCII, too long, not terminated
    PATTERN = "address pattern"  # pattern characters: matching them would be the sender's to abuse
    TAGS = "malformed type tags"  # missing or not terminated
    TYPE = "unknown type tag"
    ARGUMENTS = "too many arguments"
    LENGTH = "argument length"  # arguments shorter or longer than the tags say
    ELEMENT = "bundle element size"
    DEPTH = "bundles too deep"
    MESSAGES = "too many messages"
    JSON = "malformed JSON"  # not the JSON of an app we know


class OscError(Exception):
    """The datagram is not acceptable OSC; `cause` says in which way."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.value)
        self.cause = cause


class Message(NamedTuple):
    """One message. `timetag` is the raw 64-bit time tag of the innermost bundle: the sender's wall clock, not ours."""

    address: str
    args: tuple[Argument, ...]
    timetag: int


def decode(data: bytes) -> list[Message]:
    """All messages of one datagram, in order; raises OscError. Numbers may be NaN or infinite."""
    if not MIN_BYTES <= len(data) <= MAX_BYTES or len(data) % 4:
        raise OscError(Cause.SIZE)
    if data[0] == _HASH:
        return _bundle(data)
    return [_message(data, 0, len(data), IMMEDIATELY)]


_HASH: Final = ord("#")
_BUNDLE: Final = b"#bundle\0"
_HEADER: Final = len(_BUNDLE) + 8
# One bounded or exclusive character class each: these can't backtrack.
_ADDRESS: Final = re.compile(rb"/[^\x00-\x20#*,?\[\]{}\x7f-\xff]{0,%d}\0" % (MAX_ADDRESS - 1))
_TAGS: Final = re.compile(rb",[!-~]*\0")
_PATTERN_CHARACTERS: Final = frozenset(b"#*,?[]{} ")
_FIXED: Final = {"i": "i", "f": "f", "d": "d", "h": "q", "t": "Q"}
_VALUELESS: Final[dict[str, Argument]] = {"T": True, "F": False, "N": None}
_KNOWN: Final = frozenset(_FIXED) | frozenset(_VALUELESS) | {"s", "b"}
_U32: Final = struct.Struct(">I")
_U64: Final = struct.Struct(">Q")


def _bundle(data: bytes) -> list[Message]:
    """Depth first with a stack of open bundles: (where the next element stands, end of the bundle, time tag)."""
    messages: list[Message] = []
    open_bundles = [_opened(data, 0, len(data))]
    while open_bundles:
        at, end, timetag = open_bundles.pop()
        if at == end:
            continue
        (size,) = _U32.unpack_from(data, at)  # everything is a multiple of 4, so at least 4 bytes are left
        start = at + 4
        if size == 0 or size % 4 or size > end - start:
            raise OscError(Cause.ELEMENT)
        stop = start + size
        open_bundles.append((stop, end, timetag))
        if data[start] != _HASH:
            if len(messages) == MAX_MESSAGES:
                raise OscError(Cause.MESSAGES)
            messages.append(_message(data, start, stop, timetag))
        elif len(open_bundles) == MAX_DEPTH:
            raise OscError(Cause.DEPTH)
        else:
            open_bundles.append(_opened(data, start, stop))
    return messages


def _opened(data: bytes, start: int, end: int) -> tuple[int, int, int]:
    if end - start < _HEADER or not data.startswith(_BUNDLE, start):
        raise OscError(Cause.ADDRESS)
    (timetag,) = _U64.unpack_from(data, start + len(_BUNDLE))
    return start + _HEADER, end, timetag


def _message(data: bytes, start: int, end: int, timetag: int) -> Message:
    found = _ADDRESS.match(data, start, end)
    if found is None:
        raise OscError(_address_fault(data, start, end))
    address = data[start : found.end() - 1].decode("ascii")
    tags_at = _aligned(found.end(), start)
    found = _TAGS.match(data, tags_at, end)
    if found is None:
        raise OscError(Cause.TAGS)
    tags = data[tags_at + 1 : found.end() - 1].decode("ascii")
    values_at = _aligned(found.end(), start)
    layout = _layout(tags)
    if layout is None:
        return Message(address, _mixed(data, values_at, end, tags), timetag)
    if end - values_at != layout.size:
        raise OscError(Cause.LENGTH)
    return Message(address, layout.unpack_from(data, values_at), timetag)


def _address_fault(data: bytes, start: int, end: int) -> Cause:
    """Only for the counters: why the address did not match."""
    stop = data.find(0, start, end)
    text = data[start : stop if stop >= 0 else end]
    if text.startswith(b"/") and stop >= 0 and len(text) <= MAX_ADDRESS and _PATTERN_CHARACTERS.intersection(text):
        return Cause.PATTERN
    return Cause.ADDRESS


@lru_cache(maxsize=256)
def _layout(tags: str) -> struct.Struct | None:
    """The arguments as one struct where all have a fixed size and a value; OscError for tags that can't be read."""
    if len(tags) > MAX_ARGUMENTS:
        raise OscError(Cause.ARGUMENTS)
    if not _KNOWN.issuperset(tags):
        raise OscError(Cause.TYPE)
    if not all(tag in _FIXED for tag in tags):
        return None
    return struct.Struct(">" + "".join(_FIXED[tag] for tag in tags))


def _mixed(data: bytes, at: int, end: int, tags: str) -> tuple[Argument, ...]:
    """Arguments one by one, for tags with strings, blobs or values that take no bytes."""
    values: list[Argument] = []
    for tag in tags:
        if tag in _VALUELESS:
            values.append(_VALUELESS[tag])
            continue
        value, at = _string(data, at, end) if tag == "s" else _sized(data, at, end, tag)
        values.append(value)
    if at != end:
        raise OscError(Cause.LENGTH)
    return tuple(values)


def _string(data: bytes, at: int, end: int) -> tuple[str, int]:
    stop = data.find(0, at, end)
    if stop < 0:
        raise OscError(Cause.LENGTH)
    # People name their phones in UTF-8; a name must not cost the motion in the same bundle.
    return data[at:stop].decode("utf-8", errors="replace"), _aligned(stop + 1, at)


def _sized(data: bytes, at: int, end: int, tag: str) -> tuple[Argument, int]:
    layout = _U32 if tag == "b" else struct.Struct(">" + _FIXED[tag])
    if layout.size > end - at:
        raise OscError(Cause.LENGTH)
    (value,) = layout.unpack_from(data, at)
    at += layout.size
    if tag != "b":
        return value, at
    if value > end - at:
        raise OscError(Cause.LENGTH)
    return data[at : at + value], _aligned(at + value, at)


def _aligned(at: int, start: int) -> int:
    """The next multiple of 4, counted from `start`; never beyond the end, which is itself aligned."""
    return start + (at - start + 3) // 4 * 4
