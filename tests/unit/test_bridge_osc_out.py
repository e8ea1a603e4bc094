"""What the OSC bridge accepts as configuration and how it packs controls, without a socket of its own."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import socket
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_bundle_builder import IMMEDIATELY
from pythonosc.osc_packet import OscPacket

from choreo_adapters.bridges.osc_out import OscOut, OscOutConfig
from choreo_adapters.bridges.osc_out import bridge as module
from choreo_service.clock import NS, VirtualClock, run_virtual
from choreo_service.errors import AdapterLost
from choreo_service.packets import CONTROL_NAMES, Accent, ControlPacket
from choreo_service.protocols import Sent
from choreo_service.testing import sample_wires

PACKET = ControlPacket(0, 0, 0, 1.0, 0.5, -0.5, 300.0, 64.0)
SECOND = ControlPacket(0, 0, 1, 1.0, 0.5, -0.5, 300.0, 64.0)


class _Wire:
    """Stands in for the connected socket: keeps datagrams, raises what the test queued."""

    def __init__(self) -> None:
        self.datagrams: list[bytes] = []
        self.trouble: list[OSError] = []

    def send(self, datagram: bytes) -> int:
        if self.trouble:
            raise self.trouble.pop(0)
        self.datagrams.append(datagram)
        return len(datagram)

    def close(self) -> None:
        pass

    def messages(self) -> list[tuple[str, Sequence[float]]]:
        return [(m.message.address, list(m.message)) for d in self.datagrams for m in OscPacket(d).messages]


def _open(**config: Any) -> tuple[OscOut, _Wire, VirtualClock]:
    clock, wire = VirtualClock(), _Wire()
    bridge = OscOut(OscOutConfig(**config), sample_wires(), clock)
    bridge._socket, bridge._state = wire, "sending"  # type: ignore[assignment]
    return bridge, wire, clock


def test_each_control_has_an_address_and_a_float() -> None:
    bridge, wire, _ = _open()
    sent = bridge.send(PACKET, ("tempo_scale", "brightness"))
    assert wire.messages() == [("/choreo/tempo_scale", [1.0]), ("/choreo/brightness", [300.0])]
    assert all(b",f\0\0" in datagram for datagram in wire.datagrams)
    assert sent == (("tempo_scale", 1.0), ("brightness", 300.0))


def test_what_is_reported_is_what_32_bits_carry() -> None:
    bridge, wire, _ = _open()
    [(_, value)] = bridge.send(ControlPacket(0, 0, 0, 1.1, 0.1, 0.0, 300.0, 64.0), ("density",))
    assert value != 0.1
    assert wire.messages()[0][1] == [value]


def test_other_performers_have_addresses_of_their_own() -> None:
    bridge, wire, _ = _open(addresses={"density": "/synth/grains"})
    bridge.send(SECOND, ("tempo_scale", "density"))
    assert [address for address, _ in wire.messages()] == ["/choreo/1/tempo_scale", "/synth/grains/1"]


def test_an_accent_is_a_message_of_its_own() -> None:
    bridge, wire, _ = _open(layout="bundle")
    assert bridge.accent(Accent(0, seq=0, t_ns=0, rx_ns=0, strength=0.5))
    assert bridge.accent(Accent(1, seq=0, t_ns=0, rx_ns=0, strength=1.0))
    assert wire.messages() == [("/choreo/accent", [0.5]), ("/choreo/1/accent", [1.0])]


@pytest.mark.parametrize("config", [{"accents": False}, {"layout": "wekinator"}, {"layout": "n_set"}])
def test_accents_can_be_left_out_and_who_has_no_word_for_them_gets_none(config: dict[str, Any]) -> None:
    bridge, wire, _ = _open(**config)
    assert not bridge.accent(Accent(0, seq=0, t_ns=0, rx_ns=0, strength=0.5))
    assert wire.datagrams == []


def test_an_accent_may_have_an_address_of_its_own() -> None:
    bridge, wire, _ = _open(addresses={"accent": "/kick"})
    bridge.accent(Accent(1, seq=0, t_ns=0, rx_ns=0, strength=0.25))
    assert wire.messages() == [("/kick/1", [0.25])]


def test_a_bundle_is_one_datagram_of_all_messages() -> None:
    bridge, wire, _ = _open(layout="bundle", prefix="/body")
    assert len(bridge.send(PACKET, CONTROL_NAMES)) == 5
    assert len(wire.datagrams) == 1
    assert [address for address, _ in wire.messages()] == [f"/body/{name}" for name in CONTROL_NAMES]


def test_wekinator_gets_all_five_floats_with_the_last_value_of_what_is_not_sent() -> None:
    bridge, wire, _ = _open(layout="wekinator")
    bridge.send(PACKET, CONTROL_NAMES)
    sent = bridge.send(ControlPacket(1, 0, 0, 2.0, 1.0, 1.0, 4000.0, 127.0), ("density",))
    assert sent == (("density", 1.0),)
    assert wire.messages()[-1] == ("/wek/outputs", [1.0, 1.0, -0.5, 300.0, 64.0])
    bridge.send(SECOND, ("density",))
    neutral = [wire.neutral for wire in sample_wires().values()]
    assert wire.messages()[-1] == ("/wek/1/outputs", [neutral[0], 0.5, *map(pytest.approx, neutral[2:])])


def test_nothing_infinite_is_sent_and_values_stay_in_range() -> None:
    bridge, wire, _ = _open()
    sent = bridge.send(ControlPacket(0, 0, 0, math.nan, 7.0, math.inf, 300.0, 64.0), CONTROL_NAMES[:3])
    assert sent == (("density", 1.0),)
    assert wire.messages() == [("/choreo/density", [1.0])]


def test_n_set_speaks_to_a_node_by_the_names_of_its_synth_definition() -> None:
    bridge, wire, _ = _open(layout="n_set", node=2000, names={"brightness": "cutoff"})
    bridge.send(PACKET, ("density", "brightness"))
    assert wire.messages() == [("/n_set", [2000, "density", 0.5, "cutoff", 300.0])]
    assert b",isfsf\0\0" in wire.datagrams[0]
    bridge.send(SECOND, ("density",))
    assert wire.messages()[-1] == ("/n_set", [2001, "density", 0.5])


@pytest.mark.parametrize("layout", ["separate", "bundle", "wekinator", "n_set"])
def test_scheduled_datagrams_carry_the_time_of_their_tick_and_what_was_asked_for(
    layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "monotonic_to_realtime_ns", lambda t_ns: t_ns + 1_700_000_000 * NS)
    bridge, wire, _ = _open(layout=layout, schedule_ahead_ms=80)
    bridge.send(dataclasses.replace(PACKET, t_ns=2 * NS), CONTROL_NAMES)
    times = [OscBundle(datagram).timestamp for datagram in wire.datagrams]
    assert times == pytest.approx([1_700_000_002.08] * len(times), abs=1e-6)
    wire.datagrams.clear()
    bridge.panic()
    assert all(OscBundle(d).timestamp == IMMEDIATELY for d in wire.datagrams if OscBundle.dgram_is_bundle(d))


@pytest.mark.parametrize("layout", ["separate", "bundle", "wekinator", "n_set"])
def test_panic_sends_the_safe_values_of_every_performer_seen(layout: str) -> None:
    bridge, wire, _ = _open(layout=layout)
    bridge.send(PACKET, CONTROL_NAMES)
    bridge.send(SECOND, CONTROL_NAMES)
    wire.datagrams.clear()
    bridge.panic()
    values = [value for _, numbers in wire.messages() for value in numbers if isinstance(value, float)]
    assert values == pytest.approx([w.safe for w in sample_wires().values()] * 2)


def test_panic_tells_what_32_bits_carried_and_nothing_of_what_was_lost() -> None:
    bridge, wire, _ = _open()
    told: list[tuple[int, Sent]] = []
    bridge.report_to(lambda performer, sent: told.append((performer, sent)))
    bridge.send(SECOND, CONTROL_NAMES)
    wire.datagrams.clear()
    wire.trouble = [BlockingIOError()]
    bridge.panic()
    [(performer, sent)] = told
    assert performer == 1
    assert [name for name, _ in sent] == list(CONTROL_NAMES[1:])
    assert [value for _, value in sent] == [value for _, numbers in wire.messages() for value in numbers]


def test_a_refusal_is_a_state_and_the_datagram_goes_out_all_the_same() -> None:
    bridge, wire, clock = _open()
    wire.trouble = [ConnectionRefusedError(111, "Connection refused")]
    assert bridge.send(PACKET, ("density",))
    assert bridge.health()["state"] == "nobody-listens"
    assert len(wire.datagrams) == 1
    bridge.send(PACKET, ("density",))
    assert bridge.health()["state"] == "nobody-listens"
    clock.advance(2 * NS)
    bridge.send(PACKET, ("density",))
    assert bridge.health()["state"] == "sending"
    assert bridge.health()["refused"] == 1


def test_a_vanished_network_is_a_state_and_nothing_is_reported_as_sent() -> None:
    bridge, wire, _ = _open()
    wire.trouble = [OSError(101, "Network is unreachable")]
    assert bridge.send(PACKET, ("density",)) == ()
    health = bridge.health()
    assert (health["state"], health["failed"]) == ("network-down", 1)
    assert "unreachable" in health["reason"]


@pytest.mark.parametrize("layout", ["separate", "bundle", "wekinator", "n_set"])
def test_a_network_that_is_back_brings_what_was_offered_meanwhile(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, wire = VirtualClock(), _Wire()
    down = [True]

    class Socket(_Wire):
        def __init__(self, *_: int) -> None:
            self.datagrams, self.trouble = wire.datagrams, []

        def setblocking(self, _: bool) -> None:
            pass

        def connect(self, _: object) -> None:
            if down[0]:
                raise OSError(101, "Network is unreachable")

        def recv(self, _: int) -> bytes:
            raise BlockingIOError

    told: list[tuple[int, Sent]] = []

    async def play() -> None:
        bridge = OscOut(OscOutConfig(host="192.0.2.1", layout=layout), sample_wires(), clock)
        bridge.report_to(lambda performer, sent: told.append((performer, sent)))
        running = asyncio.get_running_loop().create_task(bridge.run())
        monkeypatch.setattr(module.socket, "socket", Socket)
        monkeypatch.setattr(OscOut, "_resolve", _resolved)
        await clock.sleep_until(clock.now_ns() + NS)
        bridge.send(PACKET, CONTROL_NAMES)
        bridge.send(dataclasses.replace(PACKET, density=0.25), ("density",))
        assert bridge.health()["state"] == "network-down"
        assert wire.datagrams == []
        down[0] = False
        await clock.sleep_until(clock.now_ns() + NS // 5)
        assert bridge.health()["state"] == "sending"
        running.cancel()

    run_virtual(clock, play())
    values = [value for _, numbers in wire.messages() for value in numbers if isinstance(value, float)]
    assert values == pytest.approx([1.0, 0.25, -0.5, 300.0, 64.0])
    assert [one for one in told if one[1]] == [(0, tuple(zip(CONTROL_NAMES, values, strict=True)))]


async def _resolved(self: OscOut) -> tuple[int, tuple[str, int]]:
    return socket.AF_INET, ("192.0.2.1", 57120)


def test_a_full_socket_drops_and_counts() -> None:
    bridge, wire, _ = _open()
    wire.trouble = [BlockingIOError()]
    assert bridge.send(PACKET, ("density",)) == ()
    assert bridge.health()["dropped"] == 1


def test_before_run_everything_is_counted_as_dropped() -> None:
    bridge = OscOut(OscOutConfig(), sample_wires(), VirtualClock())
    assert bridge.send(PACKET, CONTROL_NAMES) == ()
    assert bridge.health()["dropped"] == 5


def test_the_port_follows_the_layout() -> None:
    assert OscOutConfig().port == 57120
    assert OscOutConfig(layout="wekinator").port == 12000
    assert OscOutConfig(layout="wekinator", port=9001).port == 9001


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"prefix": "choreo"}, "no OSC address"),
        ({"prefix": "/"}, "no OSC address"),
        ({"prefix": "/a b"}, "no OSC address"),
        ({"addresses": {"density": "/x/*"}}, "no OSC address"),
        ({"addresses": {"volume": "/x"}}, "unknown controls"),
        ({"port": 0}, "port"),
        ({"layout": "n_set", "names": {"density": "two words"}}, "no SynthDef control"),
        ({"layout": "n_set", "names": {"volume": "gain"}}, "unknown controls"),
        ({"node": 1001}, "node mean something with layout: n_set only"),
        ({"schedule_ahead_ms": -1}, "schedule_ahead_ms"),
        ({"host": ""}, "host"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(bad: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        OscOutConfig(**bad)


def test_a_host_that_cannot_be_resolved_is_lost_not_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> object:
        raise socket.gaierror(-2, "Name or service not known")

    async def play() -> None:
        bridge = OscOut(OscOutConfig(host="synth.invalid"), sample_wires(), VirtualClock())
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", fail)
        with pytest.raises(AdapterLost, match=r"synth\.invalid"):
            await bridge.run()
        assert "resolve" in bridge.health()["reason"]

    asyncio.run(play())
