"""The example patches as documents: they hear every control at the address the OSC bridge sends it to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from choreo_service.packets import CONTROL_NAMES


@pytest.fixture(scope="module")
def max_patch(repo_root: Path) -> dict[str, Any]:
    patch: dict[str, Any] = json.loads((repo_root / "adapters" / "max" / "choreo.maxpat").read_text("utf-8"))
    return patch["patcher"]


def test_every_connection_of_the_max_patch_joins_an_outlet_to_an_inlet_that_exist(max_patch: dict[str, Any]) -> None:
    boxes = {entry["box"]["id"]: entry["box"] for entry in max_patch["boxes"]}
    assert len(boxes) == len(max_patch["boxes"])
    assert len(max_patch["lines"]) > 30
    for entry in max_patch["lines"]:
        (source, outlet), (target, inlet) = entry["patchline"]["source"], entry["patchline"]["destination"]
        assert outlet < boxes[source]["numoutlets"], boxes[source]
        assert inlet < boxes[target]["numinlets"], boxes[target]


def test_the_max_patch_routes_every_control_to_its_own_send(max_patch: dict[str, Any]) -> None:
    boxes = {entry["box"]["id"]: entry["box"] for entry in max_patch["boxes"]}
    targets: dict[tuple[str, int], list[str]] = {}
    for entry in max_patch["lines"]:
        source, outlet = entry["patchline"]["source"]
        targets.setdefault((source, outlet), []).append(entry["patchline"]["destination"][0])
    route = next(b for b in boxes.values() if b.get("text", "").startswith("route /choreo/"))
    assert route["text"].split()[1:] == [f"/choreo/{name}" for name in CONTROL_NAMES]
    for outlet, name in enumerate(CONTROL_NAMES):
        [number] = targets[route["id"], outlet]
        sends = [boxes[b].get("text") for b in targets[number, 0]]
        assert f"send choreo-{name}" in sends


def test_every_connection_of_the_pure_data_patch_names_objects_that_exist(repo_root: Path) -> None:
    lines = (repo_root / "adapters" / "puredata" / "choreo.pd").read_text("ascii").splitlines()
    objects = [line for line in lines if line.startswith("#X ") and not line.startswith("#X connect")]
    wires = [line.rstrip(";").split()[2:] for line in lines if line.startswith("#X connect")]
    assert len(wires) > 40
    assert all(int(a) < len(objects) and int(b) < len(objects) for a, _, b, _ in wires)
    assert all(f"s choreo-{name};" in "\n".join(lines) for name in CONTROL_NAMES)


def test_the_supercollider_patch_listens_to_every_control(repo_root: Path) -> None:
    text = (repo_root / "adapters" / "supercollider" / "choreo.scd").read_text("utf-8")
    assert f"#[{', '.join(CONTROL_NAMES)}]" in text
    assert all(f"{name} = " in text for name in CONTROL_NAMES)  # arguments of the SynthDef, for n_set
