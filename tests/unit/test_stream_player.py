from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from choreo_adapters.osc.decode import decode
from choreo_adapters.osc.presets import LAYOUTS
from choreo_adapters.sensors.osc_motion import OscMotion
from choreo_pipelines.cli import run
from choreo_pipelines.stream import PhoneEncoder, Player
from choreo_pipelines.stream.command import APPS
from choreo_service.clock import NS, VirtualClock, run_virtual
from choreo_service.packets import SensorPacket
from choreo_service.session import PacketColumns, Session, write_session


def _packets(count: int, *, spacing_ns: int = 20_000_000) -> Iterator[SensorPacket]:
    """Acceleration and rotation in turn, received in pairs."""
    for seq in range(count):
        t_ns = NS + seq // 2 * spacing_ns
        stream = ("acceleration", "rotation_rate")[seq % 2]
        yield SensorPacket(stream, seq // 2 % 2, seq, t_ns, t_ns, None, "x", (float(seq), 0.0, 0.0))


@pytest.fixture
def take(tmp_path: Path) -> Session:
    """Two performers, 25 pairs each, 0.98 s."""
    return write_session(tmp_path / "take", packets=_packets(100), steps=None, meta={})


def _play(packets: PacketColumns, **options: Any) -> tuple[list[tuple[int, bytes]], Player]:
    clock = VirtualClock(start_ns=0)
    sent: list[tuple[int, bytes]] = []
    encoder = PhoneEncoder(LAYOUTS["choreo"], ["acceleration", "rotation_rate"])
    player = Player(packets, encoder, lambda data: sent.append((clock.now_ns() // 1000, data)), clock)
    run_virtual(clock, player.play(**options))
    return sent, player


def _columns(take: Session) -> PacketColumns:
    return PacketColumns.join(take.packet_columns())


def test_datagrams_leave_at_the_recorded_times(take: Session) -> None:
    sent, player = _play(_columns(take))
    assert [at_us for at_us, _ in sent] == [i * 20_000 for i in range(50)]
    assert [decode(data)[0].args[::3] for _, data in sent] == [(2.0 * i, 2.0 * i + 1.0) for i in range(50)]
    assert player.sent.datagrams == 50
    assert player.sent.octets == sum(len(data) for _, data in sent)


def test_speed_loop_and_seconds(take: Session) -> None:
    sent, player = _play(_columns(take), speed=2.0, loop=True, seconds=1.2)
    assert [at_us for at_us, _ in sent] == [i * 10_000 for i in range(120)]
    assert player.sent.rounds == 2


def test_two_samples_of_one_stream_at_one_time_are_both_sent(tmp_path: Path) -> None:
    burst = [SensorPacket("acceleration", 0, i, NS, NS, None, "x", (float(i), 0.0, 0.0)) for i in range(3)]
    take = write_session(tmp_path / "burst", packets=burst, steps=None, meta={})
    sent, _ = _play(_columns(take))
    assert [decode(data)[0].args[0] for _, data in sent] == [0.0, 1.0, 2.0]


def test_the_command_sends_one_performer_over_udp(take: Session, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5.0)
        target = f"127.0.0.1:{receiver.getsockname()[1]}"
        arguments = ["stream", str(take.path), "--as", "sensors2osc", "--to", target, "--performer", "1"]
        assert run([*arguments, "--speed", "1000"]) == 0
        received = [decode(receiver.recv(2048))[0] for _ in range(50)]
    assert [m.address for m in received[:2]] == ["/accelerometer", "/gyroscope"]
    assert [m.args[0] for m in received[:4]] == [2.0, 3.0, 6.0, 7.0]
    out = capsys.readouterr().out
    assert "as Sensors2OSC (Android) to 127.0.0.1:" in out
    assert re.search(r"acceleration at 25\.0 Hz", out)
    assert "50 datagrams" in out


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["--performer", "5"], 2, r"no packets of performer 5; it has performers \[0, 1\]"),
        (["--from", "99"], 2, r"from second 99 on; its last packet is at 1\.0 s\n  fix: .*--from"),
        (["--to", "127.0.0.1:99999"], 2, "expected HOST:PORT"),
        (["--to", "127.0.0.1:x"], 2, "expected HOST:PORT"),
        (["--as", "gyrosc", "--to", "127.0.0.1:9"], 0, ""),
        (["--speed", "0"], 2, "--speed"),
    ],
)
def test_mistakes_are_answered_without_a_traceback(
    take: Session, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, problem: str
) -> None:
    if code == 0:
        take = write_session(
            take.path, packets=[SensorPacket("gravity", 0, 0, NS, NS, None, "x", (0.0, 0.0, 9.8))], steps=None, meta={}
        )
    assert run(["stream", str(take.path), *arguments]) == code
    found = capsys.readouterr().err
    assert re.search(problem, found)
    assert "Traceback" not in found


def test_a_missing_take_names_what_is_there(take: Session, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stream", str(take.path.with_name("tke"))]) == 3
    assert f"takes nearby: {take.path}" in capsys.readouterr().err


def test_a_take_is_streamed_from_a_second_on(take: Session) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5.0)
        target = f"127.0.0.1:{receiver.getsockname()[1]}"
        assert run(["stream", str(take.path), "--to", target, "--from", "0.9", "--speed", "1000"]) == 0
        first = decode(receiver.recv(2048))[0].args[0]
    assert first == 2.0 * 46  # performer 0 has the even pairs, every 40 ms: the first one at or after 0.9 s is 46


@pytest.mark.parametrize("app", APPS)
def test_without_an_address_every_app_sends_where_choreo_listens(
    take: Session, app: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    streams = ("gravity", "acceleration")
    packets = [SensorPacket(s, 0, i, NS, NS, None, "x", (0.0, 0.0, 9.8)) for i, s in enumerate(streams)]
    take = write_session(take.path, packets=packets, steps=None, meta={})
    reached: list[tuple[str, int]] = []

    def noted(host: str, port: int) -> socket.socket:
        reached.append((host, port))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.setblocking(False)
        return udp

    monkeypatch.setattr("choreo_pipelines.stream.command._socket", noted)
    listens = OscMotion.Config()
    assert run(["stream", str(take.path), "--as", app]) == 0
    assert run(["stream", str(take.path), "--as", app, "--to", "10.0.0.9"]) == 0
    assert reached == [(listens.host, listens.port), ("10.0.0.9", listens.port)]
    assert run(["stream", "--help"]) == 0
    assert f"{listens.host}:{listens.port}" in capsys.readouterr().out
