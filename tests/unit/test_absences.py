"""What was lost is counted with its time; the log says it once, and once when it is back."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pytest
from shows import make_service
from structlog.testing import capture_logs

from choreo_service.absences import ANYTHING, Absences
from choreo_service.clock import NS, Clock, VirtualClock, run_virtual
from choreo_service.packets import MODALITY_NAMES, Frame, ModalityState
from choreo_service.protocols import Emit
from choreo_service.service.show import Service

LIVE, HELD, RECOVERING, MISSING = ModalityState


def frame(second: float, heart: ModalityState, *, motion: ModalityState = LIVE, age_s: float = 0.0) -> Frame:
    zeros = np.zeros((1, 6), np.float32)
    state = np.array([[motion, heart, HELD, MISSING]], np.uint8)
    ages = np.array([[age_s, age_s, np.inf, np.inf]], np.float32)
    return Frame(1, 1, round(second * NS), zeros, zeros[:, :2], zeros[:, :2], zeros[:, :1], state, ages)


def book(*frames: Frame) -> Absences:
    made = Absences(1)
    for one in frames:
        made.observe(one)
    return made


def test_what_was_never_there_is_not_lost() -> None:
    made = book(frame(1, MISSING), frame(2, MISSING))
    assert made.lost() == {}
    assert made.losses == 0
    assert made.ever() == {(0, "motion"), (0, "beat"), (0, ANYTHING)}
    assert made.counts(9 * NS) == [{}]


def test_a_loss_lasts_until_the_modality_is_believed_again() -> None:
    made = book(frame(1, LIVE), frame(2, HELD), frame(3, MISSING), frame(5, RECOVERING), frame(7.5, LIVE))
    assert made.lost() == {}
    assert made.last_s((0, "heart")) == 4.5
    assert made.counts(9 * NS) == [{"heart": {"lost": 1, "gone_s": 4.5}}]


def test_one_that_is_not_over_counts_until_now() -> None:
    made = book(frame(1, LIVE), frame(2, MISSING), frame(3, LIVE), frame(4, MISSING))
    assert made.lost() == {(0, "heart"): 4 * NS}
    assert made.counts(10 * NS) == [{"heart": {"lost": 2, "gone_s": 7.0}}]
    json.dumps(made.counts(10 * NS))


def test_a_performer_of_whom_nothing_is_heard_is_lost_altogether() -> None:
    gone = frame(5, MISSING, motion=MISSING, age_s=700.0)
    made = book(frame(1, LIVE), gone)
    assert (0, ANYTHING) in made.lost()
    made.observe(frame(6.5, LIVE))
    assert made.last_s((0, ANYTHING)) == 1.5


class Script:
    """Sends motion at 50 Hz and a heart once a second while the test's spans say so."""

    def __init__(self, emit: Emit, clock: Clock, silent: dict[str, tuple[float, float]]) -> None:
        self._emit, self._clock, self._silent = emit, clock, silent

    async def run(self) -> None:
        start_ns = self._clock.now_ns()
        for wake in range(10**9):
            await self._clock.sleep_until(start_ns + wake * NS // 50)
            second = wake / 50
            if not self._is_silent("motion", second):
                self._emit("acceleration", (0.0, 0.0, 9.8), source="phone")
            if wake % 50 == 0 and not self._is_silent("heart", second):
                self._emit("heart_rate", (80.0,), source="strap")

    def _is_silent(self, modality: str, second: float) -> bool:
        begin, end = self._silent.get(modality, (0.0, 0.0))
        return begin <= second < end


def played(seconds: float, **silent: tuple[float, float]) -> tuple[list[Any], Service]:
    clock = VirtualClock()
    service = make_service(clock, {"script": lambda e, c: Script(e, c, silent)}, {})
    with capture_logs() as logs:
        run_virtual(clock, service.run(seconds))
    return [e for e in logs if e["event"].startswith(("modality.", "performer."))], service


def test_a_loss_is_one_warning_and_the_return_one_line_with_its_duration() -> None:
    logs, service = played(40, heart=(10.0, 30.0))
    assert [(e["log_level"], e["event"]) for e in logs if e.get("modality") == "heart"] == [
        ("info", "modality.here"),
        ("warning", "modality.lost"),
        ("info", "modality.back"),
    ]
    # Missing 8 s after the last beat at 9 s, believed at the third one from 30 s on.
    assert logs[-1]["gone_s"] == pytest.approx(32.0 - 17.0, abs=0.1)
    assert service.telemetry.snapshot()["absences"][0]["heart"]["lost"] == 1
    assert "heart 1 times for 15.0 s in all" in service.telemetry.text()


def test_a_loss_that_is_over_before_anybody_looks_is_counted_and_not_said() -> None:
    logs, service = played(10, motion=(5.05, 5.38))
    assert [e for e in logs if e["event"] == "modality.lost"] == []
    assert service.telemetry.absences.losses == 1


def test_when_nothing_is_heard_at_all_that_is_said_too() -> None:
    logs, service = played(60, heart=(10.0, 40.0), motion=(10.0, 40.0))
    about = [e for e in logs if e["event"].startswith("performer.")]
    assert [(e["log_level"], e["event"]) for e in about] == [("warning", "performer.lost"), ("info", "performer.back")]
    assert "neutral" in about[0]["now"]
    assert about[1]["gone_s"] == pytest.approx(40.0 - (9.0 + 8.0 + 3.0), abs=0.1)
    assert "resting at neutral 1 times" in service.telemetry.text()


def test_the_snapshot_tells_rate_age_and_loss_of_every_source() -> None:
    clock = VirtualClock()
    service = make_service(clock, {"script": lambda e, c: Script(e, c, {"heart": (20.0, 99.0)})}, {})

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(service.run(30.0))
            await clock.sleep_until(clock.now_ns() + 25 * NS)
            for _ in range(5):
                service.ingress.put("acceleration", (float("nan"),) * 3, source_id="script:phone")

    run_virtual(clock, main())
    snapshot = service.telemetry.snapshot()
    json.dumps(snapshot, allow_nan=False)
    phone, strap = snapshot["sources"]["script:phone"], snapshot["sources"]["script:strap"]
    assert phone["hz"] == pytest.approx(50.0, abs=0.5)
    assert phone["age_s"] <= 0.02
    assert (phone["accepted"], phone["dropped"]) == (1501, 5)
    assert phone["loss"] == pytest.approx(5 / 1506, abs=1e-4)
    assert strap["hz"] == 0.0
    assert strap["age_s"] == pytest.approx(11.0, abs=0.1)
    assert strap["accepted"] == 20
    assert snapshot["states"][0] == {"motion": "live", "heart": "missing", "beat": "held", "context": "missing"}
    assert snapshot["ages_s"][0]["context"] is None
    assert set(snapshot["states"][0]) == set(MODALITY_NAMES)
