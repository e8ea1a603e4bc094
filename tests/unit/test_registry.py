"""Adapters by entry point: listed without import, errors that name the package, a broken one harms nobody else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import pytest

from choreo_service import registry
from choreo_service.errors import ConfigError

GOOD: Final = """
from pydantic import BaseModel
class Good:
    class Config(BaseModel): pass
    async def run(self): pass
class NoConfig:
    async def run(self): pass
class NoRun:
    class Config(BaseModel): pass
function = lambda: None
"""


class Site:
    """A folder on sys.path into which tests install packages the way pip does."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def install(self, name: str, version: str, module: str, source: str, **sensors: str) -> None:
        (self._root / f"{module}.py").write_text(source)
        info = self._root / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [f"{adapter} = {target}" for adapter, target in sensors.items()]
        (info / "entry_points.txt").write_text("\n".join(["[choreo.sensors]", *lines, ""]))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.syspath_prepend(str(tmp_path))
    return Site(tmp_path)


def test_the_built_in_adapters_are_all_there_and_load() -> None:
    assert set(registry.sensors()) >= {"osc_motion", "session_replay", "synthetic"}
    assert set(registry.bridges()) >= {"console", "midi_cc", "midi_ws", "null", "osc_out"}
    for entry in (*registry.sensors().values(), *registry.bridges().values()):
        assert entry.distribution == "choreo-service"
        assert entry.load().Config


def test_a_third_partys_adapter_comes_in_by_the_same_door(site: Site) -> None:
    site.install("choreo-myo", "2.5", "choreo_myo_a", GOOD, myo="choreo_myo_a:Good")
    entry = registry.find("sensor", "myo")
    assert (entry.distribution, entry.version, entry.target) == ("choreo-myo", "2.5", "choreo_myo_a:Good")
    assert "choreo_myo_a" not in sys.modules  # listing imports nothing
    assert entry.load().__name__ == "Good"


def test_an_unknown_name_lists_what_there_is_and_suggests() -> None:
    with pytest.raises(ConfigError) as caught:
        registry.find("bridge", "midi_c")
    assert "unknown bridge type 'midi_c'" in caught.value.problem
    assert "osc_out (choreo-service " in caught.value.problem
    assert caught.value.fix == "write type: midi_cc"


def test_two_packages_with_one_name_are_both_named(site: Site) -> None:
    site.install("choreo-one", "1.0", "choreo_one_b", GOOD, twin="choreo_one_b:Good")
    site.install("choreo-two", "2.0", "choreo_two_b", GOOD, twin="choreo_two_b:Good")
    with pytest.raises(ConfigError) as caught:
        registry.sensors()
    assert "choreo-one 1.0" in caught.value.problem
    assert "choreo-two 2.0" in caught.value.problem
    assert "pip uninstall choreo-" in caught.value.fix
    assert registry.bridges()  # the other kind is not concerned


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("1 / 0", "ZeroDivisionError"),
        ("raise SystemExit('bye')", "SystemExit: bye"),
        ("x = ", "SyntaxError"),
        ("", "AttributeError"),
    ],
)
def test_a_broken_plug_in_names_its_package_and_cause_and_leaves_the_others_usable(
    site: Site, source: str, cause: str, request: pytest.FixtureRequest
) -> None:
    module = f"choreo_broken_{abs(hash(request.node.name))}"
    site.install("choreo-broken", "0.1", module, source, broken=f"{module}:Broken")
    assert "broken" in registry.sensors()
    with pytest.raises(ConfigError) as caught:
        registry.find("sensor", "broken").load()
    assert "choreo-broken 0.1" in caught.value.problem
    assert cause in caught.value.problem
    assert registry.find("sensor", "synthetic").load()


@pytest.mark.parametrize(
    ("attribute", "lack"),
    [("NoConfig", "no pydantic `Config`"), ("NoRun", "no method run()"), ("function", "no class")],
)
def test_what_is_no_adapter_is_refused_with_what_it_lacks(site: Site, attribute: str, lack: str) -> None:
    module = f"choreo_odd_{attribute.lower()}"
    site.install("choreo-odd", "1", module, GOOD, odd=f"{module}:{attribute}")
    with pytest.raises(ConfigError) as caught:
        registry.find("sensor", "odd").load()
    assert lack in caught.value.problem
