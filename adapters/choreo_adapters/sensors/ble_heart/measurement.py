"""The bytes of a Heart Rate Measurement (Bluetooth SIG, Heart Rate Service 1.0, characteristic 0x2A37)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LONGEST: Final = 64  # bytes; straps send at most 20, a larger packet holds nothing a heart could fill in a second
RR_PER_S: Final = 1024

_WIDE_RATE: Final = 0x01
_CONTACT: Final = 0x02
_CONTACT_KNOWN: Final = 0x04
_ENERGY: Final = 0x08
_RR: Final = 0x10


@dataclass(frozen=True, slots=True)
class Measurement:
    """One notification as it stands on the air; nothing in it has been judged."""

    bpm: int  # 0..65535
    contact: bool | None  # skin contact; None from a strap that can't tell
    energy_kj: int | None  # expended since the strap's last reset
    rr_s: tuple[float, ...]  # s, oldest beat first; none, one or several a notification


def parse_measurement(data: bytes) -> Measurement:
    """ValueError when the bytes don't hold what their flags announce.

    Bytes after the last announced field are ignored: the reserved flags may announce fields of a later version.
    """
    if len(data) > LONGEST:
        raise ValueError(f"a measurement of {len(data)} bytes; expected at most {LONGEST}")
    flags, at = _number(data, 0, 1), 1
    width = 2 if flags & _WIDE_RATE else 1
    bpm, at = _number(data, at, width), at + width
    energy = None
    if flags & _ENERGY:
        energy, at = _number(data, at, 2), at + 2
    rr = tuple(_number(data, i, 2) / RR_PER_S for i in range(at, len(data), 2)) if flags & _RR else ()
    return Measurement(bpm, bool(flags & _CONTACT) if flags & _CONTACT_KNOWN else None, energy, rr)


def _number(data: bytes, at: int, width: int) -> int:
    """The little-endian number at `at`."""
    if len(data) < at + width:
        raise ValueError(f"a measurement of {len(data)} bytes ends within a field: {data.hex()}")
    return int.from_bytes(data[at : at + width], "little")
