"""What goes out between two ticks is in the take too: what a real socket heard is what the take says was sent."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from pythonosc.osc_message import OscMessage
from recorded_shows import RecordedShow
from shows import PERIOD

from choreo_adapters.bridges.osc_out import OscOut, OscOutConfig
from choreo_adapters.bridges.osc_out.packing import as_float32
from choreo_service.clock import run_virtual
from choreo_service.commands import Panic
from choreo_service.packets import CONTROL_NAMES

Row = dict[str, Any]


class Receiver:
    """A UDP socket of 127.0.0.1, read between the ticks: no kernel queues a whole show."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, float]] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)

    def read(self, *_: object) -> None:
        while True:
            try:
                message = OscMessage(self.socket.recv(2048))
            except BlockingIOError:
                return
            self.heard.append((message.address.removeprefix("/choreo/"), *message))


class OscShow(RecordedShow):
    """A recorded show in virtual time that sends to a real socket."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
        async def resolved(_: OscOut) -> tuple[int, Any]:
            return socket.AF_INET, self.receiver.socket.getsockname()

        self.receiver = Receiver()
        monkeypatch.setattr(OscOut, "_resolve", resolved)  # in a thread else, for which virtual time can't wait
        super().__init__(make_bridge=lambda wires, clock: OscOut(OscOutConfig(), wires, clock), **options)
        self.bridge_out: OscOut = self.service.bridges["sink"]  # type: ignore[assignment]
        self.service.listeners.append(self.receiver.read)

    def sent(self, into: Path) -> list[Row]:
        """Play four seconds; the rows of the take, which are what was heard."""
        self.recorder.start()
        with self.receiver.socket:
            run_virtual(self.clock, self.service.run(seconds=4))
            self.receiver.read()
        (take,) = self.finished(into)
        rows: list[Row] = take.table("sent").to_pylist()
        assert [row["control"] for row in rows] == [name for name, _ in self.receiver.heard]
        # To the last bit, but for accents: a take has their strength, a datagram what 32 bits keep of it.
        assert [as_float32(row["value"]) for row in rows] == [value for _, value in self.receiver.heard]
        return rows


def test_what_a_network_that_is_back_brings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    show = OscShow(monkeypatch)
    greeted: list[int] = []

    def cut() -> None:
        assert show.bridge_out._socket is not None
        show.bridge_out._socket.close()  # each send fails from here on, until the bridge has opened another one

    def opened(bridge: OscOut, *where: Any) -> None:
        show.receiver.read()
        greeted.append(len(show.receiver.heard))
        open_again(bridge, *where)

    open_again = OscOut._open
    monkeypatch.setattr(OscOut, "_open", opened)
    show.at(1.5, cut)
    rows = show.sent(tmp_path)
    assert show.bridge_out.health()["failed"] > 0
    _, begin = greeted
    brought = rows[begin : begin + 5]
    assert {row["control"] for row in brought} == set(CONTROL_NAMES)
    assert {(row["k"], row["t_ns"]) for row in brought} <= {(step.frame.k, step.frame.t_ns) for step in show.tape.steps}
    assert len({row["k"] for row in brought}) == 1


def test_the_safe_values_of_an_immediate_panic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    show = OscShow(monkeypatch)
    asked: list[tuple[int, int]] = []

    def panic() -> None:
        for _ in range(2):  # the second one doesn't ramp
            show.service.desk.submit(Panic(), "test")
        frame = show.tape.steps[-1].frame
        asked.append((frame.k, frame.t_ns))

    show.at(1.5, panic)
    rows = show.sent(tmp_path)
    safe = {name: wire.safe for name, wire in show.bridge_out._controls.items()}
    found = [i for i, row in enumerate(rows) if (row["k"], row["t_ns"]) == asked[0]]
    at_once = rows[found[-5] : found[-1] + 1]
    assert {row["control"]: row["value"] for row in at_once} == pytest.approx(safe)


def test_an_accent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    show = OscShow(monkeypatch, accents=True)
    played = []
    show.service.on_accent.append(played.append)
    rows = [row for row in show.sent(tmp_path) if row["control"] == "accent"]
    assert len(rows) == show.service.controller.accents > 0
    assert [(row["t_ns"], row["performer"]) for row in rows] == [(one.t_ns, one.performer) for one in played]
    assert [row["value"] for row in rows] == pytest.approx([one.strength for one in played], abs=1e-6)
    due_ns = {step.frame.k: step.frame.t_ns for step in show.tape.steps}
    assert all(due_ns[row["k"]] <= row["t_ns"] <= due_ns[row["k"]] + PERIOD for row in rows if row["k"])
