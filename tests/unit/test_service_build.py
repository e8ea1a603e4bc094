"""Settings become parts that agree with each other."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from choreo_service.clock import VirtualClock
from choreo_service.config import load_settings
from choreo_service.service.build import build_paths, build_service
from choreo_service.service.playing import build_core


def load(repo_root: Path, *overrides: str):  # type: ignore[no-untyped-def]
    return load_settings(home=repo_root, overrides=overrides, environ={})


def test_every_control_gets_its_path_from_the_map_and_the_output_settings(repo_root: Path) -> None:
    loaded = load(repo_root, "output.throttle_ms=40", "output.change_threshold=0.01")
    paths = build_paths(loaded.control_map, loaded.settings.output)
    density, tempo = paths["density"], paths["tempo_scale"]
    assert (density.throttle_ns, density.threshold, density.ease_s) == (40_000_000, 0.01, 0.0)
    assert (tempo.wire.lo, tempo.wire.hi, tempo.ease_curve, tempo.ease_s) == (0.88, 1.12, "s-curve", 0.2)


@pytest.mark.parametrize(("overrides", "seats"), [((), 3), (("sensors.phone.performers=2",), 2)])
def test_a_sensor_serves_all_performers_unless_told_otherwise(
    repo_root: Path, overrides: tuple[str, ...], seats: int
) -> None:
    service = build_service(load(repo_root, "engine.performers=3", *overrides), VirtualClock())
    assert service.core.performers == 3
    assert service.sensors["phone"]._config.performers == seats  # type: ignore[attr-defined]


def test_a_core_is_built_with_the_period_asked_for(repo_root: Path) -> None:
    assert build_core(load(repo_root, "engine.period_ms=12.5")).period_ns == 12_500_000


class _Door:
    def health(self) -> dict[str, str]:
        return {"state": "no-midi", "notice": "ml.txt is kept as ml.txt.damaged"}


def test_what_a_door_found_is_logged_once(repo_root: Path) -> None:
    service = build_service(load(repo_root), VirtualClock())
    service.doors["knobs"] = _Door()  # type: ignore[assignment]
    with capture_logs() as logs:
        for _ in range(3):
            service.watch._notices()
    assert [(line["event"], line["door"], line["notice"]) for line in logs] == [
        ("door.notice", "knobs", "ml.txt is kept as ml.txt.damaged")
    ]
