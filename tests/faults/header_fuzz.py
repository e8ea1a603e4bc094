"""The header of a take with JSON of any kind at any place, and everybody who reads takes."""

from __future__ import annotations

import contextlib
import io
import json
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from faults.mutants import Target
from session_samples import PERIOD_NS, START_NS, some_accents, some_events, some_packets, some_sent, some_steps

from choreo_pipelines import cli as lab
from choreo_pipelines.datasets.content import cache_key
from choreo_pipelines.generator import Settings, synthesize
from choreo_pipelines.inspector import read_take
from choreo_pipelines.inspector.findings import findings
from choreo_pipelines.report.other_body import neighbouring_body
from choreo_pipelines.report.subject import open_subject
from choreo_service.accents import AccentDetector
from choreo_service.cli import choreo
from choreo_service.cli.failure import EXIT_CRASH, exit_code_of
from choreo_service.cli.takes import take_row
from choreo_service.core import Core
from choreo_service.dashboard.takes.reader import Curves, list_takes
from choreo_service.errors import ChoreoError
from choreo_service.export import to_csv, to_midi, to_xdf
from choreo_service.replay import replay_take, settings_of
from choreo_service.session import Session, TakeDraft, open_session
from choreo_service.session.meta import META_FILE, set_tags
from choreo_service.session.state import STATE_FILE, dump_state

MOST_TEXT: Final = 2000  # of an error: within a screen
MOST_PLAYED: Final = 4  # performers: a core of more takes its time
TICKS: Final = 12
STALL_NS: Final = 500_000_000  # some readers play the take
INSPECT_EVERY: Final = 5  # looks: it draws
JUNK: Final[Sequence[Any]] = (
    *(None, True, False, 0, 1, -1, 7, 14, 64, 127, 128, 500, 10**9, 2**62, 2**63, -(2**63), 10**30, 10**400),
    *(0.0, 0.5, -1.5, 1e-300, 1e308, float("nan"), float("inf"), float("-inf")),
    *("", "x", "live", "m0", "midi_cc", "../../x", "a\0b", "\x1b[2J", "\ud800", "é" * 9, "x" * 5000),
    *([], [0], ["x"], [None] * 3, [[]], [{}], [[[[[[[[[["deep"]]]]]]]]]], ["x" * 5000] * 20),
    *(
        {},
        {"x": 1},
        {"tension": 5},
        {"motion": {}},
        {"\ud800": 1},
        {"cc": 500},
        {"midi": 14},
        {"packets": {"bytes": 1}},
    ),
)


@contextmanager
def header() -> Iterator[Target]:
    """An input is a header itself, or the seed of one that was changed in a few places."""
    with tempfile.TemporaryDirectory() as name:
        room = _Room(Path(name))
        texts = [json.dumps(told).encode() for told in room.told]
        seeds = [f"seed {i}".encode() for i in range(20)]
        words = [b"null", b"NaN", b"1e999", b'"\\ud800"', b"[", b"{}"]
        yield Target([*texts, *seeds, *seeds], room.feed, words, room.look, STALL_NS)


class _Room:
    """Three takes as they are written, and one of their folders with the header that is tried."""

    def __init__(self, folder: Path) -> None:
        self._root = folder / "recordings"
        self._takes = [write(self._root) for write in (_recorded, _generated, _samples)]
        self.told = [json.loads((take / META_FILE).read_text("utf-8")) for take in self._takes]
        self._out = folder / "out"
        self._take = self._takes[0]
        self._last = 0, json.dumps(self.told[0]).encode()
        self._looks = 0
        self._readers: Sequence[Callable[[Session], object]] = (
            lambda take: to_csv(take, self._out / "csv"),
            lambda take: to_midi(take, self._out / "take.mid"),
            lambda take: to_xdf(take, self._out / "take.xdf"),
            _replay,
            lambda take: open_subject(take.path, lambda: _core(take)).digest,
            lambda take: Curves(take.path, 0).excerpt(0.0, 1.0, 100),
            lambda take: [findings(found, one) for found in (read_take(take.path),) for one in found.performers],
            neighbouring_body,
            cache_key,
            lambda take: set_tags(take.path / META_FILE, ["a", "b"]),
        )

    def feed(self, data: bytes) -> str:
        rng = random.Random(data)
        at = rng.randrange(len(self._takes))
        self._take = self._takes[at]
        text = data if data[:1] == b"{" else json.dumps(changed(self.told[at], rng)).encode()
        (self._take / META_FILE).write_bytes(text)
        try:
            return self._read(rng)
        finally:
            (self._take / META_FILE).write_text(json.dumps(self.told[at]), "utf-8")
            self._last = at, text

    def _read(self, rng: random.Random) -> str:
        take_row(self._take, None)
        json.dumps(list_takes(self._root)).encode()
        self._out.mkdir()
        try:
            take = open_session(self._take)
            settings_of(take)
            rng.choice(self._readers)(take)
        except ChoreoError as error:
            self._check(error)
            return error.problem.split(" take: ")[-1].split(", found")[0][:40]
        finally:
            shutil.rmtree(self._out)
        return ""

    def _check(self, refusal: ChoreoError) -> None:
        assert refusal.fix, "it doesn't say what to do"
        assert len(str(refusal)) < MOST_TEXT, f"{len(str(refusal))} characters"
        assert list(self._out.glob("*.*")) == [], "a part of an export is left"

    def look(self) -> None:
        """The commands, which read the settings too: a hundred times as much work as a header."""
        at, text = self._last
        (self._takes[at] / META_FILE).write_bytes(text)
        take, self._looks = str(self._takes[at]), self._looks + 1
        home, said = ("-o", f"recorder.folder={self._root}"), io.StringIO()
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
                codes = [exit_code_of(choreo, ["--debug", "takes", "list", *home])]
                codes.append(exit_code_of(choreo, ["--debug", "replay", take]))
                if self._looks % INSPECT_EVERY == 0:
                    codes.append(lab.run(["--debug", "inspect", take, "--out", str(self._out)]))
        finally:
            shutil.rmtree(self._out, ignore_errors=True)
            (self._takes[at] / META_FILE).write_text(json.dumps(self.told[at]), "utf-8")
        assert EXIT_CRASH not in codes, said.getvalue()[-300:]


