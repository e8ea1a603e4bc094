"""A take played offline: every row is what the core gave, and what is read back from disk is what was played."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from session_samples import some_steps
from shows import PERIOD, make_core

from choreo_pipelines.playing import Played, dump, dump_latents, play, recorded
from choreo_service.clock import NS
from choreo_service.errors import SessionError
from choreo_service.packets import Frame, Latent, SensorPacket
from choreo_service.protocols import Models
from choreo_service.replay import TapeEntry, replay_tape
from choreo_service.schemas import read_table, validate
from choreo_service.session import write_session


def a_tape(ticks: int = 200, performers: int = 1) -> Iterator[TapeEntry]:
    """Two accelerations a tick and performer, noise around gravity."""
    rng = np.random.default_rng(3)
    for k in range(1, ticks + 1):
        t_ns = NS + k * PERIOD
        packets = [
            SensorPacket(
                "acceleration", b, 0, t_ns - late, t_ns - late, None, "test", tuple(rng.normal((0, 0, 9.8), 3))
            )
            for late in (15_000_000, 5_000_000)
            for b in range(performers)
        ]
        yield TapeEntry(k, 1, t_ns, tuple(packets))


class Scripted:
    """All three models in one: every latent is the tick's number, and from tick 50 on every tick fails."""

    def step(self, *arguments: object) -> object:
        first = arguments[0]
        if isinstance(first, Frame):
            if first.k >= 50:
                raise RuntimeError("scripted")
            b = first.performers
            z = np.full((b, 104), first.k, np.float32)
            return Latent(z, np.full(b, 0.5, np.float32), ~first.present)
        if isinstance(first, Latent):
            return first.z + np.float32(0.5)
        return np.full((len(first), 5), 0.25, np.float32)  # type: ignore[arg-type]

    def state(self) -> dict[str, object]:
        return {}

    def load_state(self, state: object) -> None: ...

    def reset(self) -> None: ...


def scripted_models() -> Models:
    part = Scripted()
    return Models("scripted", part, part, part)  # type: ignore[arg-type]


def test_every_row_is_what_the_core_gave() -> None:
    played = play(a_tape(performers=2), make_core(2), name="two", performer=1)
    steps = list(replay_tape(make_core(2), a_tape(performers=2)))
    assert len(played) == len(steps) == 200
    for i, step in enumerate(steps):
        assert played.t_ns[i] == step.frame.t_ns
        np.testing.assert_array_equal(played.features[i], step.frame.features()[1])
        np.testing.assert_array_equal(played.present[i], step.frame.present[1])
        np.testing.assert_array_equal(played.raw[i], step.raw[1])
        np.testing.assert_array_equal(played.controls[i], step.controls[1])
    assert not np.array_equal(played.features, play(a_tape(performers=2), make_core(2), name="two").features)
    assert (played.hz, played.mapper, played.z) == (50.0, "rules", None)


def test_latents_are_kept_and_ticks_without_one_are_nan() -> None:
    played = play(a_tape(120), make_core(models=scripted_models()), name="models")
    assert played.z is not None
    assert played.z_norm is not None
    assert played.filled is not None
    assert played.coherence is not None
    there = np.isfinite(played.z).all(axis=1)
    np.testing.assert_array_equal(there, np.arange(1, 121) < 50)
    np.testing.assert_array_equal(played.z[there, 0], np.arange(1, 50))
    np.testing.assert_array_equal(played.z_norm[there], played.z[there] + 0.5)
    np.testing.assert_array_equal(played.filled[there], ~played.present[there])
    assert not played.filled[~there].any()
    assert np.isnan(played.coherence[~there]).all()
    assert played.mapper == "rules"  # the models played 49 ticks and failed 10, the rules had the rest


def test_a_take_without_a_tick_says_so() -> None:
    with pytest.raises(SessionError, match="empty has no tick"):
        play([], make_core(), name="empty")


@pytest.mark.parametrize("performer", [-1, 1])
def test_a_performer_the_core_has_not_is_refused(performer: int) -> None:
    with pytest.raises(ValueError, match="performer"):
        play(a_tape(2), make_core(), name="one", performer=performer)


def test_a_recorded_take_reads_back_as_it_was_played(tmp_path: Path) -> None:
    steps = list(replay_tape(make_core(2, scripted_models()), a_tape(120, performers=2)))
    meta = {"period_ns": PERIOD, "performers": 2}
    session = write_session(tmp_path / "take", packets=None, steps=steps, meta=meta)
    played = recorded(session, performer=1)
    expected = play(a_tape(120, performers=2), make_core(2, scripted_models()), name="take", performer=1)
    assert played is not None
    assert (played.name, played.hz, played.mapper) == ("take", 50.0, expected.mapper)
    for field in ("t_ns", "features", "present", "raw", "controls", "held", "z", "z_norm", "filled", "coherence"):
        np.testing.assert_array_equal(getattr(played, field), getattr(expected, field), err_msg=field)


def test_skipped_slots_and_a_missing_header_rate_do_not_mislead_the_rate(tmp_path: Path) -> None:
    played = recorded(write_session(tmp_path / "take", packets=None, steps=some_steps(40), meta={}))
    assert played is not None
    assert played.hz == 50.0  # every fifth tick skipped a slot: by counting rows it would be 41.7


def test_a_take_nobody_played_is_none(tmp_path: Path) -> None:
    frames = (step.frame for step in some_steps(10))
    imported = write_session(tmp_path / "frames", packets=None, steps=None, frames=frames, meta={})
    assert recorded(imported) is None
    alone = write_session(tmp_path / "played", packets=None, steps=some_steps(10), meta={})
    assert recorded(alone, performer=1) is None
    assert recorded(alone) is not None


def test_a_dump_holds_every_tick_that_was_played(tmp_path: Path) -> None:
    session = write_session(tmp_path / "take", packets=None, steps=some_steps(40), meta={"period_ns": PERIOD})
    played = recorded(session)
    assert played is not None
    files = dump(played, tmp_path / "out", "show")
    assert [file.name for file in files] == ["show_latent.parquet", "show_controls.parquet"]
    for file, kind in zip(files, ("latents", "controls"), strict=True):
        assert validate(file, kind) == 40
        ours, theirs = read_table(file, kind), session.table(kind)
        for name in ours.column_names:
            if name != "k":
                assert ours.column(name).combine_chunks().slice(1) == theirs.column(name).combine_chunks().slice(1), (
                    name
                )
        k = ours.column("k").to_numpy()
        np.testing.assert_array_equal(k - k[0], theirs.column("k").to_numpy() - theirs.column("k").to_numpy()[0])


def test_ticks_without_a_latent_are_left_out_of_the_dump(tmp_path: Path) -> None:
    played = play(a_tape(120), make_core(models=scripted_models()), name="models")
    assert dump_latents(played, tmp_path / "latent.parquet") == 49


def test_what_the_rules_played_has_no_latents_to_dump(tmp_path: Path) -> None:
    played = play(a_tape(5), make_core(), name="rules")
    assert [file.name for file in dump(played, tmp_path, "rules")] == ["rules_controls.parquet"]
    with pytest.raises(ValueError, match="no latent"):
        dump_latents(played, tmp_path / "latent.parquet")


def test_a_folder_that_is_a_file_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(SessionError) as caught:
        dump(_played(), tmp_path / "taken", "show")
    assert "choose a folder" in caught.value.fix


def _played() -> Played:
    return play(a_tape(5), make_core(), name="rules")
