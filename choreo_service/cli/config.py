"""`choreo config`: what is in effect and why, and the generated schema and reference page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import click

from choreo_service.cli.options import Choice, config_options
from choreo_service.cli.wording import counted

if TYPE_CHECKING:
    from choreo_service.config import Loaded


@click.group()
def config() -> None:
    """Show, check or document the configuration."""


@config.command()
@config_options
def show(**choice: Unpack[Choice]) -> int:
    """Print every value in effect and where it came from."""
    from choreo_service.config import load_settings

    rows = list(effective(load_settings(**choice)))
    width = max(len(text) for text, _ in rows)
    click.echo("\n".join(f"{text:{width}}  # {origin}" for text, origin in rows))
    return 0


@config.command()
@config_options
def check(**choice: Unpack[Choice]) -> int:
    """Check the configuration, its adapters, bodies and models, without running anything."""
    from choreo_service.config import load_settings
    from choreo_service.service.refusals import judge

    loaded = load_settings(**choice)
    judge(loaded)
    sensors, bridges = counted(len(loaded.sensors), "sensor"), counted(len(loaded.bridges), "bridge")
    click.echo(f"good: {sensors}, {bridges}, {loaded.control_map_path}")
    return 0


@config.command()
@click.option("--check", "only_check", is_flag=True, help="Only say whether the files are up to date.")
@click.option("--home", type=click.Path(path_type=Path), help="Workspace to write to.")
def schema(only_check: bool, home: Path | None) -> int:
    """Write the JSON Schemas that editors complete and check the YAML files with."""
    from choreo_service.config.schema import schema_files

    folder = _home(home) / "configs"
    return _renew({folder / name: text for name, text in schema_files().items()}, only_check)


@config.command()
@click.option("--check", "only_check", is_flag=True, help="Only say whether the file is up to date.")
@click.option("--home", type=click.Path(path_type=Path), help="Workspace to write to.")
def docs(only_check: bool, home: Path | None) -> int:
    """Write docs/config.md: every key, what it accepts, its default and its meaning."""
    from choreo_service.config.reference import reference

    return _renew({_home(home) / "docs" / "config.md": reference()}, only_check)


def _home(home: Path | None) -> Path:
    import os

    from choreo_service.config.locate import find_home

    return find_home(home, os.environ)


def _renew(files: Mapping[Path, str], only_check: bool) -> int:
    stale = [path for path, text in files.items() if not path.is_file() or path.read_text("utf-8") != text]
    for path in stale:
        if not only_check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path], "utf-8")
        click.echo(f"{path.name}: {'stale' if only_check else 'written'}")
    if not stale:
        click.echo("up to date")
    return 1 if stale and only_check else 0


def effective(loaded: Loaded) -> Iterator[tuple[str, str]]:
    """(`key: value`, origin) of every setting; an adapter's own defaults included."""
    from choreo_service.config.layers import leaves

    for path, value in leaves(_effective(loaded)):
        origin = loaded.origins.get(path, "built-in")
        yield f"{'.'.join(map(str, path))}: {json.dumps(value, ensure_ascii=False)}", str(origin)


def _effective(loaded: Loaded) -> dict[str, Any]:
    data = loaded.settings.model_dump(mode="json")
    for section, adapters in (("sensors", loaded.sensors), ("bridges", loaded.bridges), ("doors", loaded.doors)):
        for name, adapter in adapters.items():
            data[section][name] |= adapter.config.model_dump(mode="json")
    return data
