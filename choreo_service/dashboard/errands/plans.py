"""Which commands an errand consists of. They are the ones people type; nothing is done here a second way."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from choreo_service.errors import ChoreoError

Command = Sequence[str]

FORMS: Final = {"csv": ".csv.zip", "midi": ".mid", "xdf": ".xdf"}  # export format -> how the file to keep is called
_CHOREO: Final = (sys.executable, "-P", "-m", "choreo_service")


@dataclass(frozen=True, slots=True)
class Plan:
    """One errand. `commands` gets an empty folder of its own, where `result` is afterwards."""

    kind: str
    about: str  # in words for people
    commands: Callable[[Path], Sequence[Command]]
    result: str = ""  # a file in that folder; empty where what the last command printed is the answer
    good: frozenset[int] = frozenset({0})  # exit codes with which a command has done its work
    measures: bool = False  # it measures this machine: it gets no lower priority than other programs


def doctor(arguments: Command) -> Plan:
    """`choreo doctor --json` on the configuration that plays; its exit code 1 is an answer too."""
    command = (*_CHOREO, "doctor", "--json", "--beside", *arguments)
    return Plan("doctor", "examining this machine", lambda _: [command], good=frozenset({0, 1}), measures=True)


def export(take: Path, form: str) -> Plan:
    """`choreo takes export`, as one file to keep. ChoreoError for a format that there isn't."""
    if form not in FORMS:
        raise ChoreoError(f"no format {form[:20]!r}", fix=f"choose one of {', '.join(FORMS)}")
    result = take.name + FORMS[form]

    def commands(folder: Path) -> Sequence[Command]:
        target = folder / (take.name if form == "csv" else result)
        write = (*_CHOREO, "takes", "export", str(take), "--to", form, "--out", str(target))
        pack = (sys.executable, "-P", "-m", "zipfile", "-c", str(folder / result), str(target))
        return [write, pack] if form == "csv" else [write]

    return Plan("export", f"writing {result}", commands, result=result)


def report(take: Path, reports: Path, performer: int, arguments: Command) -> Plan:
    """`choreo-lab report` into `reports`. ChoreoError where the studio isn't installed."""
    beside = Path(sys.executable).with_name("choreo-lab")
    program = str(beside) if beside.is_file() else shutil.which("choreo-lab")
    if program is None:
        raise ChoreoError("reports are made by choreo-lab, which isn't here", fix="pip install 'choreo-service[lab]'")
    out = report_folder(reports, take.name, performer)
    command = (program, "report", str(take), "--out", str(out), "--performer", str(performer), *arguments)
    return Plan("report", f"measuring {take.name}", lambda _: [command])


def report_folder(reports: Path, take: str, performer: int) -> Path:
    """Where `choreo-lab report` puts it, too."""
    return reports / (f"{take}_performer_{performer}" if performer else take)
