"""The rules tests/conftest.py lays on every test bite: absent peers and recordings, blocked loops, both loops."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
import uvloop
from blockbuster import BlockingError

from choreo_service.clock import VirtualClock, run_virtual
from choreo_service.config.yaml_source import read_yaml

NEEDS_PEER = "tests/peers/test_rig_synths.py::test_oscdump_shows_address_types_and_values"


def _pytest(repo_root: Path, test: str, **env: str) -> str:
    """The closing summary of a run on a machine without any program on its PATH."""
    argv = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", test]
    clean = {k: v for k, v in os.environ.items() if k not in ("CHOREO_REQUIRE_PEERS", "CHOREO_DATA")}
    environment = clean | {"PATH": "/nonexistent"} | env
    return subprocess.run(argv, cwd=repo_root, env=environment, capture_output=True, text=True, timeout=60).stdout


def test_an_absent_peer_skips_with_its_reason(repo_root: Path) -> None:
    output = _pytest(repo_root, NEEDS_PEER)
    assert "oscdump not installed: make peers" in output
    assert "1 skipped" in output


def test_an_absent_peer_fails_where_peers_are_required(repo_root: Path) -> None:
    output = _pytest(repo_root, NEEDS_PEER, CHOREO_REQUIRE_PEERS="1")
    assert "oscdump not installed: make peers" in output
    assert "1 error" in output  # pytest calls a failure before the test itself so


def test_absent_recordings_skip_with_their_reason(repo_root: Path) -> None:
    output = _pytest(repo_root, "tests/unit/test_features_recordings.py", CHOREO_DATA="/nonexistent")
    assert "no real recordings: set CHOREO_DATA" in output
    assert " failed" not in output


def test_our_code_may_not_block_a_running_loop(repo_root: Path) -> None:
    async def on_the_loop() -> None:
        read_yaml(repo_root / "configs" / "default.yaml")

    with pytest.raises(BlockingError):
        asyncio.run(on_the_loop())


def test_our_code_may_not_block_simulated_time_either(repo_root: Path) -> None:
    async def on_the_loop() -> None:
        read_yaml(repo_root / "configs" / "default.yaml")

    with pytest.raises(BlockingError):
        run_virtual(VirtualClock(), on_the_loop())


def test_a_test_may_read_its_own_files_in_simulated_time(repo_root: Path) -> None:
    async def on_the_loop() -> str:
        return (repo_root / "pyproject.toml").read_text("utf-8")

    assert "choreo" in run_virtual(VirtualClock(), on_the_loop())


@pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
async def test_a_test_can_ask_for_both_event_loops(request: pytest.FixtureRequest) -> None:
    wanted = uvloop.Loop if "uvloop" in request.node.name else asyncio.SelectorEventLoop
    assert isinstance(asyncio.get_running_loop(), wanted)
