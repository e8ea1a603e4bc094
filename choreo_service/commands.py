"""The one command vocabulary: what a performer may ask of the running service, whichever door the wish comes through.

Keyboard, WebSocket, HTTP, OSC and learned MIDI all produce a `Command`; `parse` is the one way from words to it.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from choreo_service.errors import ChoreoError
from choreo_service.packets import CONTROL_NAMES, LEADERS

ControlName = Literal["tempo_scale", "density", "tension", "brightness", "fx_send"]
Leader = Literal["self", "body", "music", "shared"]
ShapeField = Literal[
    "min",
    "max",
    "cc",
    "channel",
    "curve",
    "invert",
    "clamp.low",
    "clamp.high",
    "ease.curve",
    "ease.ms",
    "neutral",
    "safe",
]

if get_args(ControlName) != CONTROL_NAMES:
    raise RuntimeError("commands.ControlName must list the controls of packets.CONTROL_NAMES")
if get_args(Leader) != LEADERS:
    raise RuntimeError("commands.Leader must list packets.LEADERS")


class CommandError(ChoreoError):
    """Words that are no command, or a command that can't be obeyed now."""


class _Command(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class Panic(_Command):
    """Ramp every control to its safe value and stay there; again while latched: at once, and all notes off."""

    verb: Literal["panic"] = "panic"


class Resume(_Command):
    """Leave panic, freeze, hold, mute, manual and map: ease back to what the body plays."""

    verb: Literal["resume"] = "resume"


class Freeze(_Command):
    """All controls keep their last values while models and recording go on; off cross-fades back."""

    verb: Literal["freeze"] = "freeze"
    on: bool | None = None
    """None: the other way round."""


class Hold(_Command):
    """Like freeze, for one control."""

    verb: Literal["hold"] = "hold"
    control: ControlName
    on: bool | None = None
    """None: the other way round."""


class Mute(_Command):
    """Nothing is sent for one control; its receiver keeps the last value."""

    verb: Literal["mute"] = "mute"
    control: ControlName
    on: bool | None = None
    """None: the other way round."""


class Manual(_Command):
    """A fader owns one control; without a position it is given back, cross-fading."""

    verb: Literal["manual"] = "manual"
    control: ControlName
    position: float | None = Field(default=None, ge=0, le=1)
    """0..1 of the control's range."""


class Map(_Command):
    """Send one control alone as a slow sweep, so that a receiver can learn it; without a control: end."""

    verb: Literal["map"] = "map"
    control: ControlName | None = None
    performer: int = Field(default=0, ge=0)
    """Whose; each performer has a channel or addresses of their own."""


class Scene(_Command):
    """Change to a preset of the control map."""

    verb: Literal["scene"] = "scene"
    name: str = Field(min_length=1)
    morph_s: float | None = Field(default=None, ge=0, le=60)
    """None: as long as the scene itself says."""


class Record(_Command):
    """Start or end a take."""

    verb: Literal["record"] = "record"
    on: bool | None = None
    """None: the other way round."""


class Marker(_Command):
    """Note this moment in the take."""

    verb: Literal["marker"] = "marker"
    text: str = Field(default="", max_length=200)


class Resend(_Command):
    """Send every control once more to every receiver."""

    verb: Literal["resend"] = "resend"


class Tap(_Command):
    """A beat, now."""

    verb: Literal["tap"] = "tap"


class Recalibrate(_Command):
    """Learn a performer's own range anew, cross-fading from the old one."""

    verb: Literal["recalibrate"] = "recalibrate"
    performer: int | None = Field(default=None, ge=0)
    """None: everybody."""


class Policy(_Command):
    """Who leads the tempo, from the next bar on."""

    verb: Literal["policy"] = "policy"
    leader: Leader


class Shape(_Command):
    """Change how one control stands on the wire, in the scene that plays, until the show ends: heard at once."""

    verb: Literal["shape"] = "shape"
    control: ControlName
    field: ShapeField | None = None
    """A key of the control map. None: all of them, as the files say."""
    value: bool | float | Annotated[str, Field(max_length=40)] | None = None
    """None: as the files say."""


class Learn(_Command):
    """Let the next knob, pad or key that moves on a controller ask for a command from then on; without: don't wait."""

    verb: Literal["learn"] = "learn"
    command: str | None = Field(default=None, max_length=20)
    """A verb. A knob or fader can drive `manual`; pads and keys ask for the others when they are pressed."""
    of: str = Field(default="", max_length=40)
    """What the verb is about: its control, its scene."""


class Unlearn(_Command):
    """Let no knob, pad or key ask for a command any more."""

    verb: Literal["unlearn"] = "unlearn"
    command: str = Field(max_length=20)
    of: str = Field(default="", max_length=40)


class Reload(_Command):
    """Read configuration and checkpoints again; what can change during a show does so, without a gap."""

    verb: Literal["reload"] = "reload"


Command = (
    Panic
    | Resume
    | Freeze
    | Hold
    | Mute
    | Manual
    | Map
    | Scene
    | Record
    | Marker
    | Resend
    | Tap
    | Recalibrate
    | Policy
    | Shape
    | Learn
    | Unlearn
    | Reload
)
COMMANDS: Final[Mapping[str, type[_Command]]] = {cls.model_fields["verb"].default: cls for cls in get_args(Command)}
_ADAPTER: Final[TypeAdapter[Command]] = TypeAdapter(Annotated[Command, Field(discriminator="verb")])


_CLOSE: Final = 0.7  # a slip of two letters, as mtue; what is farther from all words was not one of them


def parse(verb: str, args: Mapping[str, Any] | Sequence[Any] = ()) -> Command:
    """The command `verb` with named arguments, or with a list of them in the order of its fields (OSC).

    CommandError says what is allowed instead.
    """
    if verb not in COMMANDS:
        meant = get_close_matches(verb, COMMANDS, n=1, cutoff=_CLOSE)
        hint = f"; did you mean {meant[0]}?" if meant else ""
        raise CommandError(f"unknown command {verb[:40]!r}{hint}", fix=f"one of {', '.join(COMMANDS)}")
    fields = [name for name in COMMANDS[verb].model_fields if name != "verb"]
    if not isinstance(args, Mapping):
        if len(args) > len(fields):
            raise CommandError(f"{len(args)} arguments, expected at most {len(fields)}", fix=_usage(verb))
        args = dict(zip(fields, args, strict=False))
    try:
        return _ADAPTER.validate_python({**args, "verb": verb})
    except ValidationError as error:
        raise CommandError(_found(error, fields), fix=_usage(verb)) from None


def _found(error: ValidationError, fields: Sequence[str]) -> str:
    """What was found in the first field that is wrong, and what was expected there."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part)[:40] for part in first["loc"][1:])
    if first["type"] == "extra_forbidden":
        return f"no field {where!r}; there " + (f"are {', '.join(fields)}" if fields else "is none")
    if first["type"] == "missing":
        return f"{where} is missing"
    found = reprlib.repr(first["input"])  # short, however large the input
    if first["type"] != "literal_error":
        return f"{where}: found {found}, {first['msg'].lower()}"
    allowed = re.findall(r"'([^']*)'", first["ctx"]["expected"])
    meant = get_close_matches(first["input"], allowed, n=1, cutoff=_CLOSE) if isinstance(first["input"], str) else ()
    hint = f"; did you mean {meant[0]}?" if meant else ""
    return f"{where}: found {found}, expected one of {', '.join(allowed)}{hint}"


def _usage(verb: str) -> str:
    fields = COMMANDS[verb].model_fields
    words = [n if f.is_required() else f"[{n}]" for n, f in fields.items() if n != "verb"]
    return " ".join([verb, *words])
