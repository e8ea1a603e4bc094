"""A key changes, and not a letter beside it: comments, order, spacing and line ends of the user's file stay."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from choreo_service.config.layers import put
from choreo_service.config.yaml_edit import changed, masked
from choreo_service.config.yaml_source import read_yaml
from choreo_service.errors import ConfigError

MINE = Path("mine.yaml")
FILE = """\
# my show
engine:
  period_ms:   20   # one tick
  bodies: []  # nobody yet

  # the seed of the premiere
  seed: 7

sensors:
  phone: {type: osc_motion, port: 9000}  # Anna's
output:
#  throttle_ms: 40

log:
  level: "info"
# the end
"""


def lines(old: str, new: str) -> list[str]:
    """What a difference of the two says, without its context."""
    return [line for line in difflib.ndiff(old.splitlines(), new.splitlines()) if line[0] in "+-"]


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("engine.period_ms", 25, ["-   period_ms:   20   # one tick", "+   period_ms:   25   # one tick"]),
        ("engine.bodies", ["anna", "b-2"], ["-   bodies: []  # nobody yet", "+   bodies: [anna, b-2]  # nobody yet"]),
        ("engine.performers", 2, ["+   performers: 2"]),
        ("log.level", "debug", ['-   level: "info"', "+   level: debug"]),
        ("log.format", "true", ['+   format: "true"']),
        ("output.throttle_ms", 40.5, ["+   throttle_ms: 40.5"]),
        ("sensors.phone.port", 9001, None),
        ("sensors.strap.type", "ble_heart", ["+   strap:", "+     type: ble_heart"]),
        ("doors.osc.port", 1, ["+ doors:", "+   osc:", "+     port: 1"]),
        ("control_map", "a b: c #.yaml", ['+ control_map: "a b: c #.yaml"']),
        ("transport.leader", None, ["+ transport:", "+   leader: null"]),
    ],
)
def test_one_key_changes_and_nothing_beside_it(key: str, value: object, says: list[str] | None) -> None:
    new = changed(FILE, {key: value}, MINE)
    if says is None:
        assert "  phone: {type: osc_motion, port: 9001}  # Anna's\n" in new
    else:
        assert lines(FILE, new) == says


def test_a_new_key_stands_with_its_section_not_behind_the_next_comment() -> None:
    new = changed(FILE, {"engine.performers": 2}, MINE).splitlines()
    assert new[new.index("  seed: 7") + 1] == "  performers: 2"


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "# no end of line"])
def test_a_file_without_keys_gets_its_first(text: str) -> None:
    new = changed(text, {"engine.period_ms": 25, "engine.seed": 3}, MINE)
    assert new.startswith(text)
    assert read_yaml(MINE, new).data == {"engine": {"period_ms": 25, "seed": 3}}


def test_line_ends_of_another_system_stay() -> None:
    new = changed(FILE.replace("\n", "\r\n"), {"engine.performers": 2, "log.level": "debug"}, MINE)
    assert new.count("\n") == new.count("\r\n") == FILE.count("\n") + 1


def test_lists_over_lines_become_one_line() -> None:
    text = "engine:\n  bodies:   # both\n    - anna\n    - ben\n  seed: 1  # one\n"
    new = changed(text, {"engine.bodies": ["cara"]}, MINE)
    assert read_yaml(MINE, new).data == {"engine": {"bodies": ["cara"], "seed": 1}}
    assert "# one" in new


@pytest.mark.parametrize(
    "text",
    ["{engine: {period_ms: 20}, log: {level: info}}\n", "engine:\n  mapper: |\n    auto\n  seed: 1\n"],
    ids=["in one line", "literal block"],
)
def test_what_can_not_be_changed_safely_is_refused_whole(text: str) -> None:
    with pytest.raises(ConfigError, match="laid out in a way") as refused:
        changed(text, {"engine.mapper": "rules"}, MINE)
    assert "by hand" in refused.value.fix


def test_a_file_that_is_no_configuration_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected keys"):
        changed("- a\n- b\n", {"engine.mapper": "rules"}, MINE)


_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
_KEYS = st.sampled_from(
    (
        "engine.period_ms",
        "engine.new",
        "sensors.phone.port",
        "sensors.new.port",
        "output.a.b",
        "log.level",
        "log",
        "new",
    )
)


@given(changes=st.dictionaries(_KEYS, st.one_of(_VALUES, st.lists(_VALUES, max_size=3)), min_size=1, max_size=4))
def test_any_change_is_made_rightly_or_not_at_all(changes: dict[str, object]) -> None:
    wanted = dict(read_yaml(MINE, FILE).data)
    wanted = {key: dict(block) if isinstance(block, dict) else block for key, block in wanted.items()}
    wanted["sensors"] = {"phone": dict(wanted["sensors"]["phone"])}
    for key, value in changes.items():
        put(wanted, key.split("."), value)
    try:
        new = changed(FILE, changes, MINE)
    except ConfigError:
        return
    assert read_yaml(MINE, new).data == wanted
    assert new.startswith("# my show\n")
    assert new.count("#") >= FILE.count("#") - 3


def test_secrets_are_hidden_in_every_layout() -> None:
    for text in ("dashboard:\n  pin: 4711  # mine\n", "dashboard: {pin: '4711'}\n", 'dashboard:\n  "pin": 4711\n'):
        assert "4711" not in masked(text, ["dashboard.pin", "dashboard.token"], "***")
        assert "***" in masked(text, ["dashboard.pin"], "***")
