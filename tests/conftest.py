"""What every test gets: peers and data that skip with a reason where absent, and a loop on which nothing may block."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
import structlog
from blockbuster import BlockBuster
from hypothesis import HealthCheck, settings
from rig.ports import free_udp_port as find_free_udp_port
from rig.programs import missing_peer, peers_required

from choreo_service.priority import give_way

# Small nets on a busy machine: several torch threads wait for each other up to a hundred times as long as one works.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Logs of shows that tests play must not push those of real ones out.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="choreo-test-state-")

# How long an example takes is the machine's business.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

pytest_plugins = ("rig.fixtures",)

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

REPO_ROOT: Final = Path(__file__).resolve().parents[1]
OUR_PACKAGES: Final = ("choreo_service", "choreo_adapters", "choreo_models", "choreo_pipelines")

# run_virtual() lies below everything a simulated test does, so its frames don't make a test's own file access ours.
NOT_OURS: Final = ("choreo_service.clock",)


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The folder that holds pyproject.toml."""
    return REPO_ROOT


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real recordings; the test is marked `data`, which skips it where there are none."""
    folder = _data_dir()
    if folder is None:
        pytest.fail("a test that uses data_dir must be marked @pytest.mark.data", pytrace=False)
    return folder


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """A test that runs a service in its own process sets the log's level; the next test hears everything again."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(autouse=True)
def usual_slices() -> None:
    """A test that runs a service in its own process asks for short slices; the next test, and what it starts, has
    none."""
    give_way()


@pytest.fixture
def open_umask() -> Iterator[None]:
    """The umask most systems come with, under which others may read what nobody forbids."""
    if sys.platform == "win32":
        pytest.skip("Windows has no modes of files")
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def free_udp_port() -> int:
    """A UDP port of 127.0.0.1 that nobody has bound."""
    return find_free_udp_port()


@pytest.fixture(params=["asyncio", "uvloop"])
def loop_factory(request: pytest.FixtureRequest) -> LoopFactory:
    """Both loops the service may run on, for tests that start one themselves: `asyncio.Runner(loop_factory=...)`."""
    return _loop_factory(request.param)


@pytest.fixture(autouse=True)
def nothing_blocks() -> Iterator[None]:
    """Fail a test in which our code blocks a running event loop: files, sleep, blocking sockets, contended locks.

    None of our functions is excepted; except one here only together with the reason why it can't stall the tick.
    """
    guard = BlockBuster(scanned_modules=list(OUR_PACKAGES), excluded_modules=list(NOT_OURS))
    # A simulated disk's thread is waited for while virtual time stands still: the tick is not due before it comes back.
    guard.functions["threading.Lock.acquire"].can_block_in("slow_syncs.py", {"round", "_in_a_sync"})
    guard.activate()
    yield
    guard.deactivate()


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, LoopFactory]:
    """`@pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])` runs a test on both; others run on asyncio's."""
    marker = item.get_closest_marker("asyncio")
    if marker is not None and "loop_factories" in marker.kwargs:
        return {name: _loop_factory(name) for name in ("asyncio", "uvloop")}
    return {"asyncio": _loop_factory("asyncio")}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture: skip what this machine can't run, or fail where CHOREO_REQUIRE_PEERS=1 says that it must."""
    names = [str(name) for marker in item.iter_markers("peer") for name in marker.args]
    reasons = [reason for name in names if (reason := missing_peer(name))]
    if reasons and peers_required():
        pytest.fail("; ".join(reasons), pytrace=False)
    if reasons:
        pytest.skip("; ".join(reasons))
    if item.get_closest_marker("data") and _data_dir() is None:
        pytest.skip("no real recordings: set CHOREO_DATA to the development data folder")


def _data_dir() -> Path | None:
    named = os.environ.get("CHOREO_DATA")
    folder = Path(named) if named else REPO_ROOT.parent / "shared" / "data"
    return folder if folder.is_dir() else None


def _loop_factory(name: str) -> LoopFactory:
    if name == "asyncio":
        return asyncio.new_event_loop
    import uvloop  # doesn't exist for Windows

    return uvloop.new_event_loop
