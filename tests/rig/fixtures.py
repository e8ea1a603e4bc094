"""Pytest fixtures of the real programs. A test that uses one marks itself `@pytest.mark.peer("jackd", ...)`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

import pytest

from rig.fluidsynth import Fluidsynth
from rig.jack_server import JackServer
from rig.midi_sink import MidiSink
from rig.oscdump import OscDump
from rig.process import PeerError
from rig.programs import peers_required
from rig.puredata import PureData
from rig.scsynth import Scsynth
from rig.strudel import Strudel, packages

_SERVER: Final = pytest.StashKey[JackServer]()


@pytest.fixture(scope="module")
def jack_server(request: pytest.FixtureRequest) -> Iterator[JackServer]:
    """One server for the tests of a module; a test that kills or pauses one or its clients starts its own JackServer.

    JACK sometimes ends when a client of its dies badly. One server per module keeps that from the modules after it.
    """
    with JackServer() as server:
        request.config.stash[_SERVER] = server
        yield server


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A server that a test before has brought down is started anew, and its last words are shown."""
    server = item.config.stash.get(_SERVER, None)
    if server is not None and "jack_server" in getattr(item, "fixturenames", ()) and server.ended:
        sys.stderr.write(f"jackd ended before {item.nodeid}; it is started anew. Its last words:\n{server.output()}\n")
        server.kill()
        server.start()


@pytest.fixture
def midi_sink(jack_server: JackServer) -> Iterator[MidiSink]:
    with MidiSink(jack_server) as sink:
        yield sink


@pytest.fixture
def fluidsynth(jack_server: JackServer) -> Iterator[Fluidsynth]:
    with Fluidsynth(jack_server) as synth:
        yield synth


@pytest.fixture
def scsynth(jack_server: JackServer) -> Iterator[Scsynth]:
    with Scsynth(jack_server) as synth:
        yield synth


@pytest.fixture
def pure_data(jack_server: JackServer) -> Iterator[PureData]:
    with PureData(jack_server) as pd:
        yield pd


@pytest.fixture
def osc_dump() -> Iterator[OscDump]:
    with OscDump() as dump:
        yield dump


@pytest.fixture(scope="module")
def strudel() -> Iterator[Strudel]:
    """A browser for one module; each test opens its own page. Without a registry to fetch Strudel from, a skip."""
    try:
        packages.fetch()
    except PeerError as error:
        if peers_required():
            raise
        pytest.skip(str(error))
    with Strudel() as browser:
        yield browser


@pytest.fixture(scope="module")
def losses() -> Iterator[list[float]]:
    """Seconds of the show that each fall of a recording cost: a module's tests add to it, its end prints them."""
    found: list[float] = []
    yield found
    if found:
        found.sort()
        p50, p95 = (found[int(q * (len(found) - 1))] for q in (0.5, 0.95))
        print(f"\n{len(found)} falls: lost p50 {p50:.3f} s, p95 {p95:.3f} s, worst {found[-1]:.3f} s")
