"""What the page Config changes is written into the user's file, whole and with its comments, and the show reads it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from page_stage import true
from structlog.testing import capture_logs

from choreo_service import disk, logs
from choreo_service.clock import MonotonicClock
from choreo_service.config import load_settings
from choreo_service.errors import ConfigError
from choreo_service.service import rewrite as rewriting
from choreo_service.service.build import build_service
from choreo_service.service.reload import Reload
from choreo_service.service.rewrite import Rewrite
from choreo_service.service.show import Service

OPTIONS = ("engine.mapper=rules", "dashboard.port=0", "bridges.midi=null", "bridges.bars=null", "doors.osc=null")
MINE = """\
# Anna's show
output:
  exit_ease_s: 2   # the last chord rings
dashboard:
  pin: 4711
  token: sixteen-letters-and-more
"""


class Stage:
    """A service that nobody ticks, with its page open; `post` speaks to it as the page does."""

    def __init__(self, home: Path, file: Path | None, overrides: Sequence[str]) -> None:
        load = partial(
            load_settings, profile="demo", home=home, file=file, environ={}, overrides=(*OPTIONS, *overrides)
        )
        self.home, loaded = home, load()
        self.service: Service = build_service(loaded, MonotonicClock())
        self.reload = Reload(self.service, loaded, load, apart=asyncio.to_thread)
        assert self.service.dashboard is not None
        self.page = self.service.dashboard
        self.page.rewrite = self.rewrite = Rewrite(self.service, self.reload)

    async def post(self, changes: Any, version: str | None = None, status: int = 200) -> dict[str, Any]:
        """What a proposal, or with a version the writing, is answered."""
        path = "/api/config" if version is None else "/api/config/apply"
        words = {"changes": changes} if version is None else {"changes": changes, "version": version}
        async with self.browser.post(f"http://127.0.0.1:{self.page.port}{path}", json=words) as answer:
            assert answer.status == status, await answer.text()
            told: dict[str, Any] = await answer.json()
            return told

    async def apply(self, changes: dict[str, Any]) -> dict[str, Any]:
        proposed = await self.post(changes)
        return await self.post(changes, proposed["apply"]["version"])


@asynccontextmanager
async def staged(home: Path, *overrides: str, file: Path | None = None) -> AsyncIterator[Stage]:
    stage = await asyncio.to_thread(Stage, home, file, overrides)
    async with asyncio.TaskGroup() as tasks, aiohttp.ClientSession() as stage.browser:
        running = [tasks.create_task(stage.page.run()), tasks.create_task(stage.reload.run())]
        await true(lambda: stage.page.port > 0)
        yield stage
        for task in running:
            task.cancel()


@pytest.fixture
def home(tmp_path: Path, repo_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(logs, "set_level", lambda _level: None)  # the capturing of logs filters nothing
    shutil.copytree(repo_root / "configs", tmp_path / "configs")
    (tmp_path / "mine.yaml").write_text(MINE)
    (tmp_path / "mine.yaml").chmod(0o640)
    return tmp_path


async def text(path: Path) -> str:
    return await asyncio.to_thread(path.read_text)


async def files(home: Path) -> dict[str, int]:
    """Name and rights of what lies in a folder, hidden files included."""
    return await asyncio.to_thread(
        lambda: {path.name: path.stat().st_mode & 0o777 for path in sorted(home.iterdir()) if path.is_file()}
    )


@pytest.mark.asyncio
async def test_a_change_is_shown_then_written_kept_beside_and_in_force(home: Path) -> None:
    mine, changes = home / "mine.yaml", {"output.exit_ease_s": 0.5, "engine.period_ms": 25}
    async with staged(home, file=mine) as stage:
        proposed = (await stage.post(changes))["apply"]
        assert await text(mine) == MINE  # only shown so far
        assert "-  exit_ease_s: 2   # the last chord rings" in proposed["diff"]
        assert "+  exit_ease_s: 0.5   # the last chord rings" in proposed["diff"]
        assert (proposed["new"], proposed["now"]) == (False, ["output.exit_ease_s"])
        assert proposed["later"] == ["engine.period_ms"]
        with capture_logs() as said:
            written = await stage.post(changes, proposed["version"])
            await true(lambda: stage.service.exit_ease_s == 0.5)
    wanted = MINE.replace("exit_ease_s: 2", "exit_ease_s: 0.5") + "engine:\n  period_ms: 25\n"
    assert await text(mine) == wanted
    assert await text(home / "mine.yaml.bak") == MINE
    assert written["backup"].endswith("mine.yaml.bak")
    assert (written["now"], written["later"]) == (proposed["now"], proposed["later"])
    assert [line["event"] for line in said] == ["config.written", "config.reloaded", "config.later"]
    assert {name: oct(mode) for name, mode in (await files(home)).items()} == {
        "mine.yaml": "0o640",
        "mine.yaml.bak": "0o640",
    }
    assert [event["kind"] for event in stage.page.hub.events] == ["config"] * 3


@pytest.mark.asyncio
async def test_without_a_file_of_their_own_local_yaml_is_made_and_read_at_the_next_start(home: Path) -> None:
    async with staged(home) as stage:
        proposed = (await stage.post({"output.exit_ease_s": 0.5}))["apply"]
        assert (proposed["new"], proposed["version"]) == (True, "")
        assert "(no file yet)" in proposed["diff"]
        written = await stage.post({"output.exit_ease_s": 0.5}, "")
        assert written["backup"] == ""
        await true(lambda: stage.service.exit_ease_s == 0.5)
        again = await stage.apply({"output.exit_ease_s": 0.75})
        assert again["backup"].endswith("local.yaml.bak")
        await true(lambda: stage.service.exit_ease_s == 0.75)
        third = await stage.apply({"output.exit_ease_s": 1.0})
        assert third["backup"].endswith("local.yaml.bak_2")
    assert await text(home / "configs" / "local.yaml") == "output:\n  exit_ease_s: 1.0\n"
    assert await text(home / "configs" / "local.yaml.bak") == "output:\n  exit_ease_s: 0.5\n"
    loaded = await asyncio.to_thread(partial(load_settings, profile="demo", home=home, environ={}))
    assert loaded.settings.output.exit_ease_s == 1.0


@pytest.mark.asyncio
async def test_secrets_are_neither_written_nor_shown(home: Path) -> None:
    mine = home / "mine.yaml"
    async with staged(home, file=mine) as stage:
        for key, value in (("dashboard.pin", "1234"), ("dashboard.token", "another-long-secret-one")):
            proposed = await stage.post({key: value})
            assert "is a secret" in proposed["apply"]["refused"]
            refused = await stage.post({key: value}, "", status=409)
            assert "is a secret" in refused["refused"]
        shown = (await stage.post({"dashboard.max_pages": 4}))["apply"]["diff"]
        assert "max_pages: 4" in shown
        assert "pin: '(set)'" in shown
        assert "4711" not in shown
        assert "sixteen-letters" not in shown
    assert await text(mine) == MINE


@pytest.mark.asyncio
async def test_a_page_elsewhere_may_not_change_who_is_let_in(home: Path) -> None:
    async with staged(home) as stage:
        for key, value in (("dashboard.lan", True), ("doors.keys.type", "keyboard")):
            refused = await stage.rewrite.apply({key: value}, "", local=False)
            assert "decides who is let in" in refused["refused"]
        assert "refused" not in await stage.rewrite.propose({"output.exit_ease_s": 0.5}, local=False)
    assert not (home / "configs" / "local.yaml").exists()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"engine.period_ms": 999}, "5 to 50"),
        ({"engine.perod_ms": 20}, "no such key"),
        ({"engine.checkpoints": "no/such/folder"}, None),
        ({"engine.mapper": "auto"}, "-o engine.mapper stands above"),
        ({"control_map": "absent.yaml"}, "absent.yaml"),
        ({}, "nothing to write"),
    ],
    ids=str,
)
async def test_what_the_start_would_refuse_is_refused_before_it_is_written(
    home: Path, changes: dict[str, Any], says: str | None
) -> None:
    """A folder of checkpoints that is not there is nothing the rules need."""
    async with staged(home) as stage:
        told = await stage.post(changes, "", status=200 if says is None else 409)
    assert says is None or says in told["refused"]
    assert (home / "configs" / "local.yaml").exists() == (says is None)


@pytest.mark.asyncio
async def test_a_file_that_was_edited_meanwhile_is_not_overwritten(home: Path) -> None:
    mine, changes = home / "mine.yaml", {"output.exit_ease_s": 0.5}
    async with staged(home, file=mine) as stage:
        proposed = (await stage.post(changes))["apply"]
        edited = MINE + "# one more thought\n"
        await asyncio.to_thread(mine.write_text, edited)
        refused = await stage.post(changes, proposed["version"], status=409)
        assert "was changed meanwhile" in refused["refused"]
    assert await text(mine) == edited


@pytest.mark.asyncio
async def test_a_disk_that_refuses_leaves_the_file_as_it_was(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, replaced = home / "mine.yaml", list[str]()

    def full(handle: int) -> None:
        replaced.append("asked")
        raise OSError(28, "No space left on device")

    async with staged(home, file=mine) as stage:
        monkeypatch.setattr(disk.os, "fsync", full)
        refused = await stage.rewrite.apply({"output.exit_ease_s": 0.5}, "", local=True)
        assert "meanwhile" in refused["refused"]  # the version comes first
        version = (await stage.rewrite.propose({"output.exit_ease_s": 0.5}, local=True))["version"]
        refused = await stage.rewrite.apply({"output.exit_ease_s": 0.5}, version, local=True)
    assert "No space left" in refused["refused"]
    assert replaced == ["asked"]
    assert await text(mine) == MINE
    assert list(await files(home)) == ["mine.yaml"]


@pytest.mark.asyncio
async def test_a_link_stays_a_link(home: Path) -> None:
    link = home / "linked.yaml"
    link.symlink_to(home / "mine.yaml")
    async with staged(home, file=link) as stage:
        await stage.apply({"output.exit_ease_s": 0.5})
    assert link.is_symlink()
    assert "exit_ease_s: 0.5" in await text(home / "mine.yaml")


@pytest.mark.asyncio
async def test_a_link_that_leads_elsewhere_than_was_shown_is_refused(home: Path) -> None:
    link, other, changes = home / "linked.yaml", home / "other.yaml", {"output.exit_ease_s": 0.5}
    link.symlink_to(home / "mine.yaml")
    other.write_text(MINE)
    async with staged(home, file=link) as stage:
        version = (await stage.post(changes))["apply"]["version"]
        await asyncio.to_thread(link.unlink)
        await asyncio.to_thread(link.symlink_to, other)
        refused = await stage.post(changes, version, status=409)
    assert "is another file now" in refused["refused"]
    assert await text(other) == await text(home / "mine.yaml") == MINE


@pytest.mark.asyncio
async def test_a_link_to_nothing_is_refused_and_nothing_is_made(home: Path) -> None:
    link = home / "configs" / "local.yaml"
    link.symlink_to(home / "nothing.yaml")
    async with staged(home) as stage:
        refused = await stage.post({"output.exit_ease_s": 0.5}, "", status=409)
    assert "local.yaml is a link to a file that isn't there" in refused["refused"]
    assert refused["fix"].startswith("rm ")
    assert link.is_symlink()
    assert not (home / "nothing.yaml").exists()


@pytest.mark.asyncio
async def test_a_write_protected_file_is_not_written(home: Path) -> None:
    mine, changes = home / "mine.yaml", {"output.exit_ease_s": 0.5}
    async with staged(home, file=mine) as stage:
        version = (await stage.post(changes))["apply"]["version"]
        await asyncio.to_thread(mine.chmod, 0o444)
        assert "mine.yaml is write-protected" in (await stage.post(changes))["apply"]["refused"]
        refused = await stage.post(changes, version, status=409)
    assert "mine.yaml is write-protected" in refused["refused"]
    assert refused["fix"].startswith("chmod u+w ")
    assert await text(mine) == MINE
    assert list(await files(home)) == ["mine.yaml"]


@pytest.mark.asyncio
async def test_a_visitor_who_may_only_look_can_not_write(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from choreo_service.dashboard import access

    monkeypatch.setattr(access, "_is_loopback", lambda _ip: False)
    async with staged(home, "dashboard.lan=true", "dashboard.token=sixteen-letters-and-more") as stage:
        url, token = f"http://127.0.0.1:{stage.page.port}", {"Authorization": "Bearer sixteen-letters-and-more"}
        for headers, status in (({}, 401), (token, 403)):
            words = {"changes": {"output.exit_ease_s": 0.5}, "version": ""}
            async with stage.browser.post(f"{url}/api/config/apply", json=words, headers=headers) as answer:
                assert answer.status == status
    assert not (home / "configs" / "local.yaml").exists()


def test_the_files_that_came_with_choreo_are_not_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewriting.sys, "prefix", str(home / "wheel"))
    shutil.copytree(home / "configs", home / "wheel" / "share" / "choreo" / "configs")
    loaded = load_settings(home=home / "wheel" / "share" / "choreo", environ={})
    with pytest.raises(ConfigError, match="came with choreo") as refused:
        rewriting._check_allowed(loaded, {"log.level": "debug"}, local=True)
    assert "choreo init" in refused.value.fix
    own = load_settings(home=home / "wheel" / "share" / "choreo", file=home / "mine.yaml", environ={})
    rewriting._check_allowed(own, {"log.level": "debug"}, local=True)
    assert own.user_file == home / "mine.yaml"
