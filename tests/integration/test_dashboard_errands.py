"""Errands of the page: choreo's own commands beside the show, each with an end in words, and none left behind."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import mido
import pytest
from page_stage import PageStage, page_stage, true
from session_samples import PERIOD_NS, some_packets, some_steps

from choreo_service.dashboard.errands import plans
from choreo_service.dashboard.errands.errands import Errand, Errands
from choreo_service.dashboard.errands.plans import Plan
from choreo_service.errors import ChoreoError
from choreo_service.session import write_session


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`played` has everything, `samples` was never played, `späte Probe` has a name that needs quoting."""
    root = tmp_path_factory.mktemp("workspace") / "recordings"
    meta = {"source": "test", "created": "2026-01-01T20:00:00+00:00", "period_ns": PERIOD_NS, "performers": 1}
    steps = list(some_steps(100, latents=False))
    write_session(root / "played", packets=some_packets(50), steps=steps, meta=meta)
    write_session(root / "späte Probe", packets=None, steps=steps, meta=meta)
    write_session(root / "samples", packets=some_packets(50), steps=None, meta=meta)
    return root


def _python(code: str, *, good: Sequence[int] = (0,), result: str = "") -> Plan:
    return Plan(
        "test", "testing", lambda folder: [(sys.executable, "-c", code, str(folder))], result, good=frozenset(good)
    )


async def _ended(errand: Errand) -> Errand:
    await true(lambda: errand.state != "running")
    return errand


@pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
async def test_an_errand_ends_with_what_it_printed_said_and_made() -> None:
    errands = Errands()
    code = "import pathlib, sys; print('answer'); print('half way', file=sys.stderr); \
pathlib.Path(sys.argv[1], 'made').write_text('x')"
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(errands.run())
        errand = await _ended(errands.begin(_python(code, result="made")))
        made = errand.result
        assert (errand.state, errand.printed, errand.said) == ("done", b"answer\n", "half way")
        assert made is not None
        assert await asyncio.to_thread(made.read_text) == "x"
        running.cancel()
    assert not await asyncio.to_thread(made.exists)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("code", "good", "state", "said"),
    [
        ("raise SystemExit('no such thing')", (0,), "failed", "no such thing"),
        ("raise SystemExit(7)", (0,), "failed", "ended with exit code 7"),
        ("raise SystemExit(1)", (0, 1), "done", ""),
    ],
)
async def test_how_a_command_ended_is_told(code: str, good: Sequence[int], state: str, said: str) -> None:
    errands = Errands()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(errands.run())
        errand = await _ended(errands.begin(_python(code, good=good)))
        running.cancel()
    assert (errand.state, errand.said, errand.result) == (state, said, None)


@pytest.mark.asyncio
async def test_a_program_that_is_not_there_is_told_and_the_next_errand_runs() -> None:
    errands = Errands()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(errands.run())
        lost = await _ended(errands.begin(Plan("test", "testing", lambda _: [("/nonexistent/program",)])))
        assert (lost.state, lost.said) == ("failed", "could not be started: No such file or directory")
        assert (await _ended(errands.begin(_python("pass")))).state == "done"
        running.cancel()


@pytest.mark.asyncio
async def test_after_a_failed_command_the_next_one_is_not_run() -> None:
    errands, bad = Errands(), (sys.executable, "-c", "raise SystemExit(3)")
    second = (sys.executable, "-c", "print('ran')")
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(errands.run())
        errand = await _ended(errands.begin(Plan("test", "testing", lambda _: [bad, second])))
        running.cancel()
    assert (errand.state, errand.printed) == ("failed", b"")


@pytest.mark.asyncio
async def test_only_one_at_a_time_and_the_end_of_the_page_ends_it() -> None:
    errands = Errands()
    forever = _python("import os, time; print(os.getpid(), flush=True); time.sleep(600)")
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(errands.run())
        errand = errands.begin(forever)
        with pytest.raises(ChoreoError, match="still testing"):
            errands.begin(forever)
        await true(lambda: errand.printed.endswith(b"\n"))
        running.cancel()
    with pytest.raises(ProcessLookupError):
        os.kill(int(errand.printed), 0)
    assert errand.folder is not None
    assert not await asyncio.to_thread(errand.folder.exists)


@pytest.mark.asyncio
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no nice values")
async def test_an_errand_gives_way_but_what_measures_does_not() -> None:
    errands, seen = Errands(), {}
    nice = "import os, time; time.sleep(0.3); print(os.nice(0))"
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(errands.run())
        for measures in (False, True):
            plan = Plan("test", "testing", lambda _: [(sys.executable, "-c", nice)], measures=measures)
            seen[measures] = int((await _ended(errands.begin(plan))).printed)
        running.cancel()
    assert seen[False] >= seen[True] + 10 or seen[False] == 19


async def _errand(stage: PageStage, browser: aiohttp.ClientSession, words: dict[str, Any]) -> dict[str, Any]:
    """Ordered by HTTP and waited for."""
    async with browser.post(f"{stage.url}/api/errands", json=words) as answer:
        assert answer.status == 202, await answer.text()
        told = await answer.json()
    async with asyncio.timeout(60):
        while told["state"] == "running":
            await asyncio.sleep(0.05)
            async with browser.get(f"{stage.url}/api/errands/{told['id']}") as answer:
                told = await answer.json()
    result: dict[str, Any] = told
    return result


