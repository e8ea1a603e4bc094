"""The five patches on real Strudel: each evaluates, and each of its five controls is heard.

Controls come from `choreo run` over midi_ws, are read by Strudel's own midin(), and its own synthesis sounds: played
into a file for what a control does to the sound, in real time for the tempo. Rests on rig.strudel; prints its table.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from rig.choreo_ws import choreo_ws
from rig.process import PeerError
from rig.strudel import CONTROLS, ECHO_S, Sound, Strudel

from choreo_service.packets import CONTROL_NAMES

pytestmark = [pytest.mark.peer("strudel"), pytest.mark.slow]

PATCHES: Final = ("core", "drums", "bass", "pads", "fx")
CC: Final = dict(zip(CONTROL_NAMES, range(20, 25), strict=True))
CYCLES: Final = 2
TAIL_S: Final = 1.0
LEAST: Final = 0.15  # a change smaller than this is not heard as one
SPREADS: Final = 3.0  # and it must be so many times what two runs with equal controls differ by
LOUDEST: Final = 0.9
EXACT: Final = 1e-6  # width of the range to which a control is clamped, so that the service sends one value
PACE: Final = """async () => {
  const now = () => [rig.repl.scheduler.now(), rig.tap.context.currentTime]
  const [c0, s0] = now()
  await new Promise((resolve) => setTimeout(resolve, 1500))
  const [c1, s1] = now()
  return (c1 - c0) / (s1 - s0)
}"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One patch with one setting of its controls."""

    body: Sound  # while events come
    echo: float  # RMS after the last event has gone
    events: float  # a second
    peak: float


Measure = Callable[[Measured], float]


def _rms(m: Measured) -> float:
    return m.body.rms


def _centroid(m: Measured) -> float:
    return m.body.centroid


def _high(m: Measured) -> float:
    return m.body.high


def _echo(m: Measured) -> float:
    return m.echo


def _events(m: Measured) -> float:
    return m.events


# What each control is heard by, per patch; tempo is measured in real time.
MEASURES: Final[Mapping[str, Mapping[str, Measure]]] = {
    "core": {"density": _events, "tension": _high, "brightness": _centroid, "fx_send": _echo},
    "drums": {"density": _events, "tension": _rms, "brightness": _centroid, "fx_send": _echo},
    "bass": {"density": _rms, "tension": _centroid, "brightness": _centroid, "fx_send": _echo},
    "pads": {"density": _rms, "tension": _high, "brightness": _centroid, "fx_send": _echo},
    "fx": {"density": _rms, "tension": _rms, "brightness": _centroid, "fx_send": _echo},
}


def patch(repo_root: Path, name: str) -> str:
    return (repo_root / "adapters" / "strudel" / name / "patch.js").read_text("utf-8")


@contextmanager
def playing(folder: Path, positions: Mapping[str, float]) -> Iterator[str]:
    """`choreo run` that holds every control at a position (0.5 unless named); the address of its WebSocket."""
    names = {name: positions.get(name, 0.5) for name in CONTROL_NAMES}
    clamps = {name: min(p, 1.0 - EXACT) for name, p in names.items()}
    control_map = {name: {"min": 0, "max": 1, "clamp": [low, low + EXACT]} for name, low in clamps.items()}
    (folder / "map.yaml").write_text(json.dumps(control_map), encoding="utf-8")
    settings = {"control_map": str(folder / "map.yaml"), "engine": {"mapper": "rules"}}
    with choreo_ws(folder, settings) as url:
        yield f"{url}/midi"


def measure(strudel: Strudel, url: str, code: str) -> Measured:
    strudel.open()
    strudel.load(code)
    strudel.connect(CONTROLS, url)
    strudel.await_controls()
    sound = strudel.render(CYCLES, TAIL_S)
    assert strudel.troubles() == []
    cps = sound.facts["cps"]
    end_s = CYCLES / cps
    return Measured(sound.until(end_s), sound.since(end_s + ECHO_S).rms, sound.facts["count"] / end_s, sound.peak)


def cycles_a_second(strudel: Strudel, url: str, code: str) -> float:
    """What the running scheduler does, on the clock of the sound."""
    strudel.open()
    strudel.play(code)
    strudel.connect(CONTROLS, url)  # after it has begun to listen: midin() isn't told what came before
    strudel.await_controls()
    strudel.hear(0.8)
    rate = statistics.median(float(strudel.call(PACE)) for _ in range(3))  # one may fall into a stall of the machine
    assert strudel.heard().rms > 0.0
    assert strudel.troubles() == []
    strudel.stop()
    return rate


