"""Takes as the page gets them: listed with what is wrong with them, thinned without losing a peak, read elsewhere."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_stage import page_stage
from session_samples import PERIOD_NS, some_packets, some_steps

from choreo_service.cli import choreo
from choreo_service.cli.failure import exit_code_of
from choreo_service.dashboard.takes.reader import HEADER, Curves, _thinned, list_takes, take_path
from choreo_service.errors import SessionError
from choreo_service.packets import CONTROL_NAMES, FEATURE_COLUMNS
from choreo_service.session import open_session, write_session
from choreo_service.session.meta import META_FILE, read_meta, set_tags


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("recordings")
    for name, minutes in (("first", 1), ("second", 2)):
        steps = list(some_steps(minutes * 300, performers=2, latents=False))
        meta = {
            "source": "test",
            "created": f"2026-0{minutes}-01T20:00:00+00:00",
            "period_ns": PERIOD_NS,
            "performers": 2,
        }
        write_session(root / name, packets=some_packets(200, performers=2), steps=steps, meta=meta)
    (root / "broken").mkdir()
    (root / "broken" / "meta.json").write_text("{")
    (root / ".half.partial").mkdir()
    return root


def _decoded(data: bytes) -> tuple[dict[str, Any], np.ndarray]:
    (length,) = HEADER.unpack_from(data)
    header = json.loads(data[HEADER.size : HEADER.size + length])
    floats = np.frombuffer(data[HEADER.size + length :], dtype="<f4")
    return header, floats.reshape(1 + len(header["columns"]), header["rows"])


def test_takes_are_listed_the_newest_first_and_a_broken_one_says_why(recordings: Path) -> None:
    takes = list_takes(recordings)
    assert [take["name"] for take in takes] == ["second", "first", "broken"]
    assert "problem" in takes[-1]
    assert takes[0]["performers"] == 2
    assert takes[0]["bytes"] > 1000


def test_a_folder_that_is_not_there_holds_no_takes(tmp_path: Path) -> None:
    assert list_takes(tmp_path / "nothing") == []


def test_an_excerpt_holds_every_tick_of_one_performer(recordings: Path) -> None:
    header, rows = _decoded(Curves(recordings / "first", 1).excerpt(0.0, 1e6, 4000))
    assert header["columns"] == [*CONTROL_NAMES, *FEATURE_COLUMNS]
    assert header["rows"] == 300
    expected = [float(step.controls[1, 2]) for step in some_steps(300, performers=2, latents=False)]
    assert rows[1 + CONTROL_NAMES.index("tension")] == pytest.approx(expected)


def test_what_was_absent_is_absent(recordings: Path) -> None:
    header, rows = _decoded(Curves(recordings / "first", 0).excerpt(0.0, 1e6, 100))
    heart = rows[1 + header["columns"].index("hr")]
    assert np.isnan(heart).all()  # never seen
    assert np.isfinite(rows[1 + header["columns"].index("jerk")]).all()


def test_a_part_is_only_that_part(recordings: Path) -> None:
    _, rows = _decoded(Curves(recordings / "second", 0).excerpt(2.0, 3.0, 4000))
    assert 2.0 <= rows[0][0] < rows[0][-1] <= 3.0


@pytest.mark.parametrize("at", [0, 1, 1234, 9998, 9999])
def test_no_peak_is_lost_in_thinning(at: int) -> None:
    t = np.arange(10_000) / 50
    values = np.zeros(10_000, dtype=np.float32)
    values[at] = 1.0
    values[5000:6000] = np.nan
    thin_t, thin = _thinned(t, {"x": values}, 500)
    assert len(thin_t) == len(thin["x"]) <= 500
    assert np.nanmax(thin["x"]) == 1.0
    assert np.isnan(thin["x"]).sum() >= 40  # a gap stays a gap
    assert (np.diff(thin_t) >= 0).all()


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../first", "first/meta.json", ".half.partial", "no such", "/etc", "x" * 400, "a\0b", "\udcff"],
)
def test_only_takes_of_the_folder_can_be_asked_for(recordings: Path, name: str) -> None:
    with pytest.raises(SessionError):
        take_path(recordings, name)


def test_a_link_out_of_the_folder_is_no_take(recordings: Path, tmp_path: Path) -> None:
    link = recordings / "link"
    link.symlink_to(tmp_path)
    try:
        with pytest.raises(SessionError):
            take_path(recordings, "link")
    finally:
        link.unlink()


@pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
async def test_the_page_gets_list_and_curves_and_reasons(recordings: Path) -> None:
    async with page_stage(recordings=recordings) as (stage, browser):
        async with browser.get(f"{stage.url}/api/takes") as answer:
            assert [take["name"] for take in await answer.json()] == ["second", "first", "broken"]
        async with browser.get(f"{stage.url}/api/takes/second?from=1&to=2&points=100") as answer:
            header, _ = _decoded(await answer.read())
            assert header["columns"][:5] == list(CONTROL_NAMES)
        for path, status in (
            ("broken", 404),
            ("nobody", 404),
            ("..%2f..%2fetc", 404),
            ("first?from=x", 400),
            ("first?points=-1", 400),
            ("first?to=nan", 400),
        ):
            async with browser.get(f"{stage.url}/api/takes/{path}") as answer:
                assert answer.status == status, path
        async with browser.get(f"{stage.url}/api/takes/first") as answer:
            assert answer.status == 200  # a refusal doesn't end the reader


@pytest.mark.asyncio
async def test_a_reader_that_dies_is_replaced(recordings: Path) -> None:
    async with page_stage(recordings=recordings) as (stage, browser):
        async with browser.get(f"{stage.url}/api/takes") as answer:
            assert answer.status == 200
        starting = stage.page.shelf._child
        assert starting is not None
        child = await starting
        child.kill()
        await asyncio.to_thread(child.wait)
        async with browser.get(f"{stage.url}/api/takes") as answer:
            assert answer.status == 200


@pytest.mark.asyncio
async def test_tags_are_kept_by_the_page(recordings: Path) -> None:
    header = recordings / "first" / META_FILE
    before = await asyncio.to_thread(read_meta, header)
    async with page_stage(recordings=recordings) as (stage, browser):
        address = f"{stage.url}/api/takes/first/tags"
        async with browser.put(address, json={"tags": ["berlin", "premiere", "berlin"]}) as answer:
            assert (answer.status, await answer.json()) == (200, {"tags": ["berlin", "premiere"]})
        async with browser.get(f"{stage.url}/api/takes") as answer:
            assert {take["name"]: take.get("tags") for take in await answer.json()}["first"] == ["berlin", "premiere"]
        for tags, status in ((["two words"], 409), ([""], 409), (["x" * 41], 409), ([5], 400), ("berlin", 400)):
            async with browser.put(address, json={"tags": tags}) as answer:
                assert answer.status == status, tags
        async with browser.put(f"{stage.url}/api/takes/broken/tags", json={"tags": ["x"]}) as answer:
            assert answer.status == 409
    assert await asyncio.to_thread(read_meta, header) == before | {"tags": ["berlin", "premiere"]}


def test_tags_of_the_command_line_are_listed_and_harm_no_seal(
    recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    take = recordings / "second"
    assert exit_code_of(choreo, ["takes", "tag", str(take), "wien", "probe"]) == 0
    assert exit_code_of(choreo, ["takes", "list", "--tag", "wien", "-o", f"recorder.folder={recordings}"]) == 0
    assert capsys.readouterr().out.splitlines()[2].endswith("wien probe")
    open_session(take).verify()
    assert exit_code_of(choreo, ["takes", "tag", str(take), "no tag!"]) == 3
    assert "is no tag" in capsys.readouterr().err
    assert exit_code_of(choreo, ["takes", "tag", str(take)]) == 0
    assert read_meta(take / META_FILE)["tags"] == []


def test_a_disk_that_fails_leaves_the_old_header(recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = recordings / "second" / META_FILE
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(SessionError, match="No space left on device"):
        set_tags(path, ["berlin"])
    assert path.read_bytes() == before
