"""Settings become objects. Each object gets its own block, never the whole settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from choreo_service import __version__
from choreo_service.clock import MS, Clock
from choreo_service.commands import Shape
from choreo_service.config import (
    BridgeBlock,
    ControlMap,
    ControlSpec,
    Loaded,
    OutputSettings,
    SupervisorSettings,
)
from choreo_service.controller import Controller, ControlPath, Manners, Pace, Scene
from choreo_service.core import Core
from choreo_service.dashboard.configuration import Configuration
from choreo_service.ingress import Ingress
from choreo_service.packets import CONTROL_NAMES
from choreo_service.protocols import ControlWire, Models
from choreo_service.recorder import Ready, Recorder
from choreo_service.replay import SETTINGS_OF_A_TAKE
from choreo_service.service.doors import add_doors
from choreo_service.service.face import add_dashboard, calibrate_beside
from choreo_service.service.finishing import finish_apart
from choreo_service.service.models import played_by
from choreo_service.service.performers import for_performers
from choreo_service.service.playing import build_accents, build_core
from choreo_service.service.shaping import Shaping
from choreo_service.service.show import Service
from choreo_service.sources import Sources
from choreo_service.supervisor import Backoff, Supervisor
from choreo_service.telemetry import Telemetry


def build_paths(control_map: ControlMap, output: OutputSettings) -> dict[str, ControlPath]:
    """The way of each control to the wire."""
    wires = control_map.wires()
    paths = {}
    for name in CONTROL_NAMES:
        spec = control_map[name]
        throttle_ms = output.throttle_ms if spec.throttle_ms is None else spec.throttle_ms
        threshold = output.change_threshold if spec.change_threshold is None else spec.change_threshold
        paths[name] = ControlPath(
            wire=wires[name],
            transfer=spec.curve,
            invert=spec.invert,
            clamp=spec.clamp,
            ease_curve=spec.ease.curve,
            ease_s=spec.ease.ms / 1000.0,
            throttle_ns=round(throttle_ms * MS),
            threshold=threshold,
        )
    return paths


def build_scenes(loaded: Loaded) -> dict[str, Scene]:
    """Every scene as the controller plays it: its ranges as parts of the control map's, which the wires keep."""
    plain = build_paths(loaded.control_map, loaded.settings.output)
    scenes = {}
    for name, scene in loaded.scenes.items():
        paths = build_paths(scene.controls, loaded.settings.output)
        spans = {control: _span(loaded.control_map[control], spec) for control, spec in scene.controls.items()}
        scenes[name] = Scene(
            [replace(paths[c], wire=plain[c].wire, span=spans[c]) for c in CONTROL_NAMES], scene.morph_s
        )
    return scenes


def build_manners(output: OutputSettings) -> Manners:
    """How long the hands' changes take."""
    return Manners(ease_s=output.ease_ms / 1000.0, panic_s=output.panic_ms / 1000.0, takeover=output.takeover)


def build_paces(loaded: Loaded) -> dict[str, Pace]:
    """How often and how late each bridge is sent to.

    A bridge's offset is its own `latency_offset_ms` less what its receiver needs; whoever has the lowest (zero where
    nobody is below it) is sent to at once, the others wait for it.
    """
    plain = BridgeBlock(type="null")  # a bridge that a command brought has no block
    blocks = {name: loaded.settings.bridges.get(name, plain) for name in loaded.bridges}
    needs = {name: profile.median_ms for name, profile in loaded.latency.items()}
    offsets = {name: block.latency_offset_ms - needs.get(name, 0.0) for name, block in blocks.items()}
    first = min([0.0, *offsets.values()])
    return {
        name: Pace(
            throttle_ns=None if block.throttle_ms is None else round(block.throttle_ms * MS),
            delay_ns=round((offsets[name] - first) * MS),
        )
        for name, block in blocks.items()
    }


