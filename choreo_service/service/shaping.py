"""The verb `shape`: what a hand on the page, a fader or a program changes of the control map while the show goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from choreo_service.commands import CommandError, Shape
from choreo_service.config import Loaded
from choreo_service.config.shaping import Changes, Shaped, controls_of, flat
from choreo_service.controller import Controller
from choreo_service.dashboard.dashboard import Dashboard
from choreo_service.errors import ConfigError
from choreo_service.packets import CONTROL_NAMES
from choreo_service.recorder import Recorder

Play = Callable[[Loaded], None]


class Shaping:
    """Obeys, and says what would have to be written to keep it. No file is touched."""

    def __init__(self, loaded: Loaded, controller: Controller, recorder: Recorder, play: Play) -> None:
        """`play` lets the controller go by a control map and scenes."""
        self._controller, self._recorder, self._play = controller, recorder, play
        self._shaped = Shaped(loaded)
        self._told: tuple[Shaped, str, Mapping[str, Any]] | None = None
        self.dashboard: Dashboard | None = None

    def follow(self, loaded: Loaded) -> None:
        """The files were read again: what they say is what plays."""
        self._shaped = Shaped(loaded)

    def obey(self, command: Shape) -> None:
        """CommandError, and nothing changed, where the control map can't be so."""
        if command.value is not None and command.field is None:
            raise CommandError("a value needs the key it is for")
        scene = self._controller.playing[0]
        try:
            shaped = self._shaped.change(scene, command.control, command.field, command.value)
        except ConfigError as error:
            raise CommandError(error.problem, fix=error.fix) from None
        self._go_by(shaped)

    def state(self) -> Changes:
        """What was changed since the files were read."""
        return self._shaped.changes

    def load_state(self, changes: Changes) -> None:
        """Go on with what another engine of this show was told. ConfigError where these files don't allow it."""
        if changes:
            self._go_by(Shaped(self._shaped.filed, changes))

    def _go_by(self, shaped: Shaped) -> None:
        self._play(shaped.loaded)
        self._shaped, control_map = shaped, shaped.loaded.control_map
        # The command is in the take that runs; those to come must say what they begin with.
        self._recorder.describe(control_map=control_map.model_dump(mode="json"))
        if self.dashboard is not None:
            self.dashboard.show_map(control_map)

    def facts(self) -> Mapping[str, Any]:
        """For the pages: every key of every control as it plays, and the lines that keep what was changed."""
        scene = self._controller.playing[0]
        if self._told is None or self._told[0] is not self._shaped or self._told[1] != scene:
            self._told = self._shaped, scene, self._tell(scene)
        return self._told[2]

    def _tell(self, scene: str) -> Mapping[str, Any]:
        shaped = self._shaped
        controls, before = controls_of(shaped.loaded, scene), controls_of(shaped.filed, scene)
        return {
            "scene": scene,
            "controls": {name: flat(spec) for name, spec in controls.items()},
            "wires": {name: asdict(wire) for name, wire in shaped.loaded.control_map.wires().items()},
            "changed": [name for name in CONTROL_NAMES if flat(controls[name]) != flat(before[name])],
            "kept": [asdict(one) for one in shaped.kept()],
        }
