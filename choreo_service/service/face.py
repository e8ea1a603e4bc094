"""The page of a show: wired to its parts, run beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from choreo_service.calibration.beside import CalibrationBeside
from choreo_service.config import ControlMap, DashboardSettings, Loaded
from choreo_service.controller import Latches
from choreo_service.dashboard.dashboard import Dashboard
from choreo_service.dashboard.hub import Hub
from choreo_service.dashboard.metrics import Metrics
from choreo_service.dashboard.network import lan_address
from choreo_service.dashboard.picture import Picture
from choreo_service.desk import Answered
from choreo_service.service.peers import health_of
from choreo_service.service.show import Service
from choreo_service.service.watch import in_words
from choreo_service.supervisor import AdapterEvent


def add_dashboard(
    service: Service,
    settings: DashboardSettings,
    control_map: ControlMap,
    recordings: Path,
    arguments: Sequence[str] = (),
) -> Dashboard:
    """Let `service` have a page; it is opened when the service runs. `recordings` is the folder of takes it lists, with
    `arguments` a command reads the configuration that plays."""
    hub = Hub(service.clock, service.controller, period_ns=service.core.period_ns)
    picture = Picture(
        clock=service.clock,
        core=service.core,
        telemetry=service.telemetry,
        ingress=service.ingress,
        supervisor=service.supervisor,
        hub=hub,
        control_map=control_map,
        sensors=service.sensors,
        bridges=service.bridges,
        health_of=health_of,
        facts=service.facts,
    )
    service.facts["latched"] = lambda: asdict(service.controller.latches())
    service.facts["scenes"] = lambda: {"name": service.controller.playing[0], "names": service.controller.scenes}
    service.facts["recording"] = service.recorder.health
    hub.make_state = picture.state
    dashboard = Dashboard(
        settings,
        service.clock,
        hub=hub,
        picture=picture,
        metrics=Metrics(service.telemetry, service.ingress, service.supervisor, service.controller, hub),
        ask=service.desk.ask,
        lan_address=lan_address,
        recordings=recordings,
        arguments=arguments,
        sensors=service.sensors,
    )
    service.listeners.append(hub.tick)
    service.desk.hooks.append(
        lambda answered: hub.event(_answer(answered, service.controller.latches()), answered.t_ns)
    )
    service.supervisor.hooks.append(lambda event: _adapter(hub, event))
    service.beside["dashboard"] = dashboard.run
    return dashboard


def calibrate_beside(service: Service, dashboard: Dashboard, loaded: Loaded) -> None:
    """Let the page guide a performer through the calibration that `choreo calibrate body` does without a show."""
    calibration = CalibrationBeside(
        service.core,
        profiles=loaded.profiles,
        known=loaded.settings.engine.bodies,
        source=", ".join(loaded.sensors),
    )
    dashboard.calibration = calibration
    service.listeners.append(calibration.tick)
    service.facts["calibration"] = calibration.facts
    service.beside["calibration"] = calibration.run


def _answer(answered: Answered, latches: Latches) -> dict[str, Any]:
    words = in_words(answered, latches)
    level = "info" if answered.ack.ok else "warn"
    return {"kind": "command", "level": level, **words, "door": answered.door, "reason": answered.ack.reason}


def _adapter(hub: Hub, event: AdapterEvent) -> None:
    if event.state == "down":
        hub.event({"kind": "lost", "level": "warn", "text": f"{event.name}: {event.cause.splitlines()[0]}"})
    elif event.state == "up" and event.tries:
        hub.event({"kind": "back", "level": "info", "text": f"{event.name} is back after {event.down_s:.1f} s"})