def build_service(loaded: Loaded, clock: Clock, models: Models | None = None) -> Service:
    """Everything that runs, wired together; nothing is opened yet."""
    settings = loaded.settings
    core = build_core(loaded, models)
    ingress = Ingress(clock, performers=core.performers, bound=settings.ingress.max_packets)
    wires = loaded.control_map.wires()  # one for all: a command changes them under the controller and the bridges
    service = Service(
        clock=clock,
        core=core,
        ingress=ingress,
        controller=_controller(loaded, core, wires),
        accents=build_accents(loaded),
        telemetry=Telemetry(period_ns=core.period_ns, performers=core.performers, sources=Sources(ingress)),
        supervisor=Supervisor(clock, backoff=_backoff(settings.supervisor), seed=settings.engine.seed),
        sensors={
            n: a.cls(for_performers("sensors", a, core.performers), ingress.emitter(n), clock)
            for n, a in loaded.sensors.items()
        },
        bridges={
            n: a.cls(for_performers("bridges", a, core.performers), wires, clock) for n, a in loaded.bridges.items()
        },
        exit_ease_s=settings.output.exit_ease_s,
        summary_s=settings.telemetry.summary_s,
        recorder=_recorder(loaded, core, clock),
    )
    add_doors(service, loaded.doors)
    if settings.dashboard.enabled:
        _add_page(service, loaded)
    _let_shape(service, loaded)
    return service


def _controller(loaded: Loaded, core: Core, wires: dict[str, ControlWire]) -> Controller:
    output = loaded.settings.output
    return Controller(
        build_paths(loaded.control_map, output),
        performers=core.performers,
        period_ns=core.period_ns,
        refresh_s=output.refresh_s,
        manners=build_manners(output),
        scenes=build_scenes(loaded),
        paces=build_paces(loaded),
        wires=wires,
    )


def _recorder(loaded: Loaded, core: Core, clock: Clock) -> Recorder:
    settings = loaded.settings.recorder
    return Recorder(
        settings,
        loaded.recordings,
        clock,
        header=_take_header(loaded, core),
        state=core.state,
        performers=core.performers,
        period_ns=core.period_ns,
        ready=Ready(settings.required or tuple(loaded.sensors)),
        finish=finish_apart,
    )


def _add_page(service: Service, loaded: Loaded) -> None:
    page = add_dashboard(service, loaded.settings.dashboard, loaded.control_map, loaded.recordings, loaded.arguments)
    page.configuration = Configuration(loaded)
    calibrate_beside(service, page, loaded)
    service.dashboard = page


def _let_shape(service: Service, loaded: Loaded) -> None:
    def play(now: Loaded) -> None:
        output = now.settings.output
        service.controller.reshape(
            build_paths(now.control_map, output), manners=build_manners(output), scenes=build_scenes(now)
        )

    service.shaping = Shaping(loaded, service.controller, service.recorder, play)
    service.shaping.dashboard = service.dashboard
    service.facts["shape"] = service.shaping.facts
    service.desk.handle(Shape, service.shaping.obey)


def _take_header(loaded: Loaded, core: Core) -> dict[str, Any]:
    """What a take must say so that it can be played again and what was sent can be understood."""
    settings = loaded.settings.model_dump(mode="json")
    return {
        "choreo": __version__,
        "period_ns": core.period_ns,
        "performers": core.performers,
        **{block: {key: settings[block][key] for key in keys} for block, keys in SETTINGS_OF_A_TAKE.items()},
        **played_by(loaded, core.mapper, core.fingerprint),
        "control_map": loaded.control_map.model_dump(mode="json"),
        "bridges": {name: bridge.entry.name for name, bridge in loaded.bridges.items()},
        "bits": {name: bits for name, b in loaded.bridges.items() if (bits := getattr(b.config, "bits", None))},
        "sensors": {name: sensor.entry.name for name, sensor in loaded.sensors.items()},
    }


def _span(whole: ControlSpec, part: ControlSpec) -> tuple[float, float]:
    width = whole.max - whole.min
    return (part.min - whole.min) / width, (part.max - whole.min) / width


def _backoff(settings: SupervisorSettings) -> Backoff:
    return Backoff(base_s=settings.base_s, cap_s=settings.cap_s, healthy_s=settings.healthy_s)
