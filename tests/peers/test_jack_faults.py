"""The whole service while the JACK server hangs or dies: MIDI is lost for a while, and nothing else is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
import pytest
from rig import JackServer, MidiSink, wait_until
from rig.service_log import log_events
from rig.show import NEVER, Show, Stretch, show

pytestmark = [pytest.mark.peer("jackd"), pytest.mark.slow]

STRETCH_S: Final = 3.0
RIGHT_AGAIN_S: Final = 3.0
BAND: Final = 8  # as many dancers fill rtmidi's buffer within seconds when JACK takes nothing; then it hangs
HANGS_S: Final = 8.0  # until the buffer is full and that has been noticed
RETRY_S: Final = 15.0  # the longest wait of supervisor and MIDI process together, with reserve
DOWN_S: Final = 1.5
LOST: Final = ("warning", "peer.lost")
BACK: Final = ("info", "peer.back")
TICKS_PER_S: Final = 50.0
MIDI: Final = {"type": "midi_cc", "api": "jack"}


@pytest.fixture
def server() -> Iterator[JackServer]:
    """Our own, to stop and kill."""
    with JackServer() as own:
        yield own


def test_a_stopped_server_leaves_the_tick_and_osc_alone_and_midi_goes_on_afterwards(
    server: JackServer, tmp_path: Path
) -> None:
    with MidiSink(server) as sink, show(tmp_path, server, {"midi": MIDI}) as playing:
        server.connect(str(playing.choreo.midi_out), sink.midi_in)
        assert _seconds_until_right(playing, sink, RETRY_S) < NEVER
        usual = playing.stretch(STRETCH_S)
        heard = sink.state().count
        server.pause()
        stopped = playing.stretch(STRETCH_S)
        assert sink.state().count <= heard + 60  # it really stood still; 60: what was under way
        server.resume()
        assert _seconds_until_right(playing, sink) <= RIGHT_AGAIN_S
        assert playing.choreo.stop() == 0
    _assert_undisturbed(usual, stopped)
    ticks, skipped = _ticks(playing)
    assert ticks + skipped > 2 * STRETCH_S * TICKS_PER_S


def test_a_midi_process_that_freezes_with_the_server_is_replaced(server: JackServer, tmp_path: Path) -> None:
    bridges = {"midi": {**MIDI, "port": "sink"}}
    with MidiSink(server) as sink, show(tmp_path, server, bridges, dancers=BAND) as playing:
        assert _seconds_until_right(playing, sink, RETRY_S) < NEVER
        usual = playing.stretch(STRETCH_S)
        server.pause()
        stopped = playing.stretch(HANGS_S)
        assert [event for event in log_events(playing.choreo, adapter="midi") if "hangs" in str(event)]
        server.resume()
        assert _seconds_until_right(playing, sink, RETRY_S) < NEVER
        wait_until(lambda: _told_of_midi(playing)[-1] == BACK, "word that MIDI is back", RETRY_S)
    _assert_undisturbed(usual, stopped)
    told = _told_of_midi(playing)
    # Back means that the server let the new process open its port. On a busy machine that one may hang as well, or miss
    # the sink among the ports, while the server makes up for its pause: a loss of its own, with a return of its own.
    assert told == [LOST, BACK] * (len(told) // 2)
    events = log_events(playing.choreo, adapter="midi")
    hung = next(i for i, event in enumerate(events) if "hangs" in event.get("cause", ""))
    assert events[hung + 1]["down_s"] > 1.0


@pytest.mark.parametrize(("dancers", "paused_s"), [(1, 1.0), (BAND, HANGS_S)], ids=["MIDI waits", "MIDI hangs"])
def test_the_service_ends_in_order_while_the_server_is_stopped(
    server: JackServer, tmp_path: Path, dancers: int, paused_s: float
) -> None:
    with show(tmp_path, server, {"midi": MIDI}, dancers=dancers) as playing:
        children = psutil.Process(playing.choreo.pid).children(recursive=True)
        server.pause()
        playing.stretch(paused_s)
        children += psutil.Process(playing.choreo.pid).children(recursive=True)
        assert playing.choreo.stop() == 0  # after five seconds it would be killed
        server.resume()
    assert children
    assert not [child for child in children if child.is_running()]
    assert "Traceback" not in playing.choreo.output()
    assert _ticks(playing)[0] > paused_s * TICKS_PER_S / 2


def test_midi_comes_back_with_a_new_server_of_the_same_name(server: JackServer, tmp_path: Path) -> None:
    with show(tmp_path, server, {"midi": MIDI}) as playing:
        playing.stretch(DOWN_S)
        server.kill()
        playing.stretch(DOWN_S)
        server.start()
        wait_until(lambda: playing.choreo.midi_out is not None, "choreo's port on the new server", RETRY_S)
        with MidiSink(server) as sink:
            server.connect(str(playing.choreo.midi_out), sink.midi_in)
            assert _seconds_until_right(playing, sink) <= RIGHT_AGAIN_S
        assert playing.choreo.stop() == 0
    lost, back = log_events(playing.choreo, adapter="midi")
    assert (lost["level"], back["level"]) == ("warning", "info")
    assert DOWN_S - 1.0 <= back["down_s"] <= DOWN_S + RETRY_S


def _told_of_midi(playing: Show) -> list[tuple[str, str]]:
    """(level, event) of all that the log says of it."""
    return [(event["level"], event["event"]) for event in log_events(playing.choreo, adapter="midi")]


def _seconds_until_right(playing: Show, sink: MidiSink, *timeout_s: float) -> float:
    def held() -> dict[int, int]:
        return {number: value for (channel, number), value in sink.state().cc.items() if channel == 1}

    return playing.seconds_until_right(held, *timeout_s)


def _assert_undisturbed(usual: Stretch, stopped: Stretch) -> None:
    """Ratios within one run, as the machine's own noise differs between runs."""
    assert len(stopped.gaps_s) > 0
    assert np.percentile(stopped.gaps_s, 99) <= 2.0 * np.percentile(usual.gaps_s, 99)
    # A shared machine may stall once by itself; a service that waits for the server loses the whole pause.
    long_gaps_s = stopped.gaps_s[stopped.gaps_s > 5.0 * max(usual.gaps_s.max(), 1 / TICKS_PER_S)]
    assert long_gaps_s.sum() <= 0.1 * stopped.seconds
    assert stopped.gaps_s.sum() == pytest.approx(stopped.seconds, rel=0.05)  # no silence at either end
    assert stopped.skipped / stopped.seconds <= usual.skipped / usual.seconds + 0.02 * TICKS_PER_S


def _ticks(playing: Show) -> tuple[int, int]:
    """Played and skipped, from the closing summary."""
    found: Any = re.search(r"^ticks +(\d+) at .*, (\d+) skipped", playing.choreo.output(), re.MULTILINE)
    return int(found[1]), int(found[2])
