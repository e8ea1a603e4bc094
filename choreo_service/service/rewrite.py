"""The page's changes of the configuration, written into the user's own file: judged as at the start, shown as a
difference, then written whole or not at all, and read again by the running show."""

from __future__ import annotations

import asyncio
import difflib
import hashlib
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from choreo_service.config import Loaded
from choreo_service.config.mistakes import Mistakes
from choreo_service.config.yaml_edit import changed, masked
from choreo_service.config.yaml_source import display_path, read_text
from choreo_service.dashboard.configuration import HIDDEN, SECRET
from choreo_service.disk import put_file
from choreo_service.errors import ChoreoError, ConfigError
from choreo_service.logs import get_logger
from choreo_service.service.backups import back_up
from choreo_service.service.refusals import judge
from choreo_service.service.reload import Load, Reload, changes_between, in_force
from choreo_service.service.show import Service

_WHO_COMES_IN: Final = ("dashboard.", "doors.")


@dataclass(frozen=True, slots=True)
class Draft:
    """What a file would hold, and what of it a running show takes."""

    path: Path
    target: Path  # where a link leads, else the same file; a link stays one
    old: str | None  # None: there is no such file yet
    new: str
    now: list[str]  # keys that take effect at once
    later: list[str]  # keys that do at the next start

    @property
    def version(self) -> str:
        """Of what the file holds now, and which file that is: who applies a draft must have seen it."""
        return "" if self.old is None else hashlib.sha256(f"{self.target}\0{self.old}".encode()).hexdigest()

    def diff(self) -> str:
        """Unified, secrets hidden."""
        name = display_path(self.path)
        old, new = (
            masked(text, SECRET, f"'{HIDDEN}'").splitlines(keepends=True) for text in (self.old or "", self.new)
        )
        lines = difflib.unified_diff(old, new, "(no file yet)" if self.old is None else name, name)
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


class Rewrite:
    """`propose` and `apply` for the page; one at a time, beside the show. Both answer in words and never raise."""

    def __init__(self, service: Service, reload: Reload) -> None:
        self._service, self._reload = service, reload
        self._one_at_a_time = asyncio.Lock()

    async def propose(self, changes: Mapping[str, Any], *, local: bool) -> dict[str, Any]:
        """What `apply` would write and when each key would take effect; `refused` where it would not."""
        return await self._beside(partial(_proposed, changes, local=local))

    async def apply(self, changes: Mapping[str, Any], version: str, *, local: bool) -> dict[str, Any]:
        """Write what was proposed over the file that had this `version`, and let the show read it."""
        told = await self._beside(partial(_written, changes, version, local=local))
        if "refused" in told:
            get_logger().warning("config.not_written", keys=list(changes), reason=told["refused"])
            return told
        file = told["file"]
        get_logger().info("config.written", file=file, keys=list(changes), backup=told["backup"])
        self._service.recorder.note("config", file=file, keys=list(changes))
        self._service.announce("config", f"{file} was changed on the page: {', '.join(changes)}")
        self._reload.ask()
        return told

    async def _beside(self, work: Callable[..., dict[str, Any]]) -> dict[str, Any]:
        try:
            async with self._one_at_a_time:
                return await self._reload.apart(partial(work, load=self._reload.load, running=self._reload.loaded))
        except ChoreoError as error:
            return {"refused": error.problem, "fix": error.fix}


def _proposed(changes: Mapping[str, Any], *, local: bool, load: Load, running: Loaded) -> dict[str, Any]:
    draft = _draft(changes, local=local, load=load, running=running)
    return {
        "file": display_path(draft.path),
        "new": draft.old is None,
        "diff": draft.diff(),
        "version": draft.version,
        "now": draft.now,
        "later": draft.later,
    }


def _written(changes: Mapping[str, Any], version: str, *, local: bool, load: Load, running: Loaded) -> dict[str, Any]:
    draft = _draft(changes, local=local, load=load, running=running)
    if draft.version != version:
        raise ConfigError(
            f"{display_path(draft.path)} was changed meanwhile, or is another file now",
            fix="look at the new difference, then apply it",
        )
    path = draft.target
    try:
        backup = None if draft.old is None else back_up(path, draft.old.encode())
        put_file(path, draft.new.encode(), like=path)
    except OSError as error:
        raise ConfigError(
            f"can't write {display_path(path)}: {error.strerror or error}; it is as it was",
            fix="give choreo the right to write there, or play from a workspace of yours: choreo init my-show",
        ) from error
    kept = "" if backup is None else display_path(backup)
    return {"file": display_path(draft.path), "backup": kept, "now": draft.now, "later": draft.later}


def _draft(changes: Mapping[str, Any], *, local: bool, load: Load, running: Loaded) -> Draft:
    """ConfigError where the start would refuse it, or it would change nothing."""
    _check_allowed(running, changes, local=local)
    path = running.user_file
    target = _target(path)
    old = read_text(target) if target.exists() else None
    new = changed(old or "", changes, path)
    found = load(draft=new)
    mistakes = Mistakes()
    for key in changes:
        origin = found.origins.get(tuple(key.split(".")))
        if origin is None or origin.source != display_path(path):
            problem = f"{key}: {origin or 'something else'} stands above {display_path(path)} and would win"
            fix = "leave that option or variable out at the next start, or change it there"
            mistakes.note(ConfigError(problem, fix=fix))
    mistakes.tell("these changes")
    judge(found)
    waiting = set(changes_between(in_force(running, found), found))
    now, later = ([key for key in changes if (key in waiting) is late] for late in (False, True))
    return Draft(path, target, old, new, now, later)


def _target(path: Path) -> Path:
    """The file that is written. ConfigError for a link to nothing, and for a file that was protected on purpose:
    replacing it needs rights for its folder only."""
    if path.is_symlink() and not path.exists():
        raise ConfigError(f"{path} is a link to a file that isn't there", fix=f"rm {shlex.quote(str(path))}")
    target = path.resolve()
    if target.exists() and not (target.stat().st_mode & 0o222 and os.access(target, os.W_OK)):
        shown = display_path(target)
        raise ConfigError(f"{shown} is write-protected", fix=f"chmod u+w {shlex.quote(shown)}")
    return target


def _check_allowed(running: Loaded, changes: Mapping[str, Any], *, local: bool) -> None:
    """ConfigError for what no page may write."""
    if not changes:
        raise ConfigError("there is nothing to write", fix="change a value first")
    mistakes = Mistakes()
    for key in changes:
        if key in SECRET:
            mistakes.note(
                ConfigError(f"{key} is a secret, and no page writes secrets", fix="write it into the file by hand")
            )
        elif not local and key.startswith(_WHO_COMES_IN):
            fix = "change it on a page of the machine that choreo runs on"
            mistakes.note(ConfigError(f"{key} decides who is let in", fix=fix))
    if running.base_dir == (Path(sys.prefix) / "share" / "choreo").resolve() and running.user_file.parent.parent == (
        running.base_dir
    ):
        problem = "this show plays from the files that came with choreo, which the next version replaces"
        fix = "make a workspace of your own (choreo init my-show) and start there"
        mistakes.note(ConfigError(problem, fix=fix))
    mistakes.tell("these changes")
