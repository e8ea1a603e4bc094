"""What the checks found, as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table. `fix` is what to type or change; empty where all is well."""

    name: str
    status: Status
    found: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, in the order they were made."""

    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """1 where something must be mended before playing, else 0."""
        return int(any(f.status == "fail" for f in self.findings))

    def text(self) -> str:
        """A table: status, name, finding, and the fix below it."""
        width = max((len(f.name) for f in self.findings), default=0)
        lines = []
        for f in self.findings:
            lines.append(f"{f.status:4}  {f.name:{width}}  {f.found}")
            lines += [f"{'':4}  {'':{width}}  fix: {f.fix}"] if f.fix else []
        count = {status: sum(f.status == status for f in self.findings) for status in ("ok", "warn", "fail")}
        return "\n".join([*lines, f"{count['ok']} ok, {count['warn']} to know, {count['fail']} to mend"])

    def to_json(self) -> str:
        """`{"ok": bool, "findings": [{name, status, found, fix}]}`."""
        return json.dumps({"ok": self.exit_code == 0, "findings": [asdict(f) for f in self.findings]}, indent=1)
