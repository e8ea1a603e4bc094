"""Strudel leads the tempo: its MIDI clock out of a real browser, through our transport, beside our own clock."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray
from rig import Choreo, JackServer, wait_until
from rig.clock_ear import PER_BEAT, ClockEar, behind_ms, bpm_of, missing
from rig.strudel import CLOCK, Strudel
from rig.strudel.relay import MidiRelay

pytestmark = [pytest.mark.peer("strudel", "jackd"), pytest.mark.slow, pytest.mark.alone]

SETTLE_S: Final = 15.0
LISTEN_S: Final = 25.0
PER_CYCLE: Final = 96  # ticks: four beats of 24
CYCLES_PER_S: Final = 0.5  # 120 beats a minute


def test_the_transport_follows_strudel_s_clock(
    strudel: Strudel, jack_server: JackServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its ticks are uneven by the length of an audio block and more; what we make of them is a tempo."""
    settings = {
        "transport": {"home_bpm": 110.0, "leader": "music"},
        "sensors": {"phone": None, "strudel": {"type": "midi_clock", "api": "jack"}},
        "bridges": {"bars": None, "synth": None, "midi": None, "clock": {"type": "midi_clock", "api": "jack"}},
    }
    strudel.open()
    with (
        ClockEar(jack_server, ["ours", "theirs"]) as ear,
        MidiRelay(jack_server) as relay,
        Choreo(tmp_path, settings, server=jack_server, midi_client="choreo clock") as choreo,
    ):
        wait_until(lambda: jack_server.find_port("choreo in:") is not None, "choreo's input")
        jack_server.connect(str(relay.midi_out), str(jack_server.find_port("choreo in:")))
        jack_server.connect(str(relay.midi_out), ear.midi_in("theirs"))
        jack_server.connect(str(choreo.midi_out), ear.midi_in("ours"))
        strudel.relay(relay.url)
        strudel.play(f"setcps({CYCLES_PER_S})\n$: midicmd(`clock*{PER_CYCLE}`).midi('{CLOCK}')")
        time.sleep(SETTLE_S)
        settled = time.monotonic()
        time.sleep(LISTEN_S)
        assert choreo.stop() == 0
    ticks = ear.ticks("theirs")
    (our_bpm, _), (their_bpm, _) = bpm_of(_since(ear.ticks("ours"), settled)), bpm_of(_since(ticks, settled))
    behind = behind_ms(_since(ear.beats("ours", even=True), settled), ear.beats("theirs", even=False))
    left_out = missing(ticks)
    gaps_ms = np.percentile(1e3 * np.diff(ticks), (5, 95, 100))
    with capsys.disabled():
        print(
            f"\nStrudel {their_bpm:.3f} bpm, ticks {gaps_ms[0]:.0f} to {gaps_ms[1]:.0f} ms, at most {gaps_ms[2]:.0f}, "
            f"{left_out} left out; ours {our_bpm:.3f}, beats {behind.mean():+.1f} ms behind, sd {behind.std():.1f}"
        )
    assert their_bpm == pytest.approx(CYCLES_PER_S * 240, rel=0.005)
    assert our_bpm == pytest.approx(their_bpm, rel=0.005)
    # MIDI clock is counted: among ticks as uneven as these, one that Strudel left out may pass for a late one.
    tick_ms = 1e3 * 60.0 / (their_bpm * PER_BEAT)
    assert abs(behind.mean()) <= 20.0 + (tick_ms if left_out else 0.0)


def _since(times: NDArray[np.float64], begin: float) -> NDArray[np.float64]:
    return times[times > begin]
