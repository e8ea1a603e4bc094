"""Generated files are fresh, shipped files are true, and the editors' schema agrees with what the service accepts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from choreo_service.config import ControlMap, Settings, load_settings
from choreo_service.config.reference import reference
from choreo_service.config.schema import described, schema_files, settings_schema
from choreo_service.config.yaml_source import read_yaml


def test_the_schemas_are_fresh(repo_root: Path) -> None:
    for name, text in schema_files().items():
        assert (repo_root / "configs" / name).read_text("utf-8") == text, "run: choreo config schema"


def test_the_reference_page_is_fresh(repo_root: Path) -> None:
    assert (repo_root / "docs" / "config.md").read_text("utf-8") == reference(), "run: choreo config docs"


def test_default_yaml_shows_every_setting_with_its_built_in_default(repo_root: Path) -> None:
    written = dict(read_yaml(repo_root / "configs" / "default.yaml").data)
    built_in = Settings().model_dump(mode="json")
    for section in ("sensors", "bridges", "doors"):
        assert written.pop(section)
        built_in.pop(section)
    assert written == built_in


def test_the_shipped_control_map_keeps_the_tables_addresses(repo_root: Path) -> None:
    shipped = ControlMap.model_validate(read_yaml(repo_root / "configs" / "control_map.yaml").data)
    plain = ControlMap.model_validate({name: {} for name in ControlMap.model_fields})
    for name, spec in shipped.items():
        assert spec.model_copy(update={"ease": plain[name].ease}) == plain[name]


@pytest.mark.parametrize("profile", [None, "demo", "rehearsal", "stage"])
def test_every_shipped_profile_loads(repo_root: Path, profile: str | None) -> None:
    loaded = load_settings(profile=profile, home=repo_root, environ={})
    assert list(loaded.sensors) == (["dancer"] if profile == "demo" else ["phone"])
    assert ("bars" in loaded.bridges) == (profile != "stage")


def test_shipped_files_tell_the_editor_their_schema(repo_root: Path) -> None:
    files = sorted((repo_root / "configs").rglob("*.yaml"))
    assert len(files) >= 5
    for path in files:
        first = path.read_text("utf-8").splitlines()[0]
        match = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
        assert match, path
        assert (path.parent / match[1]).is_file()


def test_a_layer_need_not_be_complete() -> None:
    schema = settings_schema({"a": {"properties": {"path": {"type": "string"}}, "required": ["path"]}}, {}, {})
    assert "required" not in schema
    assert "required" not in schema["$defs"]["sensors.a"]
    assert "required" not in json.dumps(schema["$defs"]["EngineSettings"])


def test_a_block_offers_its_adapters_keys_and_no_others() -> None:
    class Inner(BaseModel):
        depth: int = 1

    class Own(BaseModel):
        """About it."""

        inner: Inner = Inner()

    block = settings_schema({"own": Own.model_json_schema()}, {}, {})["$defs"]["sensors.own"]
    assert set(block["properties"]) == {"type", "enabled", "inner"}
    assert block["additionalProperties"] is False
    assert "$ref" not in json.dumps(block)
    assert "depth" in json.dumps(block)


def test_a_docstring_below_a_field_describes_it() -> None:
    class Own(BaseModel):
        one: int = 1
        """Told below."""
        two: int = Field(2, description="told beside")
        """ignored"""
        three: int = 3

    fields: dict[str, Any] = described(Own)["properties"]
    assert [fields[name].get("description") for name in ("one", "two", "three")] == ["Told below.", "told beside", None]


def test_every_setting_of_ours_is_described() -> None:
    page = reference()
    settings = page[page.index("## Settings") : page.index("## Every adapter block")]
    assert "|  |" not in settings
