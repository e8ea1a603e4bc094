"""A show in a network whose cable is plugged in, pulled and switched off: one receiver lies behind it, one doesn't."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from rig import network, wait_until
from rig.service_log import log_events
from rig.show import Show, show

from choreo_service.packets import CONTROL_NAMES

OURS, ANOTHER, BEHIND = "198.51.100.1", "198.51.100.7", "198.51.100.9"
ADDRESSES: Final = {f"/choreo/{name}" for name in CONTROL_NAMES}
GONE_S: Final = 1.5  # the log looks at its receivers once a second
WHOLE_S: Final = 1.0
LOADED_S: Final = 0.5  # what a busy machine adds
PATIENCE_S: Final = 60.0
FAR: Final = {"type": "osc_out", "host": BEHIND, "port": 57120}

pytestmark = pytest.mark.slow


@pytest.fixture
def cable() -> Iterator[network.Cable]:
    if reason := network.refusal():
        pytest.skip(reason)
    with network.own_network(), network.Cable() as cable:
        yield cable


def test_a_receiver_without_a_route_has_everything_within_a_second_of_one(cable: network.Cable, tmp_path: Path) -> None:
    """Controls at rest: nothing but the return of the network makes them due."""
    took_s = []
    with show(tmp_path, None, {"far": FAR}, dancers=0) as playing:
        wait_until(lambda: playing.ear.latest("/choreo/density") >= 0, "the other receiver's first value", PATIENCE_S)
        for appear, vanish in (
            (lambda: cable.plug_in(OURS), cable.down),
            (cable.up, cable.down),
            (cable.up, cable.pull),
            (lambda: cable.plug_in(ANOTHER), cable.pull),  # as another network gives another address
        ):
            time.sleep(GONE_S)
            took_s.append(_whole_after(cable, appear))
            assert cable.heard_since(0) == {address: playing.ear.latest(address) for address in ADDRESSES}
            time.sleep(GONE_S)
            vanish()
    print("everything right after", *(f"{s:.3f}" for s in took_s), "s")
    assert max(took_s) <= WHOLE_S + LOADED_S


def test_the_other_receiver_is_served_all_along_and_each_change_is_told_once(
    cable: network.Cable, tmp_path: Path
) -> None:
    with show(tmp_path, None, {"far": FAR}) as playing:
        wait_until(lambda: playing.ear.latest("/choreo/density") >= 0, "the other receiver's first value", PATIENCE_S)
        cable.plug_in(OURS)
        wait_until(lambda: cable.heard_since(0).keys() == ADDRESSES, "all five behind the cable", PATIENCE_S)
        time.sleep(GONE_S)
        for _ in range(2):
            cable.down()
            gone = playing.stretch(2 * GONE_S)
            cable.up()
            there = playing.stretch(2 * GONE_S)
            for stretch in (gone, there):
                assert stretch.gaps_s.max() < LOADED_S
                assert len(stretch.gaps_s) > 10 * stretch.seconds
        told = [(event["level"], event["event"], event["state"]) for event in _told(playing)]
        assert playing.choreo.stop() == 0
    assert told[-4:] == 2 * [("warning", "peer.lost", "network-down"), ("info", "peer.back", "sending")]
    assert len(log_events(playing.choreo, level="error")) == 0


def _whole_after(cable: network.Cable, appear: Callable[[], Any]) -> float:
    """Seconds from the network's return until all five controls have come."""
    begun_s = time.monotonic()
    appear()
    wait_until(lambda: cable.heard_since(begun_s).keys() == ADDRESSES, "all five behind the cable", PATIENCE_S)
    return time.monotonic() - begun_s


def _told(playing: Show) -> list[Any]:
    return [event for event in log_events(playing.choreo, adapter="far") if event["level"] != "debug"]
