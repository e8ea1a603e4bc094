"""Doing errands: one at a time, in child processes, whose words and results are kept for the page."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, Literal

from choreo_service.dashboard.children import chunks, running
from choreo_service.dashboard.errands.plans import Command, Plan
from choreo_service.errors import ChoreoError

LONGEST_S: Final = 900.0
MAX_PRINTED: Final = 1 << 20  # bytes of an answer
_KEPT: Final = 6
_SAID: Final = 2000  # bytes of what a command last complained of or told on its way


@dataclass(slots=True, eq=False)
class Errand:
    """One thing asked for. `said` is what its command last wrote, `printed` its answer."""

    number: int
    plan: Plan
    state: Literal["running", "done", "failed"] = "running"
    said: str = ""
    printed: bytes = b""
    folder: Path | None = None

    @property
    def result(self) -> Path | None:
        """The file made, once it is done."""
        if self.state != "done" or self.folder is None or not self.plan.result:
            return None
        return self.folder / self.plan.result

    def told(self) -> dict[str, Any]:
        return {
            "id": self.number,
            "kind": self.plan.kind,
            "about": self.plan.about,
            "state": self.state,
            "said": self.said,
            "file": self.plan.result if self.result else "",
        }


@dataclass(slots=True, eq=False)
class Errands:
    """Takes orders by `begin`; `run` carries them out."""

    _kept: OrderedDict[int, Errand] = field(default_factory=OrderedDict)
    _asked: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, plan: Plan) -> Errand:
        """Have it done; ChoreoError while another one is under way."""
        last = next(reversed(self._kept.values()), None)
        if last is not None and last.state == "running":
            raise ChoreoError(f"still {last.plan.about}", fix="wait until that is done")
        number = 1 if last is None else last.number + 1
        self._kept[number] = errand = Errand(number, plan)
        self._asked.set()
        return errand

    def find(self, number: int) -> Errand | None:
        """One of the last few."""
        return self._kept.get(number)

    async def run(self) -> None:
        """Carry out what is asked for until cancelled; then nothing of it is left, neither process nor file."""
        try:
            while True:
                await self._asked.wait()
                self._asked.clear()
                await self._carry_out(next(reversed(self._kept.values())))
                while len(self._kept) > _KEPT:
                    await self._forget(self._kept.popitem(last=False)[1])
        finally:
            while self._kept:
                await self._forget(self._kept.popitem()[1])

    async def _carry_out(self, errand: Errand) -> None:
        done = False
        try:
            async with asyncio.timeout(LONGEST_S):
                errand.folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="choreo-errand-"))
                done = await _all(errand, errand.plan.commands(errand.folder))
        except TimeoutError:
            errand.said = f"not done after {LONGEST_S / 60:g} minutes: given up"
        except OSError as error:
            errand.said = f"could not be started: {error.strerror}"
        errand.state = "done" if done else "failed"

    async def _forget(self, errand: Errand) -> None:
        if errand.folder is not None:
            await asyncio.to_thread(shutil.rmtree, errand.folder, ignore_errors=True)


async def _all(errand: Errand, commands: Sequence[Command]) -> bool:
    """One command after the other, as long as they succeed."""
    for command in commands:
        code = await _run(errand, command)
        if code not in errand.plan.good:
            errand.said = errand.said or f"ended with exit code {code}"
            return False
    return True


async def _run(errand: Errand, command: Command) -> int:
    """One command from start to end; its exit code."""
    async with running(command, gives_way=not errand.plan.measures) as child:
        async with asyncio.TaskGroup() as readers:
            readers.create_task(asyncio.to_thread(_answer, errand, child.stdout))
            readers.create_task(asyncio.to_thread(_words, errand, child.stderr))
        return await asyncio.to_thread(child.wait)


def _answer(errand: Errand, pipe: IO[bytes] | None) -> None:
    errand.printed = b""
    for chunk in chunks(pipe):
        errand.printed = (errand.printed + chunk)[:MAX_PRINTED]


def _words(errand: Errand, pipe: IO[bytes] | None) -> None:
    end = b""
    for chunk in chunks(pipe):
        end = (end + chunk)[-_SAID:]
        lines = end.decode("utf-8", "replace").replace("\r", "\n").splitlines()
        errand.said = "\n".join(line.strip() for line in lines if line.strip())