@pytest.fixture(scope="module")
def runs(strudel: Strudel, repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Measured]]:
    """setting -> patch -> what was measured; settings: "middle", "again", "full", and "density 0", "density 1" ..."""
    settings: dict[str, dict[str, float]] = {"middle": {}, "again": {}, "full": dict.fromkeys(CONTROL_NAMES, 1.0)}
    for name in CONTROL_NAMES[1:]:
        settings |= {f"{name} 0": {name: 0.0}, f"{name} 1": {name: 1.0}}
    found = {}
    for setting, positions in settings.items():
        with playing(tmp_path_factory.mktemp("run"), positions) as url:
            found[setting] = {name: measure(strudel, url, patch(repo_root, name)) for name in PATCHES}
    return found


@pytest.fixture(scope="module")
def tempos(
    strudel: Strudel, repo_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[float, dict[str, float]]:
    """Position of tempo_scale -> patch -> cycles a second."""
    found = {}
    for position in (0.0, 0.5, 1.0):
        with playing(tmp_path_factory.mktemp("run"), {"tempo_scale": position}) as url:
            found[position] = {name: cycles_a_second(strudel, url, patch(repo_root, name)) for name in PATCHES}
    return found


@pytest.mark.parametrize("name", PATCHES)
def test_every_patch_evaluates_and_each_control_changes_its_events(
    strudel: Strudel, repo_root: Path, name: str
) -> None:
    strudel.open()
    strudel.load(patch(repo_root, name))
    for control, cc in CC.items():
        seen = []
        for value in (0, 127):
            for other in CC.values():
                strudel.midi(CONTROLS, 0xB0, other, 64)
            strudel.midi(CONTROLS, 0xB0, cc, value)
            seen.append(strudel.events(4))
        assert seen[0] != seen[1], f"{control} changes nothing"
        assert all(len(events) >= 4 for events in seen), f"{control} silences the patch"
    assert strudel.troubles() == []


def test_each_control_of_each_patch_is_heard(
    runs: Mapping[str, Mapping[str, Measured]], capsys: pytest.CaptureFixture[str]
) -> None:
    rows, dead = [], []
    for name, measures in MEASURES.items():
        for control, of in measures.items():
            low, high, middle, again = (
                of(runs[setting][name]) for setting in (f"{control} 0", f"{control} 1", "middle", "again")
            )
            change, spread = abs(high - low) / max(low, high), abs(middle - again) / max(middle, again)
            figures = f"{low:10.4g} {high:10.4g} {change:7.0%} {spread:7.1%}"
            rows.append(f"{name:6} {control:11} {of.__name__[1:]:9} {figures}")
            if change <= max(LEAST, SPREADS * spread):
                dead.append(rows[-1])
    with capsys.disabled():
        print("\npatch  control     measure         CC 0     CC 127  change  spread", *rows, sep="\n")
    assert len(rows) == 20
    assert dead == []


def test_the_tempo_of_each_patch_follows_its_control(
    tempos: Mapping[float, Mapping[str, float]], capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print("\ncycles a second at CC 20 = 0, 64, 127")
        for name in PATCHES:
            print(f"{name:6}", *(f"{tempos[p][name]:.3f}" for p in tempos))
    for name in PATCHES:
        assert [tempos[p][name] for p in (0.0, 0.5, 1.0)] == pytest.approx([0.375, 0.501, 0.625], rel=0.03)


@pytest.mark.parametrize("name", PATCHES)
def test_nothing_clips_with_every_control_at_its_end(runs: Mapping[str, Mapping[str, Measured]], name: str) -> None:
    assert max(run[name].peak for run in runs.values()) <= LOUDEST


def test_a_patch_that_ignores_a_control_would_be_found(strudel: Strudel) -> None:
    """The proof that the tests above can fail: a patch with a dead control, and one that Strudel refuses."""
    strudel.open()
    strudel.load("const cc = await midin('choreo')\n$: s('sbd*4').gain(.5)\nall(x => x.cps(cc(20).range(.3, .6)))")
    before = strudel.events(4)
    strudel.midi(CONTROLS, 0xB0, 21, 127)
    assert strudel.events(4) == before
    with pytest.raises(PeerError, match="not found"):
        strudel.load("const cc = await midin('Choreo')\n$: s('sbd*4')")