def changed(told: Any, rng: random.Random) -> Any:
    """A header with junk in a few places: other values, other keys, or a piece of itself where it doesn't belong."""
    made = json.loads(json.dumps(told))
    for _ in range(rng.choice((0, 1, 1, 1, 2, 4))):
        places = list(_places(made))
        inside, key = rng.choice(places)
        other, piece = rng.choice(places)
        kin = [junk for junk in JUNK if type(junk) is type(inside[key])]  # which more often gets in
        junk = json.loads(json.dumps(rng.choice((*JUNK, other[piece]) if rng.random() < 0.5 else kin or JUNK)))
        match rng.randrange(8):
            case 0:
                del inside[key]
            case 1 if isinstance(inside, dict):
                inside[f"{key}x"] = junk
            case _:
                inside[key] = junk
    return made


def _places(made: Any) -> Iterator[tuple[Any, Any]]:
    """Each place of a header as the object or list it is in, and its key there."""
    for key, inner in list(made.items() if isinstance(made, dict) else enumerate(made)):
        yield made, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def _core(take: Session) -> Core:
    return Core(performers=min(MOST_PLAYED, take.meta["performers"]), period_ns=PERIOD_NS, home_bpm=110.0)


def _replay(take: Session) -> object:
    core = _core(take)
    return replay_take(take.path, core, AccentDetector(performers=core.performers, threshold=0.5, refractory_ms=100))


def _recorded(root: Path) -> Path:
    """With every key a recording has, for two performers."""
    core = Core(performers=2, period_ns=PERIOD_NS, home_bpm=110.0)
    meta = {
        "source": "live",
        "period_ns": PERIOD_NS,
        "start_ns": START_NS,
        "recording": "5",
        "ended": "asked for",
        "lost_rows": {"packets": 3},
        "began_without": ["strap"],
        "tags": ["rehearsal"],
        "choreo": "1.0",
        "engine": {"period_ms": 20.0, "performers": 2, "mapper": "rules", "seed": 0, "bodies": []},
        "accents": {"enabled": True, "threshold": 0.5, "refractory_ms": 100},
        "transport": {"home_bpm": 110.0},
        "models": "",
        "models_sha256": "",
        "control_map": {"tension": {"cc": 20, "channel": 1}},
        "bridges": {"midi": "midi_cc"},
        "bits": {"midi": 14},
        "sensors": {"phone": "osc_motion"},
        "markers": [{"t_ns": START_NS + PERIOD_NS, "label": "Einsatz"}],
    }
    with TakeDraft(root / "recorded", meta) as draft:
        for packet in some_packets(40, performers=2):
            draft.add("packets", packet)
        for step in some_steps(TICKS, performers=2):
            draft.add("frames", step.frame)
            draft.add("controls", step)
        for kind, items in (("sent", some_sent(10)), ("events", some_events(5)), ("accents", some_accents(3))):
            for item in items:
                draft.add(kind, item)
        draft.meta["state"] = draft.attach(STATE_FILE, dump_state(core.state()))
    return draft.path


def _generated(root: Path) -> Path:
    """A header of the generator, gestures included, over few frames."""
    session = synthesize(Settings(minutes=0.5, gestures=True), 1, 0)
    with TakeDraft(root / "generated", session.meta()) as draft:
        for frame, _ in zip(session.frames(), range(50), strict=False):
            draft.add("frames", frame)
    return draft.path


def _samples(root: Path) -> Path:
    """What an import of samples alone would say."""
    meta = {"source": "import:e4 S21", "start_ns": START_NS, "units": {"acceleration": "g"}, "notes": "one\ntwo"}
    with TakeDraft(root / "samples", meta) as draft:
        for packet in some_packets(60):
            draft.add("packets", packet)
    return draft.path
