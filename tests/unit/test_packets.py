"""Packets survive the way to plain data and back; the tables agree with each other."""

import json
from dataclasses import replace

import numpy as np
import pytest

from choreo_service.packets import (
    CONTROL_NAMES,
    CONTROLS,
    FEATURE_COLUMNS,
    LATENT_DIM,
    MODALITIES,
    STREAMS,
    Accent,
    ControlPacket,
    Frame,
    LatentPacket,
    SensorPacket,
    Step,
    TempoPacket,
)


def make_step() -> Step:
    b = 2
    frame = Frame(
        k=7,
        dk=1,
        t_ns=140,
        motion=np.arange(12, dtype=np.float32).reshape(b, 6),
        heart=np.full((b, 2), 80, dtype=np.float32),
        beat=np.zeros((b, 2), dtype=np.float32),
        context=np.full((b, 1), 0.5, dtype=np.float32),
        state=np.array([[0, 3, 1, 2]] * b, dtype=np.uint8),
        age_s=np.full((b, 4), 0.25, dtype=np.float32),
    )
    z = np.zeros((b, LATENT_DIM), dtype=np.float32)
    latent = LatentPacket(7, 140, z, z + 1, np.ones(b, dtype=np.float32), np.zeros((b, 4), dtype=np.bool_))
    raw = np.full((b, 5), 0.5, dtype=np.float32)
    return Step(frame, latent, raw, raw, held=False, mapper="rules", timings_ns={"frame": 5})


def test_every_packet_survives_json() -> None:
    step = make_step()
    sensor = SensorPacket("acceleration", 0, 3, 10, 9, None, "phone:192.0.2.7", (0.1, -0.2, 9.81))
    control = ControlPacket.of(7, 140, 1, (1.0, 0.2, 0.3, 0.4, 0.5), held=True)
    tempo = TempoPacket(140, 120.0, 2.5, "body", "self", "body", None)
    accent = Accent(1, 3, 10, 9, 0.75)
    for packet in (sensor, control, tempo, accent):
        assert type(packet).from_dict(json.loads(json.dumps(packet.to_dict()))) == packet
    for packet in (step, step.frame, step.latent):
        assert packet is not None
        again = type(packet).from_dict(json.loads(json.dumps(packet.to_dict())))
        assert again.to_dict() == packet.to_dict()
    again = Step.from_dict(replace(step, tempo=tempo).to_dict())
    assert (again.frame.motion.dtype, again.tempo) == (np.float32, tempo)


def test_infinity_becomes_null_and_comes_back_as_nan() -> None:
    step = make_step()
    step.frame.age_s[0, 1] = np.inf
    data = json.loads(json.dumps(step.frame.to_dict(), allow_nan=False))
    assert data["age_s"][0][1] is None
    assert np.isnan(Frame.from_dict(data).age_s[0, 1])


def test_unknown_and_missing_keys_are_named() -> None:
    data = ControlPacket.of(1, 2, 0, (0, 0, 0, 0, 0)).to_dict()
    data["loudness"] = data.pop("density")
    with pytest.raises(ValueError, match=r"unknown keys \['loudness'\], missing keys \['density'\]"):
        ControlPacket.from_dict(data)


def test_a_control_packet_takes_exactly_five_values() -> None:
    with pytest.raises(ValueError, match="argument"):
        ControlPacket.of(1, 2, 0, (0.1, 0.2))


def test_the_tables_agree() -> None:
    assert CONTROL_NAMES == ("tempo_scale", "density", "tension", "brightness", "fx_send")
    assert len(FEATURE_COLUMNS) == 11
    covered = sorted(i for m in MODALITIES.values() for i in range(LATENT_DIM)[m.latent])
    assert covered == list(range(LATENT_DIM))
    for modality in MODALITIES.values():
        assert len(modality.columns) == len(modality.units)
        assert 0 < modality.hold_after_s < modality.missing_after_s
    for stream in STREAMS.values():
        assert stream.modality in {*MODALITIES, ""}
    for control in CONTROLS.values():
        assert control.lo <= control.safe <= control.hi
        assert control.lo <= control.neutral <= control.hi
    # SPEC section 7: these two carry the beat, their smoothing is latency
    assert CONTROLS["density"].smooth_s <= 0.030
    assert CONTROLS["fx_send"].smooth_s <= 0.030


def test_features_stand_in_the_order_of_the_columns() -> None:
    features = make_step().frame.features()
    assert features.shape == (2, len(FEATURE_COLUMNS))
    assert features[0, FEATURE_COLUMNS.index("hr")] == 80
    assert features[1, FEATURE_COLUMNS.index("motion_energy")] == 6
