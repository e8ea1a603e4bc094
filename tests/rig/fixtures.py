"""Pytest fixtures of the real programs. A test that uses one marks itself `@pytest.mark.peer("jackd", ...)`."""

from __future__ import annotations

from collections.abc import Iterator

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


@pytest.fixture(scope="session")
def jack_server() -> Iterator[JackServer]:
    """One server for all tests that leave it in peace; a test that kills or pauses one starts its own JackServer."""
    with JackServer() as server:
        yield server


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
