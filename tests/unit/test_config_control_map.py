"""The control map: five controls, sane ranges, distinct MIDI addresses, and what bridges are told."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from choreo_service.config import ControlMap, ControlSpec
from choreo_service.easing import RESPONSE, TRANSFER
from choreo_service.packets import CONTROL_NAMES, CONTROLS


def _map(**changes: Any) -> ControlMap:
    return ControlMap.model_validate({name: changes.get(name, {}) for name in CONTROL_NAMES})


def test_the_fields_are_the_control_table() -> None:
    assert tuple(ControlMap.model_fields) == CONTROL_NAMES


def test_defaults_are_cc_20_to_24_and_the_tables_neutral_and_safe() -> None:
    control_map = _map()
    assert [spec.cc for _, spec in control_map.items()] == [20, 21, 22, 23, 24]
    assert {spec.channel for _, spec in control_map.items()} == {1}
    for name, spec in control_map.items():
        assert (spec.neutral, spec.safe) == (CONTROLS[name].neutral, CONTROLS[name].safe)
    assert (control_map.tempo_scale.min, control_map.tempo_scale.max) == (0.88, 1.12)
    assert (control_map.density.min, control_map.density.max) == (0, 1)


def test_wires_are_in_the_receivers_units_and_in_order() -> None:
    wires = _map(density={"min": 100, "max": 300, "cc": 74, "channel": 16, "neutral": 0.25, "safe": 0}).wires()
    assert tuple(wires) == CONTROL_NAMES
    density = wires["density"]
    assert (density.lo, density.hi, density.cc, density.channel) == (100, 300, 74, 16)
    assert (density.neutral, density.safe) == (150, 100)
    assert wires["tempo_scale"].neutral == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("control", "said"),
    [
        ({"min": 1, "max": 1}, "min 1 must be smaller than max 1"),
        ({"min": 2}, "min 2 must be smaller than max 1"),
        ({"clamp": [0.6, 0.4]}, "must rise"),
        ({"clamp": [0.5, 0.5]}, "must rise"),
        ({"clamp": [0.5]}, "clamp"),
        ({"clamp": [0, 2]}, "clamp"),
        ({"clamp": [0.5, 1], "safe": 0.2}, "safe 0.2 lies outside clamp"),
        ({"neutral": 1.5}, "neutral"),
        ({"cc": 128}, "cc"),
        ({"cc": 1.0}, "cc"),
        ({"channel": 0}, "channel"),
        ({"curve": "log"}, "curve"),
        ({"ease": {"ms": -1}}, "ms"),
        ({"throttle_ms": 10}, "throttle_ms"),
        ({"min": float("nan")}, "min"),
        ({"max": float("inf")}, "max"),
        ({"invert": "yes"}, "invert"),
        ({"gain": 1}, "gain"),
        (3, "density"),
    ],
    ids=str,
)
def test_nonsense_is_refused(control: Any, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _map(density=control)
    assert said in f"{[(e['loc'], e['msg']) for e in caught.value.errors()]}"


def test_defaults_move_into_a_clamp_so_that_it_can_be_written_alone() -> None:
    density = _map(density={"clamp": [0.4, 0.9]}).density
    assert (density.neutral, density.safe) == (0.4, 0.4)


def test_two_controls_cannot_share_a_midi_address() -> None:
    with pytest.raises(ValidationError, match="density and tension both use CC 30 on channel 1"):
        _map(density={"cc": 30}, tension={"cc": 30})
    _map(density={"cc": 30}, tension={"cc": 30, "channel": 2})


@pytest.mark.parametrize("name", CONTROL_NAMES)
def test_all_five_must_be_there(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        ControlMap.model_validate({other: {} for other in CONTROL_NAMES if other != name})


def test_an_empty_control_means_its_defaults() -> None:
    assert _map(density=None) == _map()


def test_controls_are_found_by_name_and_nothing_else_is() -> None:
    assert _map()["density"] == _map().density
    with pytest.raises(KeyError):
        _map()["wires"]


def test_the_curves_are_those_the_controller_has() -> None:
    for curve in TRANSFER.keys() | RESPONSE.keys():
        spec = _map(density={"curve": curve, "ease": {"curve": curve}}).density
        assert (spec.curve, spec.ease.curve) == (curve, curve)


def test_a_spec_is_frozen() -> None:
    spec: ControlSpec = _map().density
    with pytest.raises(ValidationError, match="frozen"):
        spec.cc = 3
