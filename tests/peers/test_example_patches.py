"""The patches that come with choreo answer every control, in the real programs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from pythonosc.udp_client import SimpleUDPClient
from rig import JackServer, PureData, Recorder, Recording, rms_envelope, spectral_centroid

from choreo_service.packets import CONTROL_NAMES

pytestmark = [pytest.mark.peer("jackd", "puredata"), pytest.mark.slow]

MIDDLE: Final = {"tempo_scale": 1.0, "density": 0.5, "tension": 0.3, "brightness": 0.5, "fx_send": 0.0}
# Every step struck, and alike: with fewer, chance decides how many they are; beating hides some.
BESIDE: Final = {"tempo_scale": {"density": 1.0, "tension": 0.0}, "density": {"tension": 0.0}}
LISTEN_S: Final = 4.0


def _onsets(heard: Recording) -> float:
    """Rises over two windows, as a strike that begins amid one rises through both; neighbours are one strike."""
    level = rms_envelope(heard.mono, heard.rate, 0.02)
    rising = (level[2:] > 1.4 * level[:-2]) & (level[2:] > 0.2 * level.max())
    return float(np.count_nonzero(rising[1:] & ~rising[:-1]))


def _centroid(heard: Recording) -> float:
    """Of what is struck; what sounds between strikes has no colour worth the name."""
    level = rms_envelope(heard.mono, heard.rate)
    return float(np.median(spectral_centroid(heard.mono, heard.rate)[level > 0.3 * level.max()]))


def _floor(heard: Recording) -> float:
    return float(np.percentile(rms_envelope(heard.mono, heard.rate, 0.02), 20))


def _beating(heard: Recording) -> float:
    """How unlike two strikes are: detuned saws meet in another phase each time, tuned ones always alike."""
    level = rms_envelope(heard.mono, heard.rate, 0.02)
    strikes = level[1:-1][(level[1:-1] > level[:-2]) & (level[1:-1] >= level[2:]) & (level[1:-1] > 0.2 * level.max())]
    return float(strikes.std() / strikes.mean())


@pytest.fixture(scope="module")
def ranges(jack_server: JackServer, repo_root: Path) -> Iterator[Callable[[str, float, float], list[Recording]]]:
    """Record one control at two values, the others in the middle or as `BESIDE` says."""
    text = (repo_root / "adapters" / "puredata" / "choreo.pd").read_text("ascii")
    with ExitStack() as stage:
        pd = stage.enter_context(PureData(jack_server, text))
        client = stage.enter_context(SimpleUDPClient("127.0.0.1", pd.port))
        recorder = stage.enter_context(Recorder(jack_server, pd.outputs))

        def record(control: str, *values: float) -> list[Recording]:
            heard = []
            for value in values:
                settings = MIDDLE | BESIDE.get(control, {}) | {control: value}
                for name in CONTROL_NAMES:
                    client.send_message(f"/choreo/{name}", settings[name])
                    time.sleep(0.01)
                recorder.record(1.5)  # echoes of what was before
                heard.append(recorder.record(LISTEN_S))
            return heard

        yield record


@pytest.mark.parametrize(
    ("control", "low", "high", "measure", "factor"),
    [
        pytest.param("tempo_scale", 0.5, 2.0, _onsets, 2.0, id="tempo_scale: strikes"),
        pytest.param("density", 0.0, 1.0, _onsets, 2.0, id="density: strikes"),
        pytest.param("tension", 0.0, 1.0, _beating, 2.0, id="tension: beating"),
        pytest.param("brightness", 0.0, 1.0, _centroid, 2.0, id="brightness: centroid"),
        pytest.param("fx_send", 0.0, 1.0, _floor, 2.0, id="fx_send: what sounds between strikes"),
    ],
)
def test_pure_data_answers_every_control(
    ranges: Callable[..., list[Recording]],
    control: str,
    low: float,
    high: float,
    measure: Callable[[Recording], float],
    factor: float,
) -> None:
    at_low, at_high = (measure(heard) for heard in ranges(control, low, high))
    print(f"{control}: {at_low:.4g} -> {at_high:.4g}")
    assert at_high > factor * at_low


def test_pure_data_is_never_silent_and_never_clips(ranges: Callable[..., list[Recording]]) -> None:
    for heard in ranges("density", 0.0, 1.0):
        assert _onsets(heard) >= 2
        assert np.abs(heard.samples).max() <= 0.9
