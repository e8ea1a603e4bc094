"""MIDI clock through JACK: ours as another program hears it, and another program's as we follow it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from rig import Choreo, JackServer, wait_until
from rig.clock_ear import PER_BEAT, ClockEar, behind_ms, bpm_of
from rig.mido_clock import MidoClock

pytestmark = [pytest.mark.peer("jackd"), pytest.mark.slow, pytest.mark.alone]

LISTEN_S: Final = 20.0
START_AFTER: Final = 240  # ticks: by then everything is connected
START: Final = (0xFA,)
STOP: Final = (0xFC,)
OUT: Final = {"type": "midi_clock", "api": "jack"}


@pytest.fixture
def ear(jack_server: JackServer) -> Iterator[ClockEar]:
    with ClockEar(jack_server, ["ours", "theirs"]) as listening:
        yield listening


def _choreo(folder: Path, server: JackServer, settings: dict[str, Any]) -> Choreo:
    quiet = {"phone": None}
    bridges = {"bars": None, "synth": None, "midi": None, "clock": OUT}
    return Choreo(
        folder,
        {**settings, "sensors": {**quiet, **settings.get("sensors", {})}, "bridges": bridges},
        server=server,
        midi_client="choreo clock",
    )


def test_another_program_hears_our_tempo_without_drift(jack_server: JackServer, ear: ClockEar, tmp_path: Path) -> None:
    with _choreo(tmp_path, jack_server, {"transport": {"home_bpm": 117.3}}) as choreo:
        jack_server.connect(str(choreo.midi_out), ear.midi_in("ours"))
        time.sleep(LISTEN_S)
        assert choreo.stop() == 0
    ticks = ear.ticks("ours")
    bpm, off = bpm_of(ticks)
    lateness_ms = 1e3 * (off - np.median(off))
    print(
        f"117.3 bpm sent, {bpm:.3f} heard in {len(ticks)} ticks; residual sd {lateness_ms.std():.2f} ms, "
        f"p99 {np.percentile(np.abs(lateness_ms), 99):.2f} ms"
    )
    assert bpm == pytest.approx(117.3, rel=0.002)
    assert np.median(off[: len(off) // 4]) == pytest.approx(np.median(off[-len(off) // 4 :]), abs=0.003)
    assert len(ticks) == pytest.approx((ticks[-1] - ticks[0]) * 117.3 / 60 * PER_BEAT, abs=2)
    words = [message for _, message in ear.messages("ours") if message != (0xF8,)]
    assert words == [START, STOP]
    assert {message[0] >= 0xF0 for _, message in ear.messages("ours")} == {True}


@pytest.mark.parametrize("bpm", [104.0, 128.0])
def test_another_program_leads_the_tempo(jack_server: JackServer, ear: ClockEar, tmp_path: Path, bpm: float) -> None:
    """Theirs in, through the transport, ours out: the two clocks side by side in one ear."""
    settings = {
        "transport": {"home_bpm": 110.0, "leader": "music"},
        "sensors": {"sequencer": {"type": "midi_clock", "api": "jack"}},
    }
    with MidoClock(jack_server, bpm, START_AFTER) as theirs, _choreo(tmp_path, jack_server, settings) as choreo:
        wait_until(lambda: jack_server.find_port("choreo in:") is not None, "choreo's input")
        jack_server.connect(str(choreo.midi_out), ear.midi_in("ours"))
        jack_server.connect(str(theirs.midi_out), ear.midi_in("theirs"))
        jack_server.connect(str(theirs.midi_out), str(jack_server.find_port("choreo in:")))
        settled = time.monotonic() + LISTEN_S / 2
        time.sleep(LISTEN_S)
        assert choreo.stop() == 0
    ours, led = ear.ticks("ours"), ear.ticks("theirs")
    our_bpm, _ = bpm_of(ours[ours > settled])
    their_bpm, _ = bpm_of(led[led > settled])
    beats = ear.beats("ours", even=True)
    apart_ms = behind_ms(
        beats[beats > settled], ear.beats("theirs", even=True)
    )  # by beats: a tick is never far from some tick
    found = f"ours {our_bpm:.3f}, beats {apart_ms.mean():+.1f} ms behind, sd {apart_ms.std():.1f}"
    print(f"theirs {their_bpm:.3f} bpm, {found}")
    assert our_bpm == pytest.approx(their_bpm, rel=0.005)
    assert abs(apart_ms.mean()) <= 20.0


def test_after_the_server_s_death_the_clock_goes_on_where_the_song_is(tmp_path: Path) -> None:
    with JackServer() as server, _choreo(tmp_path, server, {"transport": {"home_bpm": 240.0}}) as choreo:
        time.sleep(3.0)  # a bar takes a second: Start is out
        server.kill()
        time.sleep(1.5)
        server.start()
        wait_until(lambda: choreo.midi_out is not None, "choreo's clock on the new server", 15.0)
        with ClockEar(server, ["ours"]) as ear:
            server.connect(str(choreo.midi_out), ear.midi_in("ours"))
            wait_until(lambda: len(ear.ticks("ours")) > 96, "a bar of ticks", 10.0)
            bpm, _ = bpm_of(ear.ticks("ours"))
        assert choreo.stop() == 0
    assert bpm == pytest.approx(240.0, rel=0.02)
    assert "Traceback" not in choreo.output()
