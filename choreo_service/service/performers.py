"""An adapter's settings for as many performers as there are."""

from __future__ import annotations

from pydantic import BaseModel

from choreo_service.config import Adapter
from choreo_service.config.layers import Layer
from choreo_service.config.problems import validated
from choreo_service.errors import ConfigError


def for_performers(section: str, adapter: Adapter, performers: int) -> BaseModel:
    """The adapter's settings for so many performers: one that can tell them apart serves all of them, unless its own
    `performers` says otherwise. ConfigError where it names a performer there isn't."""
    config, where = adapter.config, f"{section}.{adapter.name}"
    performer = getattr(config, "performer", 0)
    if performer >= performers:
        raise ConfigError(
            f"{where}.performer: found {performer}, but engine.performers is {performers}, counted from 0",
            fix=f"-o engine.performers={performer + 1}",
        )
    if "performers" not in type(config).model_fields or "performers" in config.model_fields_set:
        return config
    # Checked anew, as other settings may name performers too.
    told = Layer({**config.model_dump(exclude_unset=True), "performers": performers}, {})
    return validated(type(config), told, prefix=(section, adapter.name), source=where)
