"""Work in a process of its own: its answer, its refusals in words, its fall, and its end with the show."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from functools import partial
from pathlib import Path

import psutil
import pytest
from page_stage import true

from choreo_service.config import Loaded, load_settings
from choreo_service.errors import ChoreoError, ConfigError
from choreo_service.service.apart import in_a_process
from choreo_service.service.playing import build_core
from choreo_service.service.reload import prepare


@pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
async def test_a_configuration_and_its_models_come_back_ready_to_play(repo_root: Path) -> None:
    load = partial(load_settings, profile="demo", home=repo_root, environ={})
    running: Loaded = await asyncio.to_thread(partial(load, overrides=("engine.mapper=rules",)))
    found = await in_a_process(partial(prepare, load, running, "", page=True))
    assert found.in_force.settings.engine.mapper == "auto"
    assert found.configuration is not None
    assert found.configuration.rows
    assert found.cast is not None
    assert found.cast.models is not None
    core = await asyncio.to_thread(partial(build_core, found.in_force, found.cast.models))
    assert core.step(1, 1, core.period_ns, ()).mapper == found.cast.models.name


@pytest.mark.asyncio
async def test_what_is_refused_there_is_refused_here_in_the_same_words(tmp_path: Path) -> None:
    with pytest.raises(ChoreoError, match=r"no default\.yaml found") as refused:
        await in_a_process(partial(load_settings, home=tmp_path, environ={}))
    with pytest.raises(ConfigError) as same:
        await asyncio.to_thread(partial(load_settings, home=tmp_path, environ={}))
    assert (refused.value.problem, refused.value.fix) == (same.value.problem, same.value.fix)


@pytest.mark.asyncio
async def test_a_bug_or_a_fall_there_is_an_error_here() -> None:
    with pytest.raises(ChoreoError, match="ZeroDivisionError"):
        await in_a_process(partial(divmod, 1, 0))
    with pytest.raises(ChoreoError, match="the process that reads for the show failed"):
        await in_a_process(partial(os._exit, 3))


@pytest.mark.asyncio
@pytest.mark.skipif(sys.platform == "win32", reason="nothing there waits for ever and can be pickled")
async def test_it_does_not_outlive_the_show() -> None:
    def at_work() -> bool:
        return any("apart_child" in " ".join(child.cmdline()) for child in psutil.Process().children())

    working = asyncio.ensure_future(in_a_process(signal.pause))
    await true(at_work)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    await true(lambda: not at_work())
