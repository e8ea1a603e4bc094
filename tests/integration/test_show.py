"""The life of a service in virtual time: it plays, survives its parts, and ends in order."""

import asyncio
from typing import Any

import pytest
from shows import RandomArrivals, make_service
from structlog.testing import capture_logs

from choreo_service.clock import MS, NS, Clock, VirtualClock, run_virtual
from choreo_service.commands import Freeze, Hold, Marker, Mute, Policy, Resend
from choreo_service.errors import AdapterConfigError
from choreo_service.packets import CONTROL_NAMES
from choreo_service.protocols import Emit
from choreo_service.service.show import Service
from choreo_service.testing import RecordingBridge, ScriptedSensor
from choreo_service.testing.bridges import RecordingConfig
from choreo_service.testing.sensors import ScriptConfig


def recording(wires: Any, clock: Clock) -> RecordingBridge:
    return RecordingBridge(RecordingConfig(), wires, clock)


def phone(emit: Emit, clock: Clock) -> RandomArrivals:
    return RandomArrivals(emit, clock, seed=1)


def bridge_of(service: Service, name: str = "sink") -> RecordingBridge:
    bridge = service.bridges[name]
    assert isinstance(bridge, RecordingBridge)
    return bridge


def test_it_plays_for_the_time_asked_and_ends_at_neutral() -> None:
    clock = VirtualClock()
    service = make_service(clock, {"phone": phone}, {"sink": recording})
    began = clock.now_ns()
    run_virtual(clock, service.run(seconds=5))
    assert (clock.now_ns() - began) / NS == pytest.approx(5.2, abs=0.05)  # five seconds and the ease to neutral
    assert service.telemetry.ticks + service.telemetry.skipped in (249, 250)
    bridge = bridge_of(service)
    for name in CONTROL_NAMES:
        values = bridge.values(name)
        assert values[-1] == pytest.approx(bridge.controls[name].neutral)
        assert all(bridge.controls[name].lo <= v <= bridge.controls[name].hi for v in values)
    assert len(set(bridge.values("density"))) > 50
    assert bridge.panics == 0


def test_it_ends_when_the_last_sensor_has_come_to_its_end() -> None:
    clock = VirtualClock()
    script = ScriptConfig(script=({"at_s": 1.5, "stream": "heart_rate", "values": (90,)},), then="end")
    service = make_service(clock, {"take": lambda e, c: ScriptedSensor(script, e, c)}, {"sink": recording})
    run_virtual(clock, service.run())
    assert service.telemetry.ticks == pytest.approx(75, abs=1)


def test_without_any_sensor_it_plays_neutral_until_stopped() -> None:
    clock = VirtualClock()
    service = make_service(clock, {}, {"sink": recording})

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(service.run())
            await clock.sleep_until(clock.now_ns() + 3 * NS)
            service.stop()

    run_virtual(clock, main())
    assert service.telemetry.ticks == pytest.approx(150, abs=1)
    assert bridge_of(service).values("fx_send")[-1] == pytest.approx(0.2)


def test_a_bridge_that_is_lost_comes_back_and_gets_everything_again() -> None:
    clock = VirtualClock()
    service = make_service(clock, {"phone": phone}, {"sink": recording, "other": recording})

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(service.run(seconds=4))
            await clock.sleep_until(clock.now_ns() + 2 * NS)
            bridge_of(service).lose()

    run_virtual(clock, main())
    lost, other = bridge_of(service), bridge_of(service, "other")
    assert lost.runs == 2
    assert lost.packets[0][1] == CONTROL_NAMES
    resent = [names for p, names in lost.packets if names == CONTROL_NAMES and p.k > 100]
    assert resent
    assert len(other.packets) > len(lost.packets)  # the other one missed nothing


def test_a_crashing_sensor_never_disturbs_the_tick() -> None:
    clock = VirtualClock()

    class Crashing:
        def __init__(self, emit: Emit, clock: Clock) -> None:
            self._emit = emit

        async def run(self) -> None:
            raise RuntimeError("broken plug-in")

    service = make_service(clock, {"bad": Crashing, "phone": phone}, {"sink": recording})
    run_virtual(clock, service.run(seconds=5))
    assert service.telemetry.skipped == 0
    assert service.telemetry.coverage(0, "motion") > 0.95


