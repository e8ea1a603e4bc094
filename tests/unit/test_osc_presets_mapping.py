"""Apps nobody here knows: what they send is counted and shown with a mapping, which makes them play once pasted."""

from __future__ import annotations

import json

import pytest
from osc_datagrams import G, RecordingEmit, message
from pydantic import ValidationError

from choreo_adapters.osc.presets.learning import KEPT, Strangers
from choreo_adapters.sensors.osc_motion import OscMotion
from choreo_adapters.sensors.osc_motion.health import situation
from choreo_service.clock import VirtualClock

PHONE = "10.0.0.1"


class Rig:
    def __init__(self, **config: object) -> None:
        self.emit = RecordingEmit()
        self.adapter = OscMotion(OscMotion.Config.model_validate(config), self.emit, VirtualClock())

    def send(self, *datagrams: bytes) -> None:
        for data in datagrams:
            self.adapter.receiver.hear([(data, PHONE, 10**9)])


# address, tags, arguments -> what the map suggests, and what comes out once it is pasted
SUGGESTED = {
    "by name, in g": (("/my/acc", "fff", 0.0, 0.0, 1.0), {"acceleration": (0.0, 0.0, G)}),
    "by gravity alone": (("/imu", "fff", 0.0, 9.75, 0.5), {"acceleration": (0.0, 9.75, 0.5)}),
    "behind a counter": (("/sensor", "isfff", 4711, "x", 0.0, 0.0, 9.75), {"acceleration": (0.0, 0.0, 9.75)}),
    "gyroscope": (("/my/phone/gyro", "fff", 0.5, 0.25, 0.0), {"rotation_rate": (0.5, 0.25, 0.0)}),
    "linear": (("/LinearAcc", "fff", 0.5, 0.0, 0.0), {"linear_acceleration": (0.5, 0.0, 0.0)}),
    "gravity": (("/x/grav", "fff", 0.0, 1.0, 0.0), {"gravity": (0.0, G, 0.0)}),
    "heart": (("/avatar/parameters/HR", "i", 71), {"heart_rate": (71.0,)}),
}


@pytest.mark.parametrize(("sent", "expected"), SUGGESTED.values(), ids=SUGGESTED.keys())
def test_a_suggestion_pasted_as_it_stands_makes_the_app_play(
    sent: tuple[object, ...], expected: dict[str, tuple[float, ...]]
) -> None:
    data = message(*sent)  # type: ignore[arg-type]
    before = Rig()
    before.send(data, data)
    health = before.adapter.health()
    assert before.emit.refused == {"unknown address": 2}
    assert health["unknown_counts"] == {sent[0]: 2}
    pasted = Rig(map=json.loads(json.dumps(health["suggested_map"])))
    pasted.send(data)
    assert {s: pytest.approx(v, abs=1e-6) for s, v in expected.items()} == pasted.emit.streams()
    assert not pasted.emit.refused


def test_axes_sent_apart_are_suggested_as_one_entry() -> None:
    axes = [message(f"/wrist/accel/{axis}", "f", v) for axis, v in zip("xyz", (0.0, 0.5, 9.75), strict=True)]
    before = Rig()
    before.send(*axes)
    suggested = before.adapter.health()["suggested_map"]
    assert list(suggested) == ["/wrist/accel"]
    pasted = Rig(map=suggested)
    pasted.send(*axes)
    assert pasted.emit.streams() == {"acceleration": (0.0, 0.5, 9.75)}


@pytest.mark.parametrize(
    "sent",
    [("/1/fader1", "f", 0.5), ("/colour", "fff", 0.1, 0.1, 0.1), ("/text/heart", "s", "high"), ("/hr", "f", 0.0)],
)
def test_no_guess_is_better_than_a_blank_one(sent: tuple[object, ...]) -> None:
    rig = Rig()
    rig.send(message(*sent))  # type: ignore[arg-type]
    assert rig.adapter.health()["suggested_map"] == {}
    assert list(rig.adapter.health()["unknown_addresses"]) == [sent[0]]


def test_the_hint_shows_what_to_paste() -> None:
    strangers = Strangers()
    strangers.add("/my/acc", (0.0, 0.0, 1.0))
    told = situation(9000, "127.0.0.1", (), strangers, now_ns=0)
    assert (told["state"], told["reason"]) == ("not-understood", "no layout knows /my/acc")
    assert 'map: {"/my/acc": {"stream": "acceleration", "unit": "g"}}' in told["hint"]
    assert situation(0, "127.0.0.1", (), strangers, now_ns=0) == {"state": "closed"}


def test_what_is_remembered_stays_bounded() -> None:
    strangers = Strangers()
    assert not strangers
    with pytest.raises(KeyError):
        _ = strangers.latest
    for i in range(10 * KEPT):
        strangers.add(f"/{i}/acc", tuple(float(i) for i in range(64)))
    assert len(strangers.counts()) == len(strangers.numbers()) == KEPT
    assert max(map(len, strangers.numbers().values())) == 6
    assert strangers.latest == f"/{10 * KEPT - 1}/acc"


@pytest.mark.parametrize("args", [(float("nan"),) * 3, (True, False, None), (b"x", "y"), ()])
def test_garbage_is_remembered_without_raising(args: tuple[object, ...]) -> None:
    strangers = Strangers()
    strangers.add("/acc", args)
    assert strangers.numbers() == {"/acc": []}
    assert strangers.suggestions() == {}


def test_the_map_overrules_the_tables_and_is_heard_beside_a_named_layout() -> None:
    rig = Rig(layout="gyrosc", map={"/gyrosc/accel": {"stream": "linear_acceleration", "unit": "m/s^2"}, "/c": CONTEXT})
    rig.send(message("/gyrosc/accel", "fff", 1.0, 2.0, 3.0), message("/c", "ff", 0.0, 0.5))
    assert rig.emit.streams() == {"linear_acceleration": (1.0, 2.0, 3.0), "context": (0.5,)}
    assert rig.adapter.health()["sources"][PHONE]["layout"] == "map"


CONTEXT = {"stream": "context", "args": [1]}


@pytest.mark.parametrize(
    ("address", "entry"),
    [
        ("no slash", CONTEXT),
        ("/pattern*", CONTEXT),
        ("/{placeholder}", CONTEXT),
        ("/a", {"stream": "acceleration", "unit": "rad/s"}),
        ("/a", {"stream": "acceleration", "args": [0, 1]}),
        ("/a", {"stream": "acceleration", "args": [0, 1, 64]}),
        ("/a", {"stream": "heart_rate", "per_axis": True}),
        ("/a", {"stream": "acceleration", "per_axis": True, "args": [0, 1, 2]}),
        ("/a", {"stream": "beat"}),
        ("/a", {"stream": "acceleration", "sign": 2}),
        ("/a", {"stream": "acceleration", "scale": 2}),
    ],
)
def test_a_map_that_makes_no_sense_is_refused(address: str, entry: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OscMotion.Config.model_validate({"map": {address: entry}})


def test_a_battery_is_shown_but_takes_no_performer() -> None:
    rig = Rig()
    battery = message("/comote/v3/7/battery", "fiffif", 0.42, 0, 0.0, 3.4e38, 100, 0.1)
    rig.send(battery)
    assert rig.adapter.health()["sources"] == {}
    rig.send(message("/comote/v3/7/accelerometer", "fffif", 0.0, 0.0, 9.75, 100, 60.0), battery)
    assert rig.adapter.health()["sources"][f"{PHONE}:comote/7"]["battery"] == 0.42
    rig.send(message("/comote/v3/7/battery", "s", "full"))
    assert rig.emit.refused == {"wrong arguments": 1}
