"""Environment variables as a layer: CHOREO__ENGINE__PERIOD_MS=25 is engine.period_ms. pydantic-settings nests them."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

from pydantic import create_model
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource

from choreo_service.config.layers import Layer, Origin, PathKey
from choreo_service.config.mistakes import Mistakes
from choreo_service.config.settings import Settings
from choreo_service.config.yaml_source import parse_text
from choreo_service.errors import ConfigError

PREFIX: Final = "CHOREO__"


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """All variables that start with CHOREO__. ConfigError names every one whose first word is no section."""
    ours = {name: text for name, text in environ.items() if name.upper().startswith(PREFIX)}
    origins: dict[PathKey, Origin] = {}
    mistakes = Mistakes()
    for name, text in ours.items():
        path = tuple(name[len(PREFIX) :].lower().split("__"))
        if path[0] not in Settings.model_fields:
            mistakes.note(_unknown(name, path[0]))
        origins[path] = Origin(f"environment {name}", raw=text)
    mistakes.tell("the environment")
    return Layer(_Source(ours)(), origins)


def _unknown(name: str, section: str) -> ConfigError:
    close = get_close_matches(section, Settings.model_fields, n=1)
    known = ", ".join(f"{PREFIX}{s.upper()}" for s in Settings.model_fields)
    right = f"{PREFIX}{close[0].upper()}{name[len(PREFIX) + len(section) :]}" if close else ""
    return ConfigError(
        f"environment {name}: unknown key {section!r:.60}; variables start with {known}",
        fix=f"rename it to {right}" if right else f"unset {name}",
    )


class _Source(EnvSettingsSource):
    """Reads the given variables, not the process's own, and reads values as our YAML files do."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        super().__init__(_shape(), case_sensitive=False, env_prefix=PREFIX, env_nested_delimiter="__")

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): text for name, text in self._variables.items()}

    def decode_complex_value(self, field_name: str, field: FieldInfo | None, value: Any) -> Any:
        return parse_text(value)


def _shape() -> type[BaseSettings]:
    """The sections of Settings as free-form mappings: values are checked later, together with all other layers."""
    fields: dict[str, Any] = {
        name: (str if info.annotation is str else dict, None) for name, info in Settings.model_fields.items()
    }
    return create_model("Environment", __base__=BaseSettings, **fields)