def test_a_bridge_that_raises_is_said_once() -> None:
    clock = VirtualClock()

    class Raising(RecordingBridge):
        def send(self, control: Any, names: Any) -> Any:
            raise ValueError("a plug-in's bug")

    service = make_service(clock, {"phone": phone}, {"bad": lambda w, c: Raising(RecordingConfig(), w, c)})
    with capture_logs() as logs:
        run_virtual(clock, service.run(seconds=3))
    said = [e for e in logs if e["event"] == "bridge.fault"]
    assert [(e["bridge"], e["cause"]) for e in said] == [("bad", "ValueError: a plug-in's bug")]
    assert service.telemetry.skipped == 0


def test_commands_are_obeyed_while_it_plays_and_logged_with_their_answer() -> None:
    clock = VirtualClock()
    service = make_service(clock, {}, {"sink": recording})  # nobody moves: only refreshes are sent

    async def main() -> None:
        play = asyncio.get_running_loop().create_task(service.run(seconds=2.5))
        await clock.sleep_until(clock.now_ns() + round(1.5 * NS))
        before = len(bridge_of(service).packets)
        assert service.desk.submit(Resend(), "keyboard").ok
        assert not service.desk.submit(Marker(), "osc").ok
        await clock.sleep_until(clock.now_ns() + 25 * MS)
        assert [names for _, names in bridge_of(service).packets[before:]] == [CONTROL_NAMES]
        await play

    with capture_logs() as logs:
        run_virtual(clock, main())
    said = [(e["event"], e["verb"], e["door"]) for e in logs if e["event"].startswith("command")]
    assert said == [("command", "resend", "keyboard"), ("command.refused", "marker", "osc")]


def test_another_leader_is_asked_for_at_the_desk_and_told_when_it_leads() -> None:
    clock = VirtualClock()
    service = make_service(clock, {"phone": phone}, {"sink": recording})

    async def main() -> None:
        play = asyncio.get_running_loop().create_task(service.run(seconds=5))
        await clock.sleep_until(clock.now_ns() + NS)
        assert service.desk.submit(Policy(leader="body"), "keyboard").ok
        await play

    with capture_logs() as logs:
        run_virtual(clock, main())
    said = [(e["now"], e["before"], e["bpm"]) for e in logs if e["event"] == "tempo.leader"]
    assert said == [("body", "self", 110.0)]


def test_a_port_in_use_at_the_start_ends_the_service_with_the_users_error() -> None:
    clock = VirtualClock()

    class Occupied:
        def __init__(self, emit: Emit, clock: Clock) -> None:
            pass

        async def run(self) -> None:
            raise AdapterConfigError("127.0.0.1:9000 is in use", fix="-o sensors.phone.port=9001")

    service = make_service(clock, {"phone": Occupied}, {"sink": recording})
    with pytest.raises(ExceptionGroup) as caught:
        run_virtual(clock, service.run(seconds=5))
    assert caught.group_contains(AdapterConfigError)
    assert bridge_of(service).panics == 1


def test_cancelling_cuts_short_and_panics_the_bridges() -> None:
    clock = VirtualClock()
    service = make_service(clock, {"phone": phone}, {"sink": recording}, exit_ease_s=60)

    async def main() -> None:
        task = asyncio.get_running_loop().create_task(service.run())
        await clock.sleep_until(clock.now_ns() + NS)
        service.stop()
        await clock.sleep_until(clock.now_ns() + 100 * MS)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_virtual(clock, main())
    assert bridge_of(service).panics == 1


def test_the_report_says_what_is_there() -> None:
    clock = VirtualClock()
    service = make_service(clock, {"phone": phone}, {"sink": recording})
    run_virtual(clock, service.run(seconds=2))
    text = "\n".join(service.watch.report())
    assert "phone" in text
    assert "receiving" in text
    assert "sink" in text


@pytest.mark.parametrize(
    "command", [Freeze(), Hold(control="density"), Mute(control="density")], ids=lambda command: command.verb
)
def test_the_log_tells_which_way_a_key_has_turned_a_latch(command: Freeze | Hold | Mute) -> None:
    service = make_service(VirtualClock(), {}, {"sink": recording})
    with capture_logs() as log:
        for _ in range(2):
            assert service.desk.submit(command, "keyboard").ok
        service.controller.panic()
        service.desk.submit(command, "keyboard")
    on, off, refused = (line for line in log if line["event"].startswith("command"))
    assert (on["on"], off["on"]) == (True, False)
    assert "on" not in refused
