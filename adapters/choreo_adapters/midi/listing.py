"""The MIDI ports there are, as a helper process sees them: a driver may hang, and must not hang us."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

from choreo_adapters.helper.reports import from_line
from choreo_adapters.midi.process import helper_argv

LISTING_S: Final = 5.0  # a stopped JACK server would hang it for ever


def listed(child: str, kind: str) -> Sequence[Mapping[str, str]]:
    """Ports as {kind, name, api}; one entry with a reason where there is no MIDI. Blocks up to LISTING_S.

    `child` is the helper's module; it has the ports of its direction listed by `process.list_ports`.
    """
    try:
        answer = subprocess.run(  # noqa: S603 - ourselves
            helper_argv(child, {"list": True, "api": "auto"}), capture_output=True, timeout=LISTING_S, check=True
        )
        report = from_line(answer.stdout)
    except subprocess.TimeoutExpired:
        return ({"kind": kind, "name": "", "reason": "the MIDI system doesn't answer; is JACK stopped?"},)
    except (subprocess.CalledProcessError, ValueError) as error:
        return ({"kind": kind, "name": "", "reason": f"listing failed: {error}"},)
    if report["state"] != "open":
        return ({"kind": kind, "name": "", "reason": str(report.get("reason"))},)
    return tuple({"kind": kind, "name": name, "api": report["api"]} for name in report["ports"])
