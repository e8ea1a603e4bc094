"""What a user does wrong ends in one screen: the problem, a fix, the right exit code, and never a traceback."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import click
import pytest
from session_samples import some_packets

from choreo_pipelines import cli as lab
from choreo_service.cli import choreo
from choreo_service.cli.failure import Invocation, exit_code_of
from choreo_service.errors import AdapterConfigError, ConfigError, SessionError
from choreo_service.session import write_session

CHOREO = [sys.executable, "-m", "choreo_service"]


def _run(cwd: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("CHOREO_")} | variables
    return subprocess.run(
        [*CHOREO, *arguments], cwd=cwd, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (("run", "-c", "nowhere.yaml"), 2, "nowhere.yaml: no such file"),
        (("run", "-c", "."), 2, "expected a file"),
        (("run", "-c", "broken.yaml"), 2, "broken.yaml:2:1"),
        (("run", "-c", "typo.yaml"), 2, "did you mean 'period_ms'?"),
        (("run", "-c", "adapter.yaml"), 2, "unknown sensor type 'synthetik'"),
        (("run", "-c", "adapter_key.yaml"), 2, "did you mean 'bpm'?"),
        (("run", "-c", "bomb.yaml"), 2, "anchors (&) and aliases (*) are not accepted"),
        (
            ("run", "-o", "engine.period_ms=fast"),
            2,
            "-o engine.period_ms: found 'fast'; allowed: a number from 5 to 50",
        ),
        (("run", "-o", "engine.period_ms"), 2, "expected key=value"),
        (("run", "-o", "control_map=map.yaml"), 2, "both use CC 20 on channel 1"),
        (("run", "--profile", "stag"), 2, "no profile 'stag'"),
        (("run", "--home", "nowhere"), 2, "no default.yaml found"),
        (("run", "--seconds", "-1"), 2, "Invalid value for '--seconds'"),
        (("run", "--second", "1"), 2, "No such option"),
        (("rnu",), 2, "no command 'rnu'; did you mean run?"),
        (("replay", "nowhere"), 3, "no take at nowhere"),
        (("replay", "nowhere", "--realtime"), 3, "no take at nowhere"),
        (("replay",), 2, "Missing argument 'TAKE'"),
        (("replay", "empty"), 3, "empty"),
        (("init", "file/show"), 1, "can't be written"),
        (("config", "show", "-o", "log.level=loud"), 2, "allowed: one of debug, info, warning, error"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, tuple) else "",
)
def test_a_mistake_ends_in_one_screen(tmp_path: Path, arguments: tuple[str, ...], code: int, problem: str) -> None:
    (tmp_path / "broken.yaml").write_text("engine: [\n")
    (tmp_path / "typo.yaml").write_text("engine:\n  perod_ms: 20\n")
    (tmp_path / "adapter.yaml").write_text("sensors: {d: {type: synthetik}}\n")
    (tmp_path / "adapter_key.yaml").write_text("sensors: {d: {type: synthetic, bmp: 120}}\n")
    (tmp_path / "bomb.yaml").write_text("a: &a [x, x]\nb: [*a, *a]\n")
    names = ("tempo_scale", "density", "tension", "brightness", "fx_send")
    (tmp_path / "map.yaml").write_text("".join(f"{name}: {{cc: 20}}\n" for name in names))
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    done = _run(tmp_path, *arguments)
    assert done.returncode == code, done.stderr
    assert problem in done.stderr
    assert done.stderr.startswith("choreo: ")
    assert "\n  fix: " in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) < 12
    assert done.stdout == ""


def test_a_mistyped_variable_is_told(tmp_path: Path) -> None:
    done = _run(tmp_path, "config", "check", CHOREO__ENGIN__SEED="1")
    assert done.returncode == 2
    assert "fix: rename it to CHOREO__ENGINE__SEED" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    done = _run(tmp_path, "init", "show")
    assert done.returncode == 1
    assert "can't be written (Permission denied)" in done.stderr


def _command(error: BaseException) -> click.Command:
    @click.command()
    @click.option("--debug", is_flag=True)
    @click.pass_obj
    def fails(invocation: Invocation, debug: bool) -> None:
        invocation.debug = debug
        raise error

    return fails


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("wrong", fix="mend"), 2),
        (AdapterConfigError("wrong", fix="mend"), 2),
        (SessionError("wrong", fix="mend"), 3),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (ValueError("wrong"), 70),
        (ExceptionGroup("wrong", [ValueError("inner")]), 70),
    ],
    ids=lambda v: type(v).__name__,
)
def test_every_error_has_its_exit_code(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert exit_code_of(_command(error), []) == code
    err = capsys.readouterr().err
    assert ("wrong" in err) == (code != 130)
    assert "Traceback" not in err


def test_a_mistake_of_ours_leaves_its_details_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    exit_code_of(_command(ValueError("boom")), [])
    kept = tmp_path / "choreo" / "crash.log"
    assert str(kept) in capsys.readouterr().err
    assert "ValueError: boom" in kept.read_text()
    assert "Traceback" in kept.read_text()


def test_where_no_file_can_be_written_the_user_is_told_about_debug(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert exit_code_of(_command(ValueError("boom")), []) == 70
    assert "choreo --debug" in capsys.readouterr().err


@pytest.mark.parametrize("error", [ConfigError("wrong"), ValueError("wrong")], ids=["ours", "unexpected"])
def test_only_debug_shows_the_traceback(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    exit_code_of(_command(error), ["--debug"])
    assert "Traceback" in capsys.readouterr().err


def test_the_root_option_debug_reaches_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(choreo, ["--debug", "run", "-o", "nonsense"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_closed_pipe_is_no_crash(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*CHOREO, "config", "show"], cwd=tmp_path, stdout=write, stderr=subprocess.PIPE, timeout=60)
    os.close(write)
    assert done.returncode == 1
    assert done.stderr == b""


def test_choreo_alone_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(choreo, []) == 2
    assert "Commands:" in capsys.readouterr().out


@pytest.mark.parametrize("realtime", [(), ("--realtime", "--seconds", "1")], ids=["exact", "realtime"])
def test_a_damaged_take_is_told_before_anything_plays(tmp_path: Path, realtime: tuple[str, ...]) -> None:
    take = write_session(tmp_path / "take", packets=some_packets(100), steps=None, meta={})
    table = take.path / "packets.parquet"
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 1
    table.write_bytes(content)
    done = _run(tmp_path, "replay", "take", *realtime)
    assert done.returncode == 3, done.stderr
    assert "packets.parquet has changed" in done.stderr
    assert done.stdout == ""


def test_choreo_lab_ends_the_same_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def boom(*_: object) -> None:
        raise ValueError("boom")

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr("choreo_pipelines.importers.command.read_source", boom)
    assert lab.run(["import", "x.csv"]) == 70
    err = capsys.readouterr().err
    assert err.startswith("choreo-lab: stopped by a mistake in the program (ValueError: boom)")
    assert "Traceback" not in err
    kept = (tmp_path / "choreo" / "crash.log").read_text()
    assert "choreo-lab import x.csv\n" in kept
    assert "ValueError: boom" in kept
    assert lab.run(["--debug", "import", "x.csv"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_a_wrong_file_given_as_configuration_is_not_shown(tmp_path: Path) -> None:
    for text in ("root:$y$SECRET:20228:0:::\nother:SECRET::\n", "my SECRET words\n", "[SECRET]\n", "- SECRET\n"):
        (tmp_path / "wrong").write_text(text)
        done = _run(tmp_path, "config", "check", "-c", "wrong")
        assert done.returncode == 2
        assert "expected keys like `engine:` at the top" in done.stderr
        assert "SECRET" not in done.stderr
        assert "fix: name another file" in done.stderr
