"""A General MIDI synthesiser on a private JACK server."""

from __future__ import annotations

import itertools

from rig.jack_server import JackServer
from rig.process import PeerError, Process, wait_until
from rig.programs import find_soundfont

CLIENT = "fluidmidi"


class Fluidsynth(Process):
    """fluidsynth with MIDI in (`midi_in`) and stereo out (`outputs`).

    Reverb and chorus are off, so that a change is heard when it happens. Its command shell is its standard input: tests
    hold notes by `command("noteon 0 60 100")` and leave MIDI to the program under test.
    """

    midi_in = f"{CLIENT}:midi_00"
    outputs = (f"{CLIENT}:left", f"{CLIENT}:right")

    def __init__(self, server: JackServer) -> None:
        soundfont = find_soundfont()
        if soundfont is None:
            raise PeerError("no General MIDI soundfont installed: make peers")
        self._server = server
        self._answers = itertools.count()
        options = {
            "audio.jack.server": server.server,
            "audio.jack.id": CLIENT,
            "audio.jack.autoconnect": "0",
            "midi.jack.server": server.server,
            "midi.jack.id": CLIENT,
            "midi.autoconnect": "0",
            "synth.reverb.active": "0",
            "synth.chorus.active": "0",
        }
        pairs = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        argv = ("fluidsynth", "-a", "jack", "-m", "jack", "-r", str(server.sample_rate), *pairs, str(soundfont))
        super().__init__(argv, env=server.env)

    def is_ready(self) -> bool:
        return self._server.has_ports(self.midi_in, *self.outputs)

    def ask_to_end(self) -> None:
        self.say("quit\n")

    def hold_organ(self, channel: int = 1, key: int = 48) -> None:
        """Sound a note that neither decays nor moves by itself; `channel` counts from 1 as musicians do."""
        self.command(f"prog {channel - 1} 19", f"noteon {channel - 1} {key} 100")

    def command(self, *lines: str) -> None:
        """Give commands of fluidsynth's shell, such as `cc 0 7 100`, and wait for them; its channels count from 0."""
        done = f"done-{next(self._answers)}"
        self.say("".join(f"{line}\n" for line in (*lines, f"echo {done}")))
        wait_until(lambda: f"\n{done}" in self.output(), f"fluidsynth to obey {lines}")
