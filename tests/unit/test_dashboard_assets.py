"""The pages' files: what is vendored is what was published, what is linked exists, all is light and in the wheel."""

from __future__ import annotations

import gzip
import hashlib
import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

from choreo_service.dashboard.assets import STATIC, VIEWS, load_assets

# sha256 of dist/uPlot.iife.min.js, dist/uPlot.min.css and LICENSE in the npm package uplot 1.6.32
VENDORED: Final = {
    "uplot-1.6.32.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uplot-1.6.32.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "uplot-LICENSE.md": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}
SCRIPTS: Final = sorted(path for path in STATIC.rglob("*.js") if "vendor" not in path.parts)
IMPORTED: Final = re.compile(r"(?:from|import)\s*\(?\s*[\"'](\.[^\"']+)[\"']")
HTML: Final = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function")


def test_vendored_files_are_as_published() -> None:
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (STATIC / "vendor").iterdir()}
    assert found == VENDORED


def test_everything_together_is_light() -> None:
    assets = load_assets()
    unpacked = sum(len(asset.body) for path, asset in assets.items() if path not in VIEWS)
    packed = sum(len(asset.packed) for path, asset in assets.items() if path not in VIEWS)
    print(f"all pages: {packed / 1e3:.0f} kB sent, {unpacked / 1e3:.0f} kB unpacked")
    assert packed < 150_000  # all of them, over a stage's network; Live alone: tests/peers/pages/test_cost.py
    assert all(gzip.decompress(asset.packed) == asset.body for asset in assets.values())


@pytest.mark.parametrize("view", sorted((STATIC / "views").glob("*.js")), ids=lambda path: path.stem)
def test_each_page_is_light_unpacked_too(view: Path) -> None:
    """A page loads at most everything that is no page, itself, and the other pages' files that it imports."""
    own = {view} | {(view.parent / name).resolve() for name in IMPORTED.findall(view.read_text("utf-8"))}
    shared = {path for path in STATIC.rglob("*") if path.is_file() and path.parent.name != "views"}
    assert sum(path.stat().st_size for path in shared | own) < 150_000


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_what_a_script_imports_is_served(script: Path) -> None:
    served = set(load_assets())
    for name in IMPORTED.findall(script.read_text("utf-8")):
        target = (script.parent / name).resolve().relative_to(STATIC)
        assert f"/static/{target.as_posix()}" in served, name


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_build_pages_from_elements_never_from_html(script: Path) -> None:
    """Names of adapters, sources and errors come from anywhere; as text they can't do anything."""
    assert not HTML.search(script.read_text("utf-8"))


def test_pages_name_no_other_host() -> None:
    for path in STATIC.rglob("*.*"):
        if "vendor" not in path.parts:
            assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)[\w.]+", path.read_text("utf-8")), path


def test_the_views_linked_are_the_views_served() -> None:
    linked = re.findall(r'^  "(/\w*)": \[', (STATIC / "app.js").read_text("utf-8"), re.MULTILINE)
    assert tuple(linked) == VIEWS


def test_the_wheel_takes_the_pages_along(repo_root: Path) -> None:
    settings = tomllib.loads((repo_root / "pyproject.toml").read_text("utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["choreo_service"]
    package = repo_root / "choreo_service"
    packed = {path for pattern in patterns for path in package.glob(pattern)}
    assert {path for path in STATIC.rglob("*") if path.is_file()} <= packed
