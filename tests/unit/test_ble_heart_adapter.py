"""The service's half of the strap: what it makes of the helper's reports, in virtual time and without Bluetooth."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from choreo_adapters.sensors.ble_heart import adapter as module
from choreo_adapters.sensors.ble_heart.adapter import BleHeart, scan_straps
from choreo_adapters.sensors.ble_heart.config import BleHeartConfig
from choreo_adapters.sensors.ble_heart.news import News, printable
from choreo_service.clock import NS, VirtualClock, run_virtual
from choreo_service.errors import AdapterConfigError, AdapterLost, ChoreoError
from choreo_service.testing import RecordingEmit

STRAP = {"name": "Polar H10", "address": "C0:FF:EE:00:00:01", "reason": "", "hint": "", "lost": 0}
Step = tuple[float, dict[str, Any]]  # seconds since the last, report


class _Helper:
    """Stands in for the helper process: plays `script`, then ends."""

    script: Sequence[Step] = ()
    starts = closes = 0

    def __init__(self, argv: Sequence[str], on_report: Callable[[Any], None], clock: Any, **_: Any) -> None:
        self._on_report, self._clock = on_report, clock

    async def start(self) -> None:
        type(self).starts += 1

    async def watch(self) -> None:
        for after_s, report in self.script:
            await self._clock.sleep_until(self._clock.now_ns() + round(after_s * NS))
            self._on_report({**STRAP, **report})
        await self._clock.sleep_until(self._clock.now_ns())
        raise AdapterLost("the Bluetooth process ended by itself (code 0)")

    async def close(self) -> None:
        type(self).closes += 1


class _Rig:
    """A BleHeart whose helper plays a script."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *script: Step) -> None:
        self.helper = type("Scripted", (_Helper,), {"script": script})
        monkeypatch.setattr(module, "HelperProcess", self.helper)
        self.emit = RecordingEmit()
        self.clock = VirtualClock()
        self.heart = BleHeart(BleHeartConfig(), self.emit, self.clock)

    def run(self, look_s: float = 1e-6) -> dict[str, Any]:
        """health() after `look_s`, while the script plays."""

        async def main() -> dict[str, Any]:
            running = asyncio.get_running_loop().create_task(self.heart.run())
            await self.clock.sleep_until(self.clock.now_ns() + round(look_s * NS))
            health = dict(self.heart.health())
            running.cancel()
            await asyncio.wait([running])
            return health

        return run_virtual(self.clock, main())


def _heart(data: str = "16480004", t_ns: int = NS) -> dict[str, Any]:
    return {"state": "connected", "data": data, "t_ns": t_ns, "battery": 87}


def test_a_notification_becomes_samples_and_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = _Rig(monkeypatch, (0, {"state": "connecting"}), (0.1, _heart(t_ns=2 * NS)), (9, {"state": "connected"}))
    facts = rig.run(0.2)
    assert rig.emit.of("heart_rate") == [(72.0,)]
    assert rig.emit.of("rr_interval") == [(1.0,)]
    assert {(s.source, s.rx_ns) for s in rig.emit.samples} == {("Polar H10", 2 * NS)}
    assert (facts["state"], facts["detail"], facts["battery"], facts["contact"]) == ("receiving", "72 bpm", 87, True)
    assert facts["target"] == "Polar H10 (C0:FF:EE:00:00:01)"
    json.dumps(facts, allow_nan=False)


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ({"state": "starting"}, {"state": "starting", "detail": "searching for a strap"}),
        ({"state": "connecting"}, {"state": "starting", "detail": "connecting to Polar H10"}),
        ({"state": "connected"}, {"state": "starting", "detail": "waiting for the first beat of Polar H10"}),
        ({"state": "absent", "reason": "r", "hint": "h"}, {"state": "absent", "reason": "r", "hint": "h"}),
        ({"state": "no-bluetooth", "reason": "r", "hint": "h"}, {"state": "no-bluetooth", "reason": "r", "hint": "h"}),
    ],
)
def test_health_says_what_goes_on(
    monkeypatch: pytest.MonkeyPatch, report: dict[str, Any], expected: dict[str, str]
) -> None:
    facts = _Rig(monkeypatch, (0, report), (9, report)).run()
    assert {key: facts.get(key) for key in expected} == expected
    assert ("reason" in facts) == (expected["state"] in ("absent", "no-bluetooth"))


