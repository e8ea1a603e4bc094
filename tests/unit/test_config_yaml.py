"""YAML written by hand: YAML 1.2 values, each with its place, one clear error for what is hostile or mistyped."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from choreo_service.config.yaml_source import MAX_BYTES, MAX_DEPTH, _Loader, parse_text, read_yaml
from choreo_service.errors import ConfigError


def _read(tmp_path: Path, text: str | bytes) -> Any:
    path = tmp_path / "x.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_yaml(path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),  # YAML 1.1: True
        ("no", "no"),  # YAML 1.1: False
        ("1:30", "1:30"),  # YAML 1.1: 90
        ("1e3", 1000.0),  # YAML 1.1 as PyYAML reads it: "1e3"
        ("012", 12),  # YAML 1.1: 10
        ("2024-01-01", "2024-01-01"),  # YAML 1.1: a date
        ("0x10", "0x10"),
        ("true", True),
        ("~", None),
        ("", None),
        ("-.5", -0.5),
        ("-.inf", -math.inf),
        ("'20'", "20"),
        ("[1, two]", [1, "two"]),
        ("9" * 40, "9" * 40),  # no number anyone means
    ],
)
def test_scalars_mean_what_they_look_like(tmp_path: Path, text: str, value: Any) -> None:
    assert _read(tmp_path, f"key: {text}\n").data == {"key": value}


def test_variables_and_options_follow_the_same_grammar() -> None:
    assert [parse_text(t) for t in ("25", "no", "[1, 2]", "a: [", "&x 1")] == [25, "no", [1, 2], "a: [", "&x 1"]
    assert math.isnan(parse_text(".nan"))


def test_every_key_and_list_item_has_its_place(tmp_path: Path) -> None:
    layer = _read(tmp_path, "engine:\n  period_ms: 20\n  list: [1,\n    2]\n")
    places = {path: (origin.line, origin.column) for path, origin in layer.origins.items()}
    assert places == {
        ("engine",): (1, 1),
        ("engine", "period_ms"): (2, 14),
        ("engine", "list"): (3, 3),
        ("engine", "list", 0): (3, 10),
        ("engine", "list", 1): (4, 5),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x 1\n", "x.yaml:1:4: anchors"),
        ("a: *x\n", "x.yaml:1:4: anchors"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "anchors"),
        ("a: [\n", "x.yaml:2:1"),
        ("a: 1\nb: 2\na: 3\n", "x.yaml:3:1: the key 'a' stands here twice"),
        ("a: !!python/name:os.system 1\n", "the tag !!python/name:os.system is not accepted"),
        ("a: !mine 1\n", "the tag"),
        ("a: !!int abc\n", "!!int"),
        ("a:\n  ? [1]\n  : 2\n", "a key must be a word"),
        ("? [1]\n: 2\n", "x.yaml:1: expected keys like `engine:` at the top, found a list"),
        ("two words: 1\n", "x.yaml:1: expected keys like `engine:` at the top, found other text"),
        ("[" * 900, "nested too deeply"),
        ("{b: " * 40, "nested too deeply"),
        ("- 1\n", "found a list"),
        ("just words\n", "found other text"),
        ("a: 1\n---\nb: 2\n", "another document"),
        ("a: \x01\n", "x.yaml"),
        (b"a: \xff\xfe\n", "not UTF-8"),
        ("#" * (MAX_BYTES + 1), "larger than 64 KiB"),
        ("a: b: c\n", "x.yaml:1:5"),
        ("\tb: 1\n", "x.yaml:1:1: found a tab; YAML is indented with spaces"),
        ("a:\n  b: 1\n\tc: 1\n", "x.yaml:3:1: found a tab"),
    ],
    ids=lambda v: repr(v)[:24],
)
def test_what_is_no_plain_mapping_is_refused_with_its_place(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _read(tmp_path, text)
    assert said in caught.value.problem.replace('"', "'")
    assert caught.value.fix
    assert len(str(caught.value)) < 600


def test_an_empty_file_is_an_empty_layer(tmp_path: Path) -> None:
    assert _read(tmp_path, "# only comments\n").data == {}


def test_a_missing_file_lists_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "show.yaml").touch()
    with pytest.raises(ConfigError, match="no such file") as caught:
        read_yaml(tmp_path / "sow.yaml")
    assert "show.yaml" in caught.value.fix


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a file"):
        read_yaml(tmp_path)


@pytest.mark.parametrize("text", ["9" * 5000, "[" * 5000, "a" * 70_000], ids=["digits", "brackets", "long"])
def test_hostile_option_texts_stay_text(text: str) -> None:
    assert parse_text(text) == text


def test_brackets_are_refused_where_they_become_too_many_not_a_thousand_later() -> None:
    """The scanner looks a thousand characters ahead for a key, and at each bracket anew: a tenth of a second."""
    loader = _Loader("[" * 3000)
    with pytest.raises(yaml.MarkedYAMLError, match="nested too deeply"):
        loader.get_single_node()
    assert loader.index <= MAX_DEPTH
