"""Backups of a configuration: what a person wrote is never replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from choreo_service import disk
from choreo_service.service.backups import MOST, back_up


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "local.yaml"
    path.write_text("now")
    path.chmod(0o640)
    return path


def beside(path: Path) -> dict[str, str]:
    return {other.name: other.read_text() for other in path.parent.iterdir() if other != path}


def test_the_first_stays_and_later_ones_are_numbered(path: Path) -> None:
    names = [back_up(path, text.encode()).name for text in ("mine", "mine", "second", "third", "third", "mine")]
    bak = "local.yaml.bak"
    assert names == [bak, bak, f"{bak}_2", f"{bak}_3", f"{bak}_3", f"{bak}_4"]
    assert beside(path) == {bak: "mine", f"{bak}_2": "second", f"{bak}_3": "third", f"{bak}_4": "mine"}
    assert (path.parent / bak).stat().st_mode & 0o777 == 0o640


def test_one_made_by_hand_and_a_link_stay_as_they_are(path: Path) -> None:
    bak = path.parent / "local.yaml.bak"
    bak.symlink_to(path)
    assert back_up(path, b"now").name == "local.yaml.bak_2"  # the link would show what comes next
    assert bak.is_symlink()
    bak.unlink()
    (path.parent / "local.yaml.bak_2").unlink()
    bak.write_text("by hand")
    (path.parent / "local.yaml.bak_old").write_text("by hand too")
    back_up(path, b"now")
    assert beside(path) == {
        "local.yaml.bak": "by hand",
        "local.yaml.bak_old": "by hand too",
        "local.yaml.bak_2": "now",
    }


def test_the_oldest_numbered_ones_go_first(path: Path) -> None:
    for number in range(1, MOST + 4):
        back_up(path, f"{number}".encode())
    kept = [f"local.yaml.bak_{number}" for number in range(4, MOST + 4)]
    assert sorted(beside(path)) == sorted(["local.yaml.bak", *kept])
    assert beside(path)["local.yaml.bak"] == "1"


def test_a_disk_that_is_full_leaves_no_empty_backup(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        back_up(path, b"now")
    assert beside(path) == {}
