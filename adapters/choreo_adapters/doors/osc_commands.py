"""Commands over OSC, for Companion, TouchOSC, QLab, Max: `/choreo/<verb> args...`, answered by `/choreo/status/<verb>`.

Arguments stand in the order of the command's fields. One number to a verb that takes none is a button, as touch
surfaces send them: 1 pressed, 0 let go (ignored). The answer, `ok 0 or 1` and the reason, goes to `reply_port` of the
machine that asked, and to nobody else: what isn't allowed in is never answered.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import socket
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pythonosc.osc_message_builder import OscMessageBuilder

from choreo_adapters.osc.decode import Message
from choreo_adapters.osc.ports import free_port
from choreo_adapters.osc.receiver import OscReceiver
from choreo_service.clock import Clock
from choreo_service.errors import ITS_NAME, AdapterConfigError, AdapterLost
from choreo_service.protocols import Answer, Submit

PREFIX: Final = "/choreo/"
STATUS: Final = "/choreo/status/"
_MAX_REASON: Final = 200
_NO_ARGUMENTS: Final = frozenset({"panic", "resume", "resend", "tap", "reload"})  # verbs that buttons press


class OscCommandsConfig(BaseModel):
    """Where commands are heard, from whom, and where the answers go."""

    model_config = ConfigDict(extra="forbid")

    host: str = Field(default="127.0.0.1", description="address to listen on; others than this machine's need `allow`")
    port: int = Field(default=8788, ge=0, le=65535, description="UDP port; 0 takes any free one")
    reply_port: int = Field(
        default=8789, ge=0, le=65535, description="UDP port of the asking machine that is answered; 0: no answers"
    )
    allow: tuple[str, ...] = Field(default=(), max_length=32, description="addresses that may command")
    rate_limit_hz: float = Field(
        default=50.0, gt=0, le=1000, allow_inf_nan=False, description="commands per second from one machine"
    )

    @model_validator(mode="after")
    def _named_where_others_can_reach_it(self) -> Self:
        try:
            loopback = ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            raise ValueError(f"host {self.host!r} is no IP address") from None
        if not loopback and not self.allow:
            raise ValueError(f"host {self.host} is seen by the network: name in `allow` who may command")
        return self


class OscCommands:
    """Hears commands and answers each. States: closed, open."""

    Config: ClassVar[type[BaseModel]] = OscCommandsConfig

    def __init__(self, config: OscCommandsConfig, submit: Submit, clock: Clock) -> None:
        self._config, self._submit = config, submit
        self._refused: Counter[str] = Counter()
        self._obeyed = 0
        self._answers: socket.socket | None = None
        self._receiver = OscReceiver(
            self.on_message,
            self._on_rejected,
            clock,
            rate_hz=config.rate_limit_hz,
            burst=max(1, round(config.rate_limit_hz)),
            allow=config.allow,
        )

    async def run(self) -> None:
        """Listen until cancelled; AdapterLost when the port can't be had: no reason to end a show, so it is tried
        again."""
        try:
            self._receiver.open(self._config.host, self._config.port)
        except AdapterConfigError as error:
            other = free_port(self._config.host, self._config.port)
            raise AdapterLost(
                error.problem, fix=f"free the port, or choose another: -o doors.{ITS_NAME}.port={other}"
            ) from error
        family = socket.AF_INET6 if ":" in self._config.host else socket.AF_INET
        self._answers = socket.socket(family, socket.SOCK_DGRAM)
        self._answers.setblocking(False)
        try:
            await asyncio.Event().wait()
        finally:
            self._receiver.close()
            self._answers.close()
            self._answers = None

    def on_message(self, message: Message, source: str, _rx_ns: int) -> None:
        if not message.address.startswith(PREFIX) or message.address.startswith(STATUS):
            self._refused["unknown address"] += 1
            return
        verb = message.address.removeprefix(PREFIX)
        args = message.args
        if verb in _NO_ARGUMENTS and len(args) == 1 and isinstance(args[0], int | float):
            if not args[0]:
                return  # the button was let go
            args = ()
        answer = self._submit(verb, [_plain(value) for value in args])
        if answer.ok:
            self._obeyed += 1
        else:
            self._refused["command"] += 1
        self._answer(source, verb, answer)

    def health(self) -> Mapping[str, Any]:
        port = self._receiver.port
        target = f"osc {self._config.host}:{port}" if port else ""
        return {
            "state": "open" if port else "closed",
            "target": target,
            "obeyed": self._obeyed,
            "refused": sum(self._refused.values()),
        }

    @property
    def port(self) -> int:
        """The port really bound, 0 while closed."""
        return self._receiver.port

    def _answer(self, source: str, verb: str, answer: Answer) -> None:
        if not self._config.reply_port or self._answers is None:
            return
        builder = OscMessageBuilder(f"{STATUS}{verb}")
        builder.add_arg(int(answer.ok), OscMessageBuilder.ARG_TYPE_INT)
        builder.add_arg(answer.reason[:_MAX_REASON], OscMessageBuilder.ARG_TYPE_STRING)
        try:
            self._answers.sendto(builder.build().dgram, (source, self._config.reply_port))
        except OSError:
            self._refused["answer not sent"] += 1  # nobody listens there; the command was dealt with all the same

    def _on_rejected(self, cause: str, _source: str, count: int) -> None:
        self._refused[cause] += count


def _plain(value: Any) -> Any:
    """Whole floats as integers where a touch surface knows nothing else; the command's own check decides."""
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    return value
