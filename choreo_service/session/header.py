"""What each key of a take's header may hold: whatever a reader of the project uses, so that no reader checks it again.

A header may come from anywhere. Keys that aren't named here may hold anything and are kept as they are.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, StringConstraints, ValidationError

from choreo_service.clock import MS, NS

T = TypeVar("T")


class Fault(NamedTuple):
    """One thing that is wrong with a header."""

    key: str  # of the header itself
    text: str  # the place, what was expected there and what was found


def faults(meta: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with a header, its `schema_version` aside; nothing where every reader can use it."""
    try:
        _Header.model_validate(meta)
    except ValidationError as error:
        return [_fault(e) for e in error.errors(include_url=False, include_context=False)]
    return []


def shown(value: Any) -> str:
    """A value of a header in a few characters, none of which moves a terminal's cursor."""
    return "null" if value is None else _short.repr(value)


_short: Final = reprlib.Repr()
_short.maxstring = _short.maxother = 60
_short.maxlevel = 2
_short.maxdict = _short.maxlist = 3


def _fault(error: Any) -> Fault:
    place, kind = [part for part in error["loc"] if part != "[key]"], error["type"]
    where = ".".join(str(part) if _PLAIN.fullmatch(str(part)) else _short.repr(part) for part in place)
    if kind == "missing":
        return Fault(str(place[0]), f"{where}: expected, but not there")
    expected = _EXPECTED.get(kind) or error["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return Fault(str(place[0]), f"{where}: expected {expected}, found {shown(error['input'])}")


_PLAIN: Final = re.compile(r"[\w-]{1,60}")
_EXPECTED: Final[Mapping[str, str]] = {  # in the words of JSON
    "model_type": "an object",
    "dict_type": "an object",
    "list_type": "a list",
    "string_type": "a string",
    "int_type": "an integer",
    "float_type": "a number",
    "string_too_long": "a shorter string",
    "string_pattern_mismatch": "a plain name in lower case",
}

_MAX_NAMES: Final = 1000  # of one object: a hostile one must not make a million faults
_LONGEST_NS: Final = 1 << 62  # 146 years; the difference of two such moments fits 64 bits
_LONGEST_S: Final = 1e10


def _few(found: Any) -> Any:
    if isinstance(found, dict) and len(found) > _MAX_NAMES:
        raise ValueError(f"at most {_MAX_NAMES} names")
    return found


def _many(found: Any) -> Any:
    return [found] if isinstance(found, str) else found


_Few: Final = BeforeValidator(_few)
_Count = Annotated[int, Field(ge=0, le=_LONGEST_NS)]
_Moment = Annotated[int, Field(ge=-_LONGEST_NS, le=_LONGEST_NS)]
_Seconds = Annotated[float, Field(ge=-_LONGEST_S, le=_LONGEST_S)]
_Table = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]  # part of a file's name
_List = Annotated[list[T], FailFast()]
_Names = Annotated[dict[str, str], _Few]
_Block = Annotated[dict[str, Any], _Few]


class _Part(BaseModel):
    """No text for a number, no boolean for an integer, neither NaN nor infinity. Keys may be left out as in takes of
    before they were written."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class _Share(_Part):
    samples: _Count = 0
    fraction: float = Field(default=0.0, ge=0, le=1)  # of the time it was there


class _Marker(_Part):
    t_ns: _Moment
    label: str


class _Gesture(_Part):
    start_s: _Seconds
    end_s: _Seconds
    name: str


class _Seal(_Part):
    rows: _Count = 0
    bytes: _Count = 0
    crc32: Annotated[str, StringConstraints(max_length=40)] = ""


class _Controller(_Part):
    cc: int = Field(default=0, ge=0, le=127)
    channel: int = Field(default=1, ge=1, le=16)


class _Generator(_Part):
    name: str = ""
    version: _Count = 0
    seed: int = Field(default=0, ge=0)
    session: _Count = 0
    settings: _Block = {}


class _Header(_Part):
    # Of every take.
    name: str
    created: str  # date and time of the recording, ISO 8601
    source: str  # who made it: "live", "import:e4 S21", ...
    period_ns: Annotated[int, Field(ge=MS, le=NS)] | None  # None: never played, so no tick
    start_ns: _Moment | None  # tick k was due at start_ns + k * period_ns; without ticks the first packet's t_ns
    performers: int = Field(ge=1, le=128)  # what the tables' int8 numbers
    ticks: _Count
    coverage: Annotated[dict[str, _Share], _Few]  # by modality
    notes: Annotated[_List[str], BeforeValidator(_many)]

    # Counted while it was written.
    duration_s: float = Field(default=0.0, ge=0, le=_LONGEST_S)
    files: Annotated[dict[_Table, _Seal], _Few] = {}  # by table
    state: _Seal = _Seal()
    streams: Annotated[dict[str, _Count], _Few] = {}

    # Of a recording.
    recording: str = ""
    ended: str = ""
    lost_rows: Annotated[dict[str, _Count], _Few] = {}  # by stream
    began_without: _List[str] = []
    tags: _List[str] = []
    choreo: str = ""
    engine: _Block = {}  # the settings judge what is in the three
    accents: _Block = {}
    transport: _Block = {}
    models: str = ""
    models_sha256: str = ""
    control_map: Annotated[dict[str, _Controller], _Few] = {}
    bridges: _Names = {}  # name -> type, as that of the sensors
    sensors: _Names = {}
    bits: Annotated[dict[str, int], _Few] = {}  # by bridge

    # Of an import and of the generator. What other programs call `performer` and `bpm` may be anything.
    markers: _List[_Marker] = []
    generator: _Generator = _Generator()
    gestures: _List[_Gesture] = []
