"""M2: exact running statistics, a prior that weighs less and less, a slow memory, and nothing that poisons it."""

from __future__ import annotations

import numpy as np
import pytest
from model_samples import MEAN, SD, dancing, through_json

from choreo_models.inference.standardise import LIMIT, FeatureScaler
from choreo_models.normaliser import PRIOR_FRAMES, SD_FLOOR, SETTLE_FRAMES, LatentNormalizer
from choreo_service.bodies import MOVING, Body, Range, Soundcheck
from choreo_service.packets import FEATURE_COLUMNS, MODALITIES

ENERGY = FEATURE_COLUMNS.index("motion_energy")
MOTION, HEART = slice(0, 6), slice(6, 8)


def samples(count: int, *, rows: int = 2, d: int = 3, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal([1.0, -4.0, 100.0][:d], [2.0, 0.5, 30.0][:d], (count, rows, d))


def fed(normaliser: LatentNormalizer, x: np.ndarray, **how: float) -> LatentNormalizer:
    for row in x:
        normaliser.update(row, **how)
    return normaliser


def fresh(rows: int = 2, d: int = 3, *, prior: float = 0.0, **how: float) -> LatentNormalizer:
    """Without the prior's weight unless given: the statistics are then those of the samples alone."""
    return LatentNormalizer(np.zeros(d), np.ones(d), rows=rows, prior=prior, **how)


def test_through_the_soundcheck_the_statistics_are_those_of_all_frames() -> None:
    x = samples(800)
    normaliser = fed(fresh(), x)
    assert normaliser.mean == pytest.approx(x.mean(axis=0), rel=1e-9)
    assert normaliser.sd == pytest.approx(x.std(axis=0), rel=1e-9)


@pytest.mark.parametrize("count", [1, 200, 4000])
def test_the_prior_weighs_as_much_as_its_frames(count: int) -> None:
    x = samples(count)
    normaliser = fed(fresh(prior=PRIOR_FRAMES), x)
    share = count / (count + PRIOR_FRAMES)
    assert normaliser.mean == pytest.approx(share * x.mean(axis=0), rel=1e-9)
    assert normaliser.sd**2 == pytest.approx(share * x.var(axis=0) + (1 - share), rel=1e-9)


def test_a_fresh_one_is_the_prior() -> None:
    normaliser = LatentNormalizer([2.0], [4.0])
    assert normaliser.apply([[10.0]]).tolist() == [[2.0]]
    assert normaliser.apply([[10.0]]).dtype == np.float32


def test_after_the_soundcheck_new_frames_count_little() -> None:
    normaliser = fed(fresh(1, 1), samples(int(SETTLE_FRAMES), rows=1, d=1))
    before = float(normaliser.mean[0, 0])
    moved = float(fed(normaliser, np.full((3000, 1, 1), before + 1.0)).mean[0, 0]) - before
    assert moved == pytest.approx(1.0 - np.exp(-3000 / 45_000), rel=1e-3)  # Welford would have gone to 0.4


def test_an_infinite_memory_freezes_by_itself_and_freeze_at_once() -> None:
    endless = fed(fresh(1, 1, settle=600.0, memory=float("inf")), samples(600, rows=1, d=1))
    stopped = fed(fresh(1, 1), samples(100, rows=1, d=1))
    stopped.freeze()
    for normaliser in (endless, stopped):
        before = normaliser.mean
        fed(normaliser, np.full((100, 1, 1), 1e6))
        assert normaliser.mean.tolist() == before.tolist()


def test_reset_is_the_prior_again_and_learns_again() -> None:
    normaliser = fed(fresh(), samples(900))
    normaliser.freeze()
    normaliser.reset()
    assert normaliser.mean.tolist() == np.zeros((2, 3)).tolist()
    assert fed(normaliser, samples(900)).mean == pytest.approx(fed(fresh(), samples(900)).mean)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_never_enters_and_spoils_no_neighbour(bad: float) -> None:
    x = samples(800)
    dirty = x.copy()
    dirty[::3, 0, 1] = bad
    normaliser = fed(fresh(), dirty)
    expected = fed(fresh(), x).mean
    expected[0, 1] = np.delete(x[:, 0, 1], np.s_[::3]).mean()
    assert normaliser.mean == pytest.approx(expected, rel=1e-9)
    assert np.isfinite(normaliser.sd).all()


def test_every_element_learns_by_its_own_mask() -> None:
    x, rng = samples(1500), np.random.default_rng(3)
    teaches = rng.random(x.shape) < 0.6
    normaliser = fresh()
    for row, mask in zip(x, teaches, strict=True):
        normaliser.update(row, mask)
    expected = np.array([[x[teaches[:, r, c], r, c].mean() for c in range(3)] for r in range(2)])
    assert normaliser.mean == pytest.approx(expected, rel=1e-9)


def test_performers_do_not_hear_each_other() -> None:
    x = samples(700)
    together, alone = fed(fresh(), x), fed(fresh(1), x[:, :1])
    assert together.mean[:1].tolist() == alone.mean.tolist()
    assert together.sd[:1].tolist() == alone.sd.tolist()


def test_a_frame_that_stands_for_several_is_several() -> None:
    x = samples(400)
    once = fed(fresh(), np.repeat(x, 4, axis=0))
    weighted = fed(fresh(), x, frames=4.0)
    assert weighted.mean == pytest.approx(once.mean, rel=1e-9)
    assert weighted.sd == pytest.approx(once.sd, rel=1e-9)


def test_silence_does_not_turn_noise_into_full_swing() -> None:
    normaliser = fed(LatentNormalizer([0.0], [3.0], prior=0.0), np.full((2000, 1, 1), 7.0))
    assert normaliser.sd.tolist() == pytest.approx(np.array([[SD_FLOOR * 3.0]]))
    assert float(normaliser.apply([[7.3]])[0, 0]) == pytest.approx(0.5, rel=1e-5)


def test_a_saved_state_goes_on_with_the_same_bytes() -> None:
    x = samples(1200)
    whole = fed(fresh(settle=500.0), x)
    halfway = fed(fresh(settle=500.0), x[:600])
    resumed = fresh(settle=500.0)
    resumed.load_state_dict(through_json(halfway.state_dict()))
    fed(resumed, x[600:])
    assert resumed.apply(x[0]).tobytes() == whole.apply(x[0]).tobytes()
    assert resumed.mean.tobytes() == whole.mean.tobytes()


def test_a_saved_state_shares_nothing_and_remembers_the_freeze() -> None:
    normaliser = fed(fresh(), samples(50))
    normaliser.freeze()
    state, before = normaliser.state_dict(), normaliser.mean
    state["mean"][:] = 99.0
    assert normaliser.mean.tolist() == before.tolist()
    other = fresh()
    other.load_state_dict(normaliser.state_dict())
    assert fed(other, samples(50, seed=1)).mean.tolist() == before.tolist()


def test_a_state_of_another_shape_or_with_a_hole_is_refused_and_changes_nothing() -> None:
    normaliser = fed(fresh(), samples(50))
    before = normaliser.mean
    with pytest.raises(ValueError, match=r"count: expected \[2, 3\], found \[1, 3\]"):
        normaliser.load_state_dict(fresh(1).state_dict())
    with pytest.raises(KeyError, match="var"):
        normaliser.load_state_dict({k: v for k, v in normaliser.state_dict().items() if k != "var"})
    assert normaliser.mean.tolist() == before.tolist()


@pytest.mark.parametrize(
    ("mean", "sd"),
    [([0.0], [0.0]), ([0.0], [-1.0]), ([np.nan], [1.0]), ([0.0], [np.inf]), ([0.0], [1.0, 1.0]), (0.0, 1.0)],
)
def test_a_prior_that_cannot_be_is_refused(mean: object, sd: object) -> None:
    with pytest.raises(ValueError, match="prior: expected"):
        LatentNormalizer(mean, sd)  # type: ignore[arg-type]


def test_standing_still_teaches_nothing_about_how_one_moves_but_the_heart_goes_on() -> None:
    scaler = FeatureScaler(MEAN, SD, performers=1)
    everything = np.ones((1, len(MODALITIES)), np.bool_)
    still = np.zeros((1, len(FEATURE_COLUMNS)), np.float32)
    still[0, ENERGY], still[0, 6] = MOVING - 0.01, 60.0
    for _ in range(1000):
        scaler.step(still, everything, 1.0)
    statistics = scaler.statistics
    assert statistics.mean[0, MOTION] == pytest.approx(MEAN[MOTION])
    share = 1000 / (1000 + PRIOR_FRAMES)
    assert statistics.mean[0, 6] == pytest.approx(share * 60.0 + (1 - share) * MEAN[6])
    still[0, ENERGY] = MOVING
    scaler.step(still, everything, 1.0)
    assert statistics.mean[0, ENERGY] < MEAN[ENERGY]


def test_features_come_out_on_the_performers_own_scale() -> None:
    x = dancing(3000, seed=2)[:, 0]
    x[:, MOTION] = 3.0 * x[:, MOTION]  # a performer three times as wild as those of the training
    scaler = FeatureScaler(MEAN, SD, performers=1)
    everything = np.ones((1, len(MODALITIES)), np.bool_)
    z = np.concatenate([scaler.step(row[None], everything, 1.0) for row in x])
    moving = x[:, ENERGY] >= MOVING
    own = x[moving, ENERGY].astype(np.float64)
    share = len(own) / (len(own) + PRIOR_FRAMES)
    mean = share * own.mean() + (1 - share) * MEAN[ENERGY]
    expected = (own - mean) / np.sqrt(share * own.var() + (1 - share) * SD[ENERGY] ** 2)
    assert z[moving][-1, ENERGY] == pytest.approx(expected[-1], abs=1e-3)
    assert z[:, 8:10].tolist() == x[:, 8:10].tolist()  # the beat as it is
    assert z[:, 10] == pytest.approx((x[:, 10] - 0.5) / 0.29, rel=1e-5)


def test_a_knock_is_limited_and_a_missing_modality_is_the_average() -> None:
    scaler = FeatureScaler(MEAN, SD, performers=1)
    x = MEAN[None].copy()
    x[0, ENERGY], x[0, 6] = 1e6, np.nan
    z = scaler.step(x, np.array([[True, False, True, True]]), 1.0)
    assert z[0, ENERGY] == LIMIT
    assert z[0, HEART].tolist() == [0.0, 0.0]


def test_what_is_known_counts_as_a_soundcheck_that_is_over() -> None:
    known = fresh(2, 2, settle=600.0, prior=500.0, memory=float("inf"))
    known.know(1, [3.0, np.nan], [2.0, np.nan], frames=300.0)
    own = 300.0 / 800.0
    assert known.mean.tolist() == [[0.0, 0.0], [pytest.approx(3.0 * own), 0.0]]
    assert known.sd[1].tolist() == pytest.approx([np.sqrt(1 + own * 3.0), 1.0])
    before = known.mean
    fed(known, np.full((700, 2, 2), 5.0))
    assert known.mean[1, 0] == before[1, 0]  # frozen
    assert known.mean[1, 1] > 2.0  # unknown, so it learns
    assert known.mean[0, 0] > 2.0


def test_a_new_beginning_cross_fades_and_ends_at_what_a_newcomer_would_have() -> None:
    fade, x = 200, samples(600, rows=2, d=1, seed=4)
    renewed, other = fed(fresh(2, 1), np.full((900, 2, 1), 7.0)), fed(fresh(2, 1), np.full((900, 2, 1), 7.0))
    at = [float(renewed.mean[0, 0])]
    renewed.renew(0, fade)
    at.append(float(renewed.mean[0, 0]))
    for row in x:
        renewed.update(row)
        other.update(row)
        at.append(float(renewed.mean[0, 0]))
    assert at[1] == at[0]
    assert np.abs(np.diff(at)).max() < 2.0 * np.ptp(at) / fade + 0.05
    newcomer = fed(fresh(2, 1), x)
    assert renewed.mean[0].tolist() == newcomer.mean[0].tolist()
    assert renewed.sd[0].tolist() == newcomer.sd[0].tolist()
    assert renewed.mean[1].tolist() == other.mean[1].tolist()  # nobody else notices


def test_a_cross_fade_goes_on_while_nobody_moves_and_through_a_saved_state() -> None:
    renewed = fed(fresh(1, 1), np.full((900, 1, 1), 7.0))
    renewed.renew(0, 100)
    for _ in range(60):
        renewed.update([[np.nan]])
    resumed = fresh(1, 1)
    resumed.load_state_dict(through_json(renewed.state_dict()))
    assert resumed.mean.tolist() == renewed.mean.tolist()
    for _ in range(40):
        renewed.update([[np.nan]])
        resumed.update([[np.nan]])
    assert resumed.mean.tolist() == renewed.mean.tolist() == [[0.0]]


def test_a_soundcheck_freezes_the_scale_where_that_is_asked_for() -> None:
    everything = np.ones((1, len(MODALITIES)), np.bool_)
    x = dancing(6000, seed=3)[:, 0]
    x[:, ENERGY] = np.maximum(x[:, ENERGY], MOVING)
    scalers = [FeatureScaler(MEAN, SD, performers=1, soundcheck=Soundcheck(freezes=freezes)) for freezes in (1, 0)]
    for row in x[:4600]:
        for scaler in scalers:
            scaler.step(row[None], everything, 1.0)
    before = [scaler.statistics.mean for scaler in scalers]
    for row in x[4600:]:
        for scaler in scalers:
            scaler.step(3.0 * row[None], everything, 1.0)  # a section three times as loud
    frozen, following = ((s.statistics.mean - b)[0, MOTION] for s, b in zip(scalers, before, strict=True))
    assert frozen.tolist() == [0.0] * len(frozen)
    assert following[ENERGY] > 0.0


def test_a_calibrated_gate_decides_who_stands_still() -> None:
    subtle = Body("subtle", 0.1, {"motion_energy": Range(0.3, 0.1)}, frames=2500.0)
    scaler = FeatureScaler(MEAN, SD, performers=2, soundcheck=Soundcheck((subtle,)))
    own = 2500.0 / (2500.0 + PRIOR_FRAMES)
    assert scaler.statistics.mean[:, ENERGY] == pytest.approx([own * 0.3 + (1 - own) * MEAN[ENERGY], MEAN[ENERGY]])
    x = np.repeat(MEAN[None], 2, axis=0)
    x[:, ENERGY] = 0.2  # a movement to one of them, stillness to the other
    before = scaler.statistics.mean[:, ENERGY]
    for _ in range(100):
        scaler.step(x, np.ones((2, len(MODALITIES)), np.bool_), 1.0)
    after = scaler.statistics.mean[:, ENERGY]
    assert after[0] != before[0]
    assert after[1] == before[1]
