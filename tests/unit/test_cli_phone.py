"""`choreo phone`: the first screen, the lines that move, and what it says when it can't listen."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from osc_datagrams import APPS, Moment, message

from choreo_adapters.sensors.osc_motion import OscMotion
from choreo_service.cli import choreo, shows
from choreo_service.cli.failure import exit_code_of
from choreo_service.cli.phone.guide import code, welcome
from choreo_service.cli.phone.live import Heard, View
from choreo_service.clock import NS, VirtualClock
from choreo_service.doctor import network
from choreo_service.doctor.network import Holder, lan_addresses, port_fault

LAN = "192.0.2.10"
AT_REST = Moment(1000, (0.0, 0.0, 0.0), (0.0, 0.0, 9.8), (0.0, 0.0, 0.0))


class Rig:
    """The sensor, what it emitted and the lines about it, a second each."""

    def __init__(self, **config: object) -> None:
        self.heard, self.clock = Heard(), VirtualClock()
        self.adapter = OscMotion(OscMotion.Config.model_validate(config), self.heard, self.clock)
        self.view = View({"comote": "CoMote"})

    def second(self, *datagrams: bytes, ip: str = "10.0.0.1", times: int = 1) -> list[str]:
        for _ in range(times):
            self.clock.advance(NS // times)
            for data in datagrams:
                self.adapter.receiver.hear([(data, ip, self.clock.now_ns())])
        return self.view.lines(self.adapter.health(), self.heard, 1.0)


def test_the_line_counts_packets_names_the_app_and_its_streams() -> None:
    lines = Rig().second(*APPS["comote v3"](AT_REST), times=50)
    assert lines[0] == "your packets arrive: 200/s"
    assert lines[1].startswith("  CoMote at 10.0.0.1:comote/7; gravity 50/s, rotation_rate 50/s, acceleration 50/s")
    assert "battery 50 %" in lines[1]
    assert len(lines) == 2


def test_each_line_is_about_the_last_second_and_silence_is_told() -> None:
    rig = Rig()
    assert rig.second() == [f"waiting for packets to port {rig.adapter.receiver.port}"]
    sent = message("/choreo/motion", "ffffff", 0.0, 0.0, 9.8, 0.0, 0.0, 0.0)
    assert rig.second(sent, times=80)[0] == "your packets arrive: 80/s"
    rig.second(sent, times=100)
    assert "acceleration 40/s" in rig.second(sent, times=40)[1]
    quiet = rig.second()
    assert quiet[0].startswith("no packets in the last second")
    assert "nothing played; silent for 1.0 s" in quiet[1]


def test_what_is_refused_is_told_with_its_reason_and_what_to_type() -> None:
    rig = Rig()
    rig.second(message("/choreo/motion/accel", "fff", 0.0, 0.0, 9.8))
    lines = rig.second(message("/choreo/motion/accel", "fff", 0.0, 0.0, 9.8), ip="10.0.0.2")
    assert any("1 unknown performer" in line and "limbs" in line for line in lines)
    lines = rig.second(message("/my/acc", "fff", 0.0, 0.25, 0.97), b"rubbish!")
    assert "  unknown: /my/acc 0 0.25 0.97" in lines
    assert any("1 malformed address" in line for line in lines)


def test_unknown_addresses_show_their_newest_numbers_while_one_moves_the_phone() -> None:
    rig = Rig()
    rig.second(message("/my/own/gyro", "fff", 0.0, 0.0, 0.0))
    assert "  unknown: /my/own/gyro 0 2 0" in rig.second(message("/my/own/gyro", "fff", 0.0, 2.0, 0.0))


def test_both_limbs_of_a_body_are_one_line() -> None:
    rig = Rig(limbs={"10.0.0.1": "left"})
    lines = rig.second(*APPS["choreo"](AT_REST), times=10)
    assert "limb left" in lines[1]
    assert "acceleration 10/s" in lines[1]


def test_the_first_screen_tells_where_to_send_for_every_app() -> None:
    text = welcome("phone", OscMotion, [LAN, "10.0.0.5"], 9001, None)
    for guide in OscMotion.guides(LAN, 9001):
        assert guide.app in text
        assert all(step in text for step in guide.steps)
        assert any(LAN in step and "9001" in step for step in guide.steps)
    assert f"host {LAN}   port 9001" in text
    assert "10.0.0.5" in text
    assert f"choreo run -o sensors.phone.host={LAN}" in text


def test_without_a_network_it_says_so() -> None:
    assert "no network here" in welcome("phone", OscMotion, [], 9000, "gyrosc")


def test_the_code_is_what_comotes_scanner_reads() -> None:
    link = OscMotion.pairing_link(LAN, 9000)
    assert link == f"comote://settings?interval=10&osc-url=udp://{LAN}:9000&osc-enable=1"
    rows = code(link).split("\n")
    assert len({len(row) for row in rows}) == 1
    assert max(map(len, rows)) < 60  # fits a narrow terminal
    assert rows[1].startswith("██ ▄▄▄▄▄ █")  # the finder pattern of the upper left corner, light on dark


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("0.0.0.0", 0))
        yield holder.getsockname()[1]


def test_a_port_that_is_held_is_told_with_who_and_what_to_do(
    taken: int, repo_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(choreo, ["phone", "--home", str(repo_root), "--port", str(taken), "--seconds", "1"]) != 0
    said = capsys.readouterr().err
    assert f"port {taken} is held by" in said
    assert f"choreo phone --port {taken + 1}" in said or "--port 9001" in said
    fault = port_fault("127.0.0.1", taken)
    assert fault is not None
    assert fault.taken


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--app", "gyrsc"], "--app gyrosc"),
        (["--host", "phone.local"], "is no IP address"),
        (["--host", "203.0.113.77"], "can't listen on 203.0.113.77"),
    ],
)
def test_wrong_arguments_are_told_what_to_type(
    arguments: list[str], said: str, repo_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(choreo, ["phone", "--home", str(repo_root), "--seconds", "1", *arguments]) != 0
    assert said in capsys.readouterr().err


def test_this_machines_addresses_are_ones_it_can_listen_on() -> None:
    for address in lan_addresses():
        assert port_fault(address, 0) is None
    assert "127.0.0.1" not in lan_addresses()


def test_a_second_of_a_slow_heart_is_no_silence() -> None:
    rig = Rig()
    for _ in range(5):
        lines = rig.second(message("/bt/heartrate", "f", 66.0))
    assert lines[0] == "your packets arrive: 1/s"
    assert "heart_rate 1/s" in lines[1]
    assert "silent" not in lines[1]


def test_a_show_that_has_the_port_is_named_by_its_page(
    repo_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("0.0.0.0", 0))
        port = held.getsockname()[1]
        monkeypatch.setattr(network, "holder", lambda _: Holder("choreo", 4711))
        monkeypatch.setattr(shows, "shows_here", _one_show)
        assert exit_code_of(choreo, ["phone", "--home", str(repo_root), "--port", str(port)]) == 1
    assert "hears phones itself, and http://127.0.0.1:8787/sensors tells which" in capsys.readouterr().err


async def _one_show() -> list[shows.Show]:
    return [shows.Show("http://127.0.0.1:8787", "a", "my-show", Path("/my-show"), 1, ("phone",), 4711)]
