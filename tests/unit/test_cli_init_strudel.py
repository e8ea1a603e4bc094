"""`choreo init strudel` prints what can be pasted: the user's port, channels and controllers, by MIDI or WebSocket."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from choreo_service.cli import choreo
from choreo_service.cli.failure import exit_code_of
from choreo_service.packets import CONTROL_NAMES
from choreo_service.strudel import PATCHES


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, repo_root: Path) -> None:
    monkeypatch.setenv("CHOREO_HOME", str(repo_root))


def _printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    assert exit_code_of(choreo, ["init", "strudel", *arguments]) == 0
    printed = capsys.readouterr()
    return printed.out, printed.err


@pytest.mark.parametrize("name", PATCHES)
def test_the_built_in_settings_print_the_patch_as_its_readme_shows_it(
    capsys: pytest.CaptureFixture[str], repo_root: Path, name: str
) -> None:
    out, _ = _printed(capsys, name)
    folder = repo_root / "adapters" / "strudel" / name
    assert out == (folder / "patch.js").read_text("utf-8")
    assert f"```js\n{out}```\n" in (folder / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", PATCHES)
def test_a_patch_uses_all_controls_and_only_safe_idioms(capsys: pytest.CaptureFixture[str], name: str) -> None:
    out, _ = _printed(capsys, name)
    assert [int(n) for n in re.findall(r"cc\((\d+)\)", out)] == [20, 21, 22, 23, 24]
    assert "MIT licence" in out
    code = re.sub(r"//.*", "", out)
    assert not re.search(r"setcp[ms]|\.cpm\(|\.fast\(|undegradeBy|roomsize\([a-z]|sometimes", code)
    assert '"' not in re.search(r"midin\((.*)\)", code)[1]  # type: ignore[index]
    assert "all(x => x.cps(tempo))" in code
    lanes = code.split("$: ")[1:]
    assert any("degradeBy" not in lane for lane in lanes)  # the anchor


def test_without_a_name_it_is_core(capsys: pytest.CaptureFixture[str]) -> None:
    assert _printed(capsys)[0] == _printed(capsys, "core")[0]


def test_the_users_port_controllers_and_channels_are_in_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    numbers = dict(zip(CONTROL_NAMES, (40, 41, 42, 43, 44), strict=True))
    control_map = {name: {"cc": cc, "channel": 3 if name == "density" else 1} for name, cc in numbers.items()}
    (tmp_path / "map.yaml").write_text(json.dumps(control_map), "utf-8")
    ours = {"control_map": "map.yaml", "bridges": {"midi": {"type": "midi_cc", "port": "it's loud"}}}
    (tmp_path / "mine.yaml").write_text(json.dumps(ours), "utf-8")
    out, _ = _printed(capsys, "drums", "--instant", "-c", str(tmp_path / "mine.yaml"))
    assert r"await midin('it\'s loud')" in out
    assert re.findall(r"cc\(.*?\)", out) == ["cc(40)", "cc(41, 3)", "cc(42)", "cc(43)", "cc(44)"]
    assert "dataBytes[0] === 43 " in out
    assert r"includes('it\'s loud')" in out


def test_accents_name_the_notes_port_and_say_how_to_open_it(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = _printed(capsys, "bass", "--accents")
    assert "await midikeys('choreo notes')" in out
    assert "choreo run -o bridges.notes.enabled=true\n" in err
    out, err = _printed(capsys, "--accents", "-o", "bridges.notes.enabled=true", "-o", "bridges.notes.client_name=hits")
    assert "await midikeys('hits')" in out
    assert err.endswith(": choreo run\n")


def test_without_midi_the_controls_come_over_the_websocket(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = _printed(capsys, "pads", "--websocket", "--accents")
    assert "midin" not in out.replace("bridge midi", "")
    assert "'ws://127.0.0.1:8790/midi'" in out
    assert "'ws://127.0.0.1:8790/notes'" in out
    assert "choreo run -o bridges.midi.type=midi_ws\n" in err
    mine = ("-o", "bridges.midi.type=midi_ws", "-o", "bridges.midi.port=9999")
    out, err = _printed(capsys, "pads", *mine)
    assert "'ws://127.0.0.1:9999/midi'" in out
    assert err.endswith(": choreo run\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("strudel", "trance"), "there are: core, drums, bass, pads, fx"),
        (("strudel", "core", "--websocket", "--instant"), "leave --instant out"),
        (("my-show", "core"), "choreo init strudel"),
        (("my-show", "--accents"), "choreo init strudel"),
    ],
)
def test_what_can_not_be_is_said(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str) -> None:
    assert exit_code_of(choreo, ["init", *arguments]) != 0
    assert says in capsys.readouterr().err


def test_the_wheel_brings_every_patch(repo_root: Path) -> None:
    import tomllib

    shipped = tomllib.loads((repo_root / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["data-files"]
    folders = {path.parent for path in (repo_root / "adapters" / "strudel").glob("*/*.js")}
    ours = {str(folder.relative_to(repo_root)) for folder in folders}
    assert len(ours) == len(PATCHES) + 1
    assert ours == {target.removeprefix("share/choreo/") for target in shipped if "strudel" in target}
