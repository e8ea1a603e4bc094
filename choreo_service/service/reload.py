"""Another configuration for a show that goes on: read and checked beside the loop, put in between two ticks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from choreo_service import commands, logs
from choreo_service.config import Loaded
from choreo_service.config.layers import leaves
from choreo_service.controller import ControlPath, Scene
from choreo_service.dashboard.configuration import Configuration
from choreo_service.errors import ChoreoError
from choreo_service.service.apart import in_a_process
from choreo_service.service.build import build_manners, build_paces, build_paths, build_scenes
from choreo_service.service.show import Service
from choreo_service.service.swap import Cast, Swap, cast_of

T = TypeVar("T")


class Load(Protocol):
    """Reads the configuration as the start did."""

    def __call__(self, *, draft: str | None = None) -> Loaded:
        """ConfigError says what is wrong with it. `draft` is judged as what the user's file would hold."""


class Apart(Protocol):
    """Runs work where no tick waits for it."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...


_SHOWN: Final = 5  # keys in a message


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked configuration with everything made of it that takes time."""

    in_force: Loaded  # as much of what was read as a running show can take
    changed: list[str]  # keys
    waiting: list[str]  # keys of what was read that need a restart
    paths: Mapping[str, ControlPath]
    scenes: Mapping[str, Scene]
    throttles: Mapping[str, int | None]
    cast: Cast | None  # None: whoever plays goes on
    configuration: Configuration | None  # None: the show has no page


def prepare(load: Load, running: Loaded, playing: str, *, page: bool) -> Prepared:
    """Read by `load` what the show that plays `running` and the models of the fingerprint `playing` can go on with."""
    read = load()
    loaded = in_force(running, read)
    return Prepared(
        loaded,
        changes_between(running, loaded),
        changes_between(loaded, read),
        build_paths(loaded.control_map, loaded.settings.output),
        build_scenes(loaded),
        {name: pace.throttle_ns for name, pace in build_paces(loaded).items()},
        cast_of(loaded, playing),
        Configuration(loaded) if page else None,
    )


class Reload:
    """`ask` from a signal handler, or by the command; `run` does what was asked until cancelled.

    `load` reads the configuration as the start did; it runs `apart`, so that no tick waits for it.
    """

    def __init__(self, service: Service, loaded: Loaded, load: Load, apart: Apart | None = None) -> None:
        self._service, self.load = service, load
        self.apart = apart or partial(in_a_process, when=service.between_ticks)
        self.loaded = loaded  # in force
        self.on_reread: list[Callable[[], None]] = []  # heard each time a configuration was put in
        self._swap = Swap(service)
        service.desk.handle(commands.Reload, lambda _: self.ask())
        self._asked = asyncio.Event()

    def ask(self) -> None:
        self._asked.set()

    async def run(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            await self._once()

    async def _once(self) -> None:
        """One WARNING where the new configuration can't be used; then nothing has changed."""
        log = logs.get_logger()
        try:
            page = self._service.dashboard is not None
            found = await self.apart(partial(prepare, self.load, self.loaded, self._swap.wanted, page=page))
            self._put_in(found)
        except ChoreoError as error:
            self._refused(error.problem, error.fix)
            return
        except Exception as error:  # noqa: BLE001 - whatever a third party's settings do wrong, the show goes on
            self._refused(f"{type(error).__name__}: {error}", "choreo config check")
            return
        log.info("config.reloaded", changed=found.changed)
        self._service.announce("config", f"configuration read again; changed: {_listed(found.changed)}")
        if found.waiting:
            log.warning("config.later", keys=found.waiting, reason="needs a restart")
            self._service.announce("config", f"from the next start on: {_listed(found.waiting)}", "warn")
        self.loaded = found.in_force
        for heard in self.on_reread:
            heard()

    def _refused(self, reason: str, fix: str) -> None:
        logs.get_logger().warning("config.refused", reason=reason, fix=fix)
        self._service.announce("config", f"the new configuration was refused: {reason}", "warn")

    def _put_in(self, found: Prepared) -> None:
        """On the loop, without an await: no tick sees half of it."""
        service, settings, control_map = self._service, found.in_force.settings, found.in_force.control_map
        service.controller.require_room()  # all or nothing: what may be refused comes first
        if found.cast is not None:
            self._swap.put_in(found.cast)
        service.controller.change(
            found.paths,
            refresh_s=settings.output.refresh_s,
            manners=build_manners(settings.output),
            scenes=found.scenes,
            throttles=found.throttles,
        )
        if service.shaping is not None:
            service.shaping.follow(found.in_force)
        service.exit_ease_s = settings.output.exit_ease_s
        logs.set_level(settings.log.level)
        service.recorder.tell("reload", control_map=control_map.model_dump(mode="json"))
        if service.dashboard is not None and found.configuration is not None:
            service.dashboard.follow(found.configuration, control_map)


def in_force(running: Loaded, read: Loaded) -> Loaded:
    """The running configuration with what can change during a show taken from the one just read: control map, scenes,
    `output`, each bridge's throttle, the log's level, who plays."""
    now, new = running.settings, read.settings
    bridges = {
        name: block.model_copy(update={"throttle_ms": new.bridges[name].throttle_ms}) if name in new.bridges else block
        for name, block in now.bridges.items()
    }
    log = now.log.model_copy(update={"level": new.log.level})
    who = {"mapper": new.engine.mapper, "checkpoints": new.engine.checkpoints}
    engine = now.engine.model_copy(update=who)
    live = {
        "output": new.output,
        "control_map": new.control_map,
        "bridges": bridges,
        "log": log,
        "engine": engine,
    }
    return replace(
        running,
        settings=now.model_copy(update=live),
        control_map=read.control_map,
        control_map_path=read.control_map_path,
        map_layer=read.map_layer,
        scenes=read.scenes,
        origins=read.origins,
    )


def changes_between(before: Loaded, after: Loaded) -> list[str]:
    """The keys whose values differ, in order; those of the control map under its name, a scene as a whole."""
    old, new = dict(_keys(before)), dict(_keys(after))
    return [key for key in {**old, **new} if key not in old or key not in new or old[key] != new[key]]


def _listed(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return (", ".join(keys[:_SHOWN]) or "nothing") + more


def _keys(loaded: Loaded) -> Iterator[tuple[str, Any]]:
    settings = loaded.settings.model_dump(mode="json")
    settings["control_map"] = loaded.control_map.model_dump(mode="json")
    settings["latency"] = {name: profile.median_ms for name, profile in loaded.latency.items()}
    yield from ((".".join(map(str, path)), value) for path, value in leaves(settings))
    yield from ((f"scenes.{name}", scene) for name, scene in loaded.scenes.items())
