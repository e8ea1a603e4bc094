"""The service's side of a MIDI port: its settings, the life of the helper process that keeps it, and how it is.

What is sent or heard there is for the adapters to say. Helpers don't import this file: pydantic would weigh on them.
"""

from __future__ import annotations

import platform
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from choreo_adapters.helper.process import HelperProcess
from choreo_adapters.helper.reports import Report
from choreo_adapters.midi.keeper import HEARTBEAT_S
from choreo_adapters.midi.process import helper_argv
from choreo_service.clock import Clock
from choreo_service.errors import AdapterConfigError

WINDOWS: Final = platform.system() == "Windows"


def client_name(default: str) -> Any:
    """The field of that name, for a port that is called `default` unless somebody says otherwise."""
    return Field(default=default, min_length=1, max_length=32, pattern=r"^[A-Za-z0-9 _-]+$")


class PortConfig(BaseModel):
    """Which port, through which system."""

    model_config = ConfigDict(extra="forbid")

    port: str | None = Field(default=None, min_length=1)
    """A port that exists, by its name or a part of it; without one, choreo offers a port of its own: `client_name`."""
    client_name: str = client_name("choreo")
    api: Literal["auto", "alsa", "jack", "coremidi", "winmm"] = "auto"


class MidiHelper(HelperProcess):
    """A helper process that keeps a MIDI port."""

    def __init__(
        self,
        argv: Sequence[str],
        on_report: Callable[[Report], None],
        clock: Clock,
        *,
        name: str,
        hang_fix: str,
        lasting: bool = False,
    ) -> None:
        super().__init__(
            argv,
            on_report,
            clock,
            name=name,
            heartbeat_s=HEARTBEAT_S,
            hang_fix=hang_fix,
            environment={"JACK_NO_START_SERVER": "1"},  # libjack must not start a server of its own
            lasting=lasting,
        )


class PortAdapter(ABC):
    """An adapter with one port, which a helper process keeps.

    States: closed, starting, no-midi (no MIDI system; asked again by itself), lost (port absent), reopening, open.
    """

    TYPE: ClassVar[str]  # as the configuration calls the adapter
    CHILD: ClassVar[str]  # the helper's module
    HINTS: ClassVar[Mapping[str, str]]  # state -> what to do about it

    _config: PortConfig

    def __init__(self, config: PortConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._link: MidiHelper | None = None  # while it runs
        self._report: Report = {"state": "closed"}

    async def run(self) -> None:
        """Keep the helper alive until cancelled. AdapterLost when it died or hangs: the supervisor starts another.

        AdapterConfigError where it could never work.
        """
        self._check()
        link = self._link = self._make_link()
        self._report = {"state": "starting"}
        try:
            await link.start()
            await link.watch()
        finally:
            self._link = None
            self._report = {"state": "closed"}
            await link.close()

    def _check(self) -> None:
        """AdapterConfigError for what can't work."""
        if WINDOWS and self._config.port is None:
            raise AdapterConfigError(
                f"{self.TYPE}: Windows can't create MIDI ports, so choreo has none of its own to offer",
                fix="install loopMIDI, create a port in it for this adapter alone, and name that port in `port:`",
            )

    @abstractmethod
    def _make_link(self) -> MidiHelper:
        """The helper, not yet started: it runs `_command()` and tells `_note()`."""

    def _command(self) -> Sequence[str]:
        """The argument vector of the helper; replaced in tests."""
        config = self._config
        return helper_argv(self.CHILD, {"client": config.client_name, "port": config.port, "api": config.api})

    def _note(self, report: Report) -> None:
        """A report of the helper; one that comes after the end is dropped."""
        if self._link is not None:
            self._take(report)

    def _take(self, report: Report) -> None:
        self._report = report

    def _state(self) -> str:
        """What health() calls the state."""
        return str(self._report["state"])

    def _situation(self) -> dict[str, Any]:
        """The part of health() that is the port's."""
        state = self._state()
        target = ": ".join(filter(None, (self._report.get("api"), self._report.get("port"))))
        reason = self._report.get("reason", "")
        return {"state": state, "reason": reason, "target": target, "hint": self.HINTS.get(state, "")}