@pytest.mark.asyncio
async def test_a_take_is_exported_as_one_file_to_keep(recordings: Path) -> None:
    async with page_stage(recordings=recordings) as (stage, browser):
        files = {}
        for take, form in (("played", "csv"), ("späte Probe", "midi")):
            told = await _errand(stage, browser, {"kind": "export", "take": take, "form": form})
            assert told["state"] == "done", told
            async with browser.get(f"{stage.url}/api/errands/{told['id']}/file") as answer:
                assert answer.content_disposition is not None
                assert answer.content_disposition.filename == told["file"]
                files[told["file"]] = await answer.read()
    with zipfile.ZipFile(io.BytesIO(files["played.csv.zip"])) as packed:
        assert {Path(name).name for name in packed.namelist()} >= {"controls.csv", "frames.csv", "packets.csv"}
    assert mido.MidiFile(file=io.BytesIO(files["späte Probe.mid"])).length > 1.0


@pytest.mark.asyncio
async def test_what_cannot_be_done_is_refused_in_words(recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    async with page_stage(recordings=recordings) as (stage, browser):
        for words, said in (
            ({"kind": "export", "take": "nobody", "form": "csv"}, "no take 'nobody'"),
            ({"kind": "export", "take": "../recordings/played", "form": "csv"}, "no take"),
            ({"kind": "export", "take": "played", "form": "pdf"}, "choose one of csv, midi, xdf"),
            ({"kind": "report", "take": "played"}, "pip install 'choreo-service[lab]'"),
            ({"kind": "report", "take": "played", "performer": -1}, "count from 0"),
            ({"kind": "format disk"}, "choose doctor, export or report"),
        ):
            async with browser.post(f"{stage.url}/api/errands", json=words) as answer:
                assert (answer.status, said in await answer.text()) == (409, True), words
        for path in ("99", "99/answer", "99/file"):
            async with browser.get(f"{stage.url}/api/errands/{path}") as answer:
                assert answer.status == 404


@pytest.mark.asyncio
async def test_an_export_that_fails_says_why(recordings: Path) -> None:
    async with page_stage(recordings=recordings) as (stage, browser):
        told = await _errand(stage, browser, {"kind": "export", "take": "samples", "form": "midi"})
        assert told["state"] == "failed"
        assert "samples" in told["said"]
        assert "fix:" in told["said"]
        async with browser.get(f"{stage.url}/api/errands/{told['id']}/file") as answer:
            assert answer.status == 404


@pytest.mark.asyncio
async def test_doctor_from_the_page_is_doctor(recordings: Path) -> None:
    async with page_stage(recordings=recordings) as (stage, browser):
        told = await _errand(stage, browser, {"kind": "doctor"})
        assert told["state"] == "done", told
        async with browser.get(f"{stage.url}/api/errands/{told['id']}/answer") as answer:
            report = json.loads(await answer.text())
    assert {"configuration", "python", "packages", "tick"} <= {finding["name"] for finding in report["findings"]}
    assert all(finding["fix"] for finding in report["findings"] if finding["status"] != "ok")


def test_the_commands_are_those_people_type(tmp_path: Path) -> None:
    (doctor,) = plans.doctor(["-p", "stage"]).commands(tmp_path)
    assert list(doctor[1:]) == ["-P", "-m", "choreo_service", "doctor", "--json", "--beside", "-p", "stage"]
    (report,) = plans.report(Path("r/take"), Path("reports"), 1, ["-o", "engine.mapper=rules"]).commands(tmp_path)
    assert report[1:4] == ("report", "r/take", "--out")
    assert report[4] == str(Path("reports/take_performer_1"))


@pytest.mark.asyncio
async def test_a_report_is_shown_without_scripts_and_only_by_the_page(recordings: Path) -> None:
    folder = recordings.parent / "reports" / "played"
    await asyncio.to_thread(folder.mkdir, parents=True)
    await asyncio.to_thread((folder / "report.html").write_text, "<h1>Groove</h1>")
    async with page_stage(recordings=recordings) as (stage, browser):
        async with browser.get(f"{stage.url}/api/takes") as answer:
            assert {take["name"]: take["report"] for take in await answer.json()}["played"] is True
        async with browser.get(f"{stage.url}/api/takes/played/report") as answer:
            assert (answer.status, await answer.text()) == (200, "<h1>Groove</h1>")
            rules = answer.headers["Content-Security-Policy"]
            assert "sandbox" in rules
            assert "default-src 'none'" in rules
            assert "frame-ancestors 'self'" in rules
        for name in ("samples", "..%2f..%2freports%2fplayed", ".."):
            async with browser.get(f"{stage.url}/api/takes/{name}/report") as answer:
                assert answer.status == 404, name


@pytest.mark.asyncio
async def test_who_may_only_look_orders_nothing(recordings: Path) -> None:
    async with page_stage(recordings=recordings, token="sixteen-letters-or-more", lan=True) as (stage, browser):
        own = stage.page.lan_ip
        if not own:
            pytest.skip("this machine has no network address")
        away = f"http://{own}:{stage.page.port}"
        given = {"Authorization": "Bearer sixteen-letters-or-more"}
        async with browser.post(f"{away}/api/errands", json={"kind": "doctor"}, headers=given) as answer:
            assert answer.status == 403
        async with browser.put(f"{away}/api/takes/played/tags", json={"tags": ["x"]}, headers=given) as answer:
            assert answer.status == 403
