"""Checks of this machine before a show. Every finding that isn't good says in one line what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from choreo_service.config import Loaded
from choreo_service.doctor import midi, network, software, timing
from choreo_service.doctor.report import Finding, Report
from choreo_service.errors import ChoreoError

__all__ = ["Finding", "Report", "examine"]


def examine(load: Callable[[], Loaded], *, seconds: float, show: int | None = None) -> Report:
    """Run every check; `seconds` is how long the tick is measured. A check that can't run is a finding too.

    `show` is the process of a show that runs on this configuration: what it holds is no fault.
    """
    findings, loaded = _configuration(load)
    period_ms = loaded.settings.engine.period_ms if loaded else 20.0
    checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("python", software.python),
        ("packages", software.packages),
        ("tick", lambda: timing.tick(period_ms, seconds)),
        ("priority", timing.priority),
        ("midi", midi.ports),
        ("network", network.addresses),
    ]
    if loaded is not None:
        known = loaded
        checks += [
            ("checkpoints", lambda: software.checkpoints(known)),
            ("recordings", lambda: software.recordings(known)),
            ("required", lambda: software.required(known)),
            ("ports", lambda: network.udp_ports(known, show)),
        ]
    for name, check in checks:
        findings += _guarded(name, check)
    return Report(tuple(findings))


def _configuration(load: Callable[[], Loaded]) -> tuple[list[Finding], Loaded | None]:
    try:
        loaded = load()
    except ChoreoError as error:
        return [Finding("configuration", "fail", error.problem, error.fix)], None
    names = ", ".join([*loaded.sensors, *loaded.bridges]) or "no adapters"
    return [Finding("configuration", "ok", f"{loaded.base_dir / 'configs'}: {names}")], loaded


def _guarded(name: str, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(check())
    except Exception as error:  # noqa: BLE001  # the other checks still help
        return [
            Finding(
                name, "warn", f"could not be checked: {type(error).__name__}: {error}", "report this to the authors"
            )
        ]