def test_only_a_lasting_loss_of_contact_is_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    script = [(1.0, _heart(t_ns=(2 + i) * NS)) for i in range(3)]
    script += [(1.0, _heart("0448", t_ns=(5 + i) * NS)) for i in range(5)]
    for look_s, state in ((3.1, "receiving"), (4.1, "receiving"), (7.1, "no-pulse")):
        rig = _Rig(monkeypatch, *script)
        facts = rig.run(look_s)
        assert facts["state"] == state
        assert facts.get("reason", "") == ("the strap feels no skin" if state == "no-pulse" else "")
    assert rig.emit.rejections["Polar H10", "no skin contact"] == 4


def test_the_helpers_last_word_is_the_reason_of_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = _Rig(monkeypatch, (0, {"state": "lost", "reason": "the connection to Polar H10 dropped"}))
    with pytest.raises(AdapterLost, match="the connection to Polar H10 dropped"):
        run_virtual(rig.clock, rig.heart.run())
    assert rig.heart.health()["state"] == "closed"
    assert (rig.helper.starts, rig.helper.closes) == (1, 1)


def test_a_helper_that_ends_without_a_word_is_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = _Rig(monkeypatch, (0, {"state": "connected"}))
    with pytest.raises(AdapterLost, match="ended by itself"):
        run_virtual(rig.clock, rig.heart.run())


def test_without_bleak_the_user_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = _Rig(monkeypatch, (0, {"state": "not-installed", "reason": "bleak can't be loaded: no module"}))
    with pytest.raises(AdapterConfigError) as caught:
        run_virtual(rig.clock, rig.heart.run())
    assert caught.value.fix == "pip install bleak"


def test_the_next_helper_is_told_which_strap_was_worn(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = _Rig(monkeypatch, (0, {"state": "connecting"}), (0, _heart()), (9, {"state": "connected"}))
    assert json.loads(rig.heart._command()[-1])["prefer"] == ""
    rig.run()
    assert json.loads(rig.heart._command()[-1])["prefer"] == STRAP["address"]


def test_reports_after_the_end_emit_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = _Rig(monkeypatch, (0, {"state": "connected"}), (9, {"state": "connected"}))
    rig.run()
    rig.heart._note({**STRAP, **_heart()})
    assert not rig.emit.samples
    assert rig.heart.health()["state"] == "closed"


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "C0:FF:EE"},
        {"address": "C0:FF:EE:00:00:01", "name": "Polar"},
        {"radio": "/dev/hci0"},
        {"silent_s": 0},
        {"name": ""},
        {"performer": -1},
    ],
)
def test_settings_that_can_not_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BleHeartConfig.model_validate(wrong)


def test_an_address_is_compared_in_one_spelling() -> None:
    assert BleHeartConfig(address="c0:ff:ee:00:00:01").address == "C0:FF:EE:00:00:01"


def test_a_full_pipe_loses_lines_and_counts_them() -> None:
    lines: list[bytes] = []
    full = True

    def write(line: bytes) -> None:
        if full:
            raise BlockingIOError
        lines.append(line)

    news = News(write)
    news.heart(b"\x06\x48", 1)
    news.become("absent", "nobody")
    full = False
    news.become("absent", "nobody")  # nothing new
    assert not lines
    news.heart(b"\x06\x48", 2)
    assert json.loads(lines[0]) | {"state": "absent", "lost": 2, "data": "0648", "t_ns": 2} == json.loads(lines[0])


def test_a_name_from_the_air_is_cut_and_cleaned() -> None:
    assert printable("Strap\n\x1b[31m" + "x" * 500) == "Strap[31m" + "x" * 39
    assert printable("\x00\x01") == printable(None) == ""


def test_a_scan_that_hangs_or_fails_is_an_error_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for code in ("import time; time.sleep(60)", "raise SystemExit(3)", "print('no report')"):
        monkeypatch.setattr(module, "_argv", lambda _, code=code: (sys.executable, "-c", code))
        monkeypatch.setattr(module, "LISTING_S", 0.3)
        with pytest.raises(ChoreoError) as caught:
            scan_straps(0.1)
        assert "restart Bluetooth" in caught.value.fix


def test_the_service_never_loads_bleak_and_the_helper_never_the_adapter() -> None:
    loads = "import sys; import choreo_adapters.sensors.ble_heart{}; print('{}' in sys.modules)"
    for module_name, unwanted in ((".adapter", "bleak"), (".child", "choreo_adapters.sensors.ble_heart.adapter")):
        argv = (sys.executable, "-c", loads.format(module_name, unwanted))
        assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_describe_is_quick_and_names_the_way_to_a_scan() -> None:
    (entry,) = BleHeart.describe()
    assert entry["name"] == ""
    assert "--ble" in entry["reason"]
