"""The guided minute from the page: the same profile as `choreo calibrate body` makes of the same movement."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import yaml
from guided_takes import guided, packets
from page_stage import page_stage, true
from shows import make_core

from choreo_service.calibration.beside import PHASES, CalibrationBeside
from choreo_service.calibration.flow import phases_of
from choreo_service.cli import choreo
from choreo_service.cli.calibrate.beside import calibrate_there
from choreo_service.cli.failure import exit_code_of
from choreo_service.cli.shows import shows_here
from choreo_service.core import Core
from choreo_service.errors import ChoreoError
from choreo_service.replay import take_entries
from choreo_service.session import Session, write_session
from choreo_service.ticker import Tick


def _take(folder: Path, **how: float) -> Session:
    parts = [*guided(**how), *guided(**how)[1:2]]
    return write_session(folder / "anna", packets=iter(packets(parts)), steps=None, meta={})


def _beside(core: Core, profiles: Path, *, known: tuple[str, ...] = ()) -> CalibrationBeside:
    return CalibrationBeside(core, profiles=profiles, known=known, source="phone")


def _play(core: Core, calibration: CalibrationBeside, take: Session) -> list[str]:
    """Every tick of the take; what the performer is told, one after the other."""
    told = []
    for entry in take_entries(take, core.period_ns):
        step = core.step(entry.k, entry.dk, entry.t_ns, entry.packets)
        calibration.tick(Tick(entry.k, entry.dk, entry.t_ns, 0), entry.packets, step)
        facts = calibration.facts()
        line = f"{facts['state']} {facts['at']}/{facts['of']} {facts['phase']}"
        told += [] if told and told[-1] == line else [line]
    return told


@pytest.mark.asyncio
async def test_the_page_makes_the_profile_of_the_command(tmp_path: Path) -> None:
    take, core = await asyncio.to_thread(_take, tmp_path), make_core()
    calibration = _beside(core, tmp_path / "profiles")
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(calibration.run())
        await calibration.begin("anna", 0, replace=False)
        with pytest.raises(ChoreoError, match="anna is being calibrated"):
            await calibration.begin("bert", 0, replace=False)
        told = await asyncio.to_thread(_play, core, calibration, take)
        await true(lambda: calibration.facts()["state"] == "done")
        with pytest.raises(ChoreoError, match="is there already"):
            await calibration.begin("anna", 0, replace=False)
        running.cancel()
    assert told[-4:] == [
        "guiding 1/3 stand still",
        "guiding 2/3 move normally",
        "guiding 3/3 move fully",
        "measuring 3/3 move fully",
    ]
    assert "engine.bodies=[anna]" in calibration.facts()["said"]
    command = await asyncio.to_thread(_by_command, tmp_path, take)
    page = yaml.safe_load(await asyncio.to_thread((tmp_path / "profiles" / "anna.yaml").read_text))
    assert page | {"source": ""} == command | {"source": ""}


def _by_command(folder: Path, take: Session) -> dict[str, object]:
    assert exit_code_of(choreo, ["init", str(folder / "show")]) == 0
    home = ["--home", str(folder / "show")]
    assert exit_code_of(choreo, ["calibrate", "body", "anna", "--take", str(take.path), *home]) == 0
    found: dict[str, object] = yaml.safe_load((folder / "show" / "profiles" / "anna.yaml").read_text())
    return found


@pytest.mark.asyncio
async def test_a_shaken_beginning_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    take, core = await asyncio.to_thread(_take, tmp_path, shaken=1.5), make_core()
    calibration = _beside(core, tmp_path / "profiles")
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(calibration.run())
        await calibration.begin("anna", 0, replace=False)
        await asyncio.to_thread(_play, core, calibration, take)
        await true(lambda: calibration.facts()["state"] == "failed")
        running.cancel()
    assert '"stand still" was not still' in calibration.facts()["said"]
    assert not await asyncio.to_thread((tmp_path / "profiles").exists)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("name", "performer", "said"),
    [("Anna!", 0, "can't name a body"), ("../x", 0, "can't name"), ("anna", 1, "no performer 1"), ("anna", -1, "no")],
)
async def test_what_cannot_be_calibrated_is_refused_before_the_minute(
    tmp_path: Path, name: str, performer: int, said: str
) -> None:
    calibration = _beside(make_core(), tmp_path)
    with pytest.raises(ChoreoError, match=said):
        await calibration.begin(name, performer, replace=False)
    assert calibration.facts()["state"] == "idle"


@pytest.mark.asyncio
async def test_a_known_body_would_be_measured_through_its_own_scale(tmp_path: Path) -> None:
    calibration = _beside(make_core(), tmp_path, known=("anna",))
    with pytest.raises(ChoreoError, match="plays as anna"):
        await calibration.begin("bert", 0, replace=False)


@pytest.mark.asyncio
async def test_the_page_begins_and_cancels_it(tmp_path: Path) -> None:
    async with page_stage() as (stage, browser):
        address = f"{stage.url}/api/calibration"
        async with browser.post(address, json={"name": "anna"}) as answer:
            assert answer.status == 404
        stage.page.calibration = calibration = _beside(stage.service.core, tmp_path)
        for words, status in (({"name": 5}, 400), ({"name": "Anna"}, 409), ({"name": "anna"}, 202)):
            async with browser.post(address, json=words) as answer:
                assert answer.status == status, words
        assert calibration.facts()["state"] == "waiting"
        async with browser.delete(address) as answer:
            assert answer.status == 204
        assert calibration.facts()["state"] == "idle"


@pytest.mark.asyncio
async def test_the_command_beside_a_show_goes_through_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take = await asyncio.to_thread(_take, tmp_path)
    async with page_stage() as (stage, _):
        stage.page.calibration = calibration = _beside(stage.service.core, tmp_path / "profiles")
        stage.service.facts["calibration"] = calibration.facts
        (show,) = [show for show in await shows_here(stage.page.port) if show.base == stage.url]
        with pytest.raises(ChoreoError, match="can't name a body"):
            await calibrate_there(show, "Anna", 0, PHASES, replace=False)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(calibration.run())
            asked = tasks.create_task(calibrate_there(show, "anna", 0, PHASES, replace=False))
            await true(lambda: calibration.facts()["state"] == "waiting")
            await asyncio.to_thread(_play, make_core(), calibration, take)
            said = await asked
            running.cancel()
    assert f"wrote {tmp_path / 'profiles' / 'anna.yaml'}" in said
    assert "plays on and listens" in capsys.readouterr().out


@pytest.mark.asyncio
async def test_a_command_that_is_interrupted_leaves_no_calibration_behind(tmp_path: Path) -> None:
    async with page_stage() as (stage, _):
        stage.page.calibration = calibration = _beside(stage.service.core, tmp_path)
        stage.service.facts["calibration"] = calibration.facts
        (show,) = [show for show in await shows_here(stage.page.port) if show.base == stage.url]
        asked = asyncio.create_task(calibrate_there(show, "anna", 0, phases_of((5.0, 6.0, 7.0)), replace=False))
        await true(lambda: calibration.facts()["state"] == "waiting")
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert calibration.facts()["state"] == "idle"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("seconds", "status"),
    [([10, 30], 409), ([10, 30, 1], 409), ([10, 30, 601], 409), ([10, 30, "20"], 400), (20, 400), ([], 409)],
)
async def test_lengths_that_cannot_be_are_refused(tmp_path: Path, seconds: object, status: int) -> None:
    async with page_stage() as (stage, browser):
        stage.page.calibration = _beside(stage.service.core, tmp_path)
        words = {"name": "anna", "seconds": seconds}
        async with browser.post(f"{stage.url}/api/calibration", json=words) as answer:
            assert answer.status == status
            assert ("three lengths from 5 to 600 s" if status == 409 else "expected {") in await answer.text()
