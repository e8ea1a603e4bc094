"""The JSON Schema and the TypeScript types are fresh, and real packets are what they say."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from choreo_service.dashboard import wire_types
from choreo_service.packets import (
    CONTROL_NAMES,
    LATENT_DIM,
    MODALITY_NAMES,
    STREAMS,
    ControlPacket,
    Frame,
    LatentPacket,
    SensorPacket,
    Step,
)

_IS = {
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "array": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, dict),
}


def mismatches(value: Any, node: Mapping[str, Any], root: Mapping[str, Any], at: str = "$") -> list[str]:
    """Where `value` is not what the schema says, for the keywords our generator uses."""
    if "$ref" in node:
        return mismatches(value, root["$defs"][node["$ref"].rsplit("/", 1)[-1]], root, at)
    if "anyOf" in node:
        found = [mismatches(value, option, root, at) for option in node["anyOf"]]
        return [] if [] in found else [f"{at}: none of the options"]
    kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
    if not any(_IS[kind](value) for kind in kinds):
        return [f"{at}: {value!r:.30} is no {kinds}"]
    out = [f"{at}: {value!r} not in enum"] if value not in node.get("enum", [value]) else []
    if isinstance(value, list):
        if not node.get("minItems", 0) <= len(value) <= node.get("maxItems", math.inf):
            out.append(f"{at}: {len(value)} items")
        return out + [m for i, v in enumerate(value) for m in mismatches(v, node["items"], root, f"{at}[{i}]")]
    if isinstance(value, dict):
        known = node.get("properties", {})
        out += [f"{at}: missing {key}" for key in node.get("required", []) if key not in value]
        for key, item in value.items():
            below = known.get(key, node.get("additionalProperties"))
            out += [f"{at}: unknown {key}"] if not below else mismatches(item, below, root, f"{at}.{key}")
    return out


def _frame(performers: int) -> Frame:
    rng = np.random.default_rng(1)
    widths = {"motion": 6, "heart": 2, "beat": 2, "context": 1}
    features = {n: rng.random((performers, w)).astype(np.float32) for n, w in widths.items()}
    age = np.full((performers, 4), np.inf, np.float32)
    return Frame(k=3, dk=1, t_ns=60_000_000, state=np.full((performers, 4), 3, np.uint8), age_s=age, **features)


def _latent(performers: int) -> LatentPacket:
    z = np.ones((performers, LATENT_DIM), np.float32)
    return LatentPacket(3, 60_000_000, z, z, np.ones(performers, np.float32), np.zeros((performers, 4), np.bool_))


def _step(latent: LatentPacket | None) -> Step:
    positions = np.full((2, len(CONTROL_NAMES)), 0.5, np.float32)
    return Step(_frame(2), latent, positions, positions, held=False, mapper="rules", timings_ns={"frame": 1200})


PACKETS = [
    SensorPacket("acceleration", 0, 1, 5, 4, None, "phone:1", (0.1, 9.8, 0.0)),
    SensorPacket("rr_interval", 0, 1, 5, 4, 77, "strap", (0.8,)),
    _frame(1),
    _frame(3),
    _latent(2),
    ControlPacket(3, 60_000_000, 0, 1.02, 0.3, 0.5, 0.5, 0.2),
    _step(None),
    _step(_latent(2)),
]


@pytest.mark.parametrize("packet", PACKETS, ids=lambda p: type(p).__name__)
def test_a_real_packet_is_what_the_schema_says(packet: Any) -> None:
    schema = wire_types.json_schema()
    data = json.loads(json.dumps(packet.to_dict(), allow_nan=False))
    assert mismatches(data, schema["$defs"][type(packet).__name__], schema) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stream": "smell"}, "not in enum"),
        ({"seq": 1.5}, "is no ['integer']"),
        ({"values": [None]}, "is no ['number']"),
        ({"extra": 1}, "unknown extra"),
    ],
    ids=str,
)
def test_a_wrong_packet_is_not(change: dict[str, Any], said: str) -> None:
    schema = wire_types.json_schema()
    data = PACKETS[0].to_dict() | change  # type: ignore[attr-defined]
    assert said in "".join(mismatches(data, schema["$defs"]["SensorPacket"], schema))


def test_a_frame_of_wrong_width_is_refused() -> None:
    schema = wire_types.json_schema()
    data = _frame(1).to_dict()
    data["motion"][0].append(0.0)
    assert mismatches(data, schema["$defs"]["Frame"], schema) == ["$.motion[0]: 7 items"]


def test_the_generated_files_are_fresh() -> None:
    assert wire_types.stale() == [], "run: python -m choreo_service.dashboard.wire_types --write"


def test_check_and_write_do_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_types, "FOLDER", tmp_path)
    assert wire_types.main(["--check"]) == 1
    assert wire_types.main(["--write"]) == 0
    assert wire_types.main(["--check"]) == 0
    (tmp_path / "packets.d.ts").write_text("changed by hand")
    assert wire_types.main(["--check"]) == 1
    assert wire_types.main(["--wrote"]) == 2


def test_units_and_shapes_beside_the_fields_reach_the_reader() -> None:
    frame = wire_types.json_schema()["$defs"]["Frame"]["properties"]
    assert frame["t_ns"]["description"] == "ns, due time of the tick"
    assert frame["state"]["description"].startswith("[B, 4]")
    assert "description" not in wire_types.json_schema()["$defs"]["ControlPacket"]["properties"]["density"]


def test_the_tables_travel_with_the_types() -> None:
    tables = wire_types.tables()
    assert list(tables["MODALITIES"]) == list(MODALITY_NAMES)
    assert tables["MODALITIES"]["heart"]["latent"] == [64, 80]
    declared = wire_types.files()[wire_types.FOLDER / "packets.d.ts"]
    for name in (*STREAMS, *CONTROL_NAMES):
        assert f'"{name}"' in declared
    for cls in wire_types.PACKETS:
        assert f"export interface {cls.__name__} {{" in declared
