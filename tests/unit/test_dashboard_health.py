"""The one word: the worst of what is wrong, with every reason, the worst first."""

from __future__ import annotations

from typing import Any

import pytest

from choreo_service.dashboard.health import assess


def _state(**changes: Any) -> dict[str, Any]:
    fine = {
        "period_ms": 20.0,
        "recent": {"late_ms": {"p99": 1.0}, "work_ms": {"p99": 1.0}, "skipped": 0},
        "modalities": [{"motion": {"state": "live"}}],
        "sensors": [{"name": "phone", "supervised": "up"}],
        "bridges": [{"name": "midi", "supervised": "up"}],
        "models": "m",
        "mapper": "m",
        "standby": {"spare": "warm"},
    }
    return {**fine, **changes}


def test_all_is_well() -> None:
    found = assess(_state())
    assert (found.level, found.word, found.why) == ("good", "GOOD", [])


@pytest.mark.parametrize(
    ("changes", "level", "reason"),
    [
        ({"recent": {"late_ms": {"p99": 6.0}, "work_ms": {"p99": 1.0}, "skipped": 0}}, "warn", "6.0 ms late"),
        ({"recent": {"late_ms": {"p99": 21.0}, "work_ms": {"p99": 1.0}, "skipped": 0}}, "bad", "21 ms late"),
        ({"recent": {"late_ms": {"p99": 1.0}, "work_ms": {"p99": 11.0}, "skipped": 0}}, "warn", "11.0 of 20 ms"),
        ({"recent": {"late_ms": {"p99": 1.0}, "work_ms": {"p99": 1.0}, "skipped": 2}}, "warn", "2 ticks skipped"),
        ({"recent": {"late_ms": {"p99": 1.0}, "work_ms": {"p99": 1.0}, "skipped": 1}}, "warn", "1 tick skipped"),
        ({"modalities": [{"motion": {"state": "missing"}}]}, "bad", "no motion"),
        ({"modalities": [{"motion": {"state": "held"}}]}, "warn", "motion is held"),
        ({"modalities": [{"motion": {"state": "live"}}, {"motion": {"state": "missing"}}]}, "bad", "performer 1"),
        (
            {"sensors": [{"name": "phone", "supervised": "down", "reason": "unplugged"}]},
            "bad",
            "phone is down: unplugged",
        ),
        ({"bridges": [{"name": "midi", "supervised": "up", "reason": "no port"}]}, "warn", "midi: no port"),
        ({"mapper": "rules"}, "warn", "rules play instead"),
        ({"standby": {"spare": "warming"}}, "warn", "no engine stands by: warming"),
        ({"recording": {"minutes_left": 3.0}}, "warn", "disk full in 3 minutes"),
        ({"recording": {"state": "stalled", "reason": "disk full"}}, "bad", "not being written: disk full"),
        ({"latched": {"panic": True}}, "bad", "panic is latched"),
        ({"latched": {"panic": False, "frozen_s": 12.4}}, "warn", "frozen for 12 s"),
        ({"latched": {"map": "density"}}, "warn", "only density is sent"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_each_trouble_is_named(changes: dict[str, Any], level: str, reason: str) -> None:
    found = assess(_state(**changes))
    assert found.level == level
    assert any(reason in why for why in found.why), found.why


def test_rules_by_choice_are_no_trouble() -> None:
    assert assess(_state(models="", mapper="rules")).level == "good"


def test_the_worst_stands_first_and_panic_is_the_word() -> None:
    found = assess(_state(mapper="rules", modalities=[{"motion": {"state": "missing"}}], latched={"panic": True}))
    assert found.word == "PANIC"
    assert found.why[-1].startswith("rules")
