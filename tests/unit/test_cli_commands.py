"""Each command hands the right settings to the service, which is replaced by one that only notes its call."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from session_samples import some_packets

from choreo_service.cli import choreo
from choreo_service.cli.failure import exit_code_of
from choreo_service.config import Loaded
from choreo_service.doctor import adapters
from choreo_service.session import write_session


class FakeService:
    """Stands in for what the commands take from choreo_service.service and choreo_service.replay."""

    def __init__(self) -> None:
        self.loaded: Loaded | None = None
        self.seconds: float | None = None
        self.take: Path | None = None
        self.record: Any = None
        self.ok = True

    def run_service(
        self, loaded: Loaded, *, seconds: float | None, banner: Callable[[str], None], record: Any, load: Any, seat: Any
    ) -> int:
        assert seat is None  # nobody watches
        self.loaded, self.seconds, self.record = loaded, seconds, record
        banner("playing")
        return 0

    def chosen_models(self, loaded: Loaded) -> None:
        """The rules play."""

    def judge(self, loaded: Loaded) -> None:
        """Everything fits."""

    def build_core(self, loaded: Loaded) -> str:
        self.loaded = loaded
        return "core"

    def build_accents(self, loaded: Loaded) -> str:
        return "accents"

    def replay_take(self, path: Path, core: str, accents: str, find_models: str) -> Any:
        assert (core, accents, find_models) == ("core", "accents", "those of take")
        self.take = path
        return type("Report", (), {"ok": self.ok, "text": lambda _: "replayed"})()

    @property
    def played(self) -> Loaded:
        assert self.loaded is not None
        return self.loaded


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, repo_root: Path) -> FakeService:
    fake = FakeService()
    for name, stand_in in {
        "service.runtime.run_service": fake.run_service,
        "service.models.chosen_models": fake.chosen_models,
        "service.refusals.judge": fake.judge,
        "service.playing.build_core": fake.build_core,
        "service.playing.build_accents": fake.build_accents,
        "service.wardrobe.models_of_take": lambda session, _: f"those of {session.path.name}",
        "replay.replay_take": fake.replay_take,
        "replay.settings_of": lambda session: (),
    }.items():
        monkeypatch.setattr(f"choreo_service.{name}", stand_in)
    monkeypatch.setenv("CHOREO_HOME", str(repo_root))
    return fake


@pytest.fixture
def take(tmp_path: Path) -> Path:
    return write_session(tmp_path / "take", packets=some_packets(10), steps=None, meta={}).path


def _choreo(*arguments: str) -> int:
    return exit_code_of(choreo, arguments)


def test_run_plays_the_configuration(service: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    assert _choreo("run", "--seconds", "2.5", "-o", "engine.period_ms=25", "--profile", "stage") == 0
    assert service.seconds == 2.5
    assert service.played.settings.engine.period_ms == 25
    assert service.played.settings.telemetry.summary_s == 60
    assert list(service.played.sensors) == ["phone"]
    assert capsys.readouterr().out == "playing\n"


@pytest.mark.parametrize("command", ["run", "record"])
def test_a_standby_only_watches_and_starts_itself_again(
    service: FakeService, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    watched: list[list[str]] = []
    monkeypatch.setattr("choreo_service.standby.watcher.watch", lambda argv: watched.append(argv) or 5)
    monkeypatch.setattr(sys, "argv", ["choreo", command, "--standby", "-o", "engine.seed=4"])
    assert _choreo(command, "--standby", "-o", "engine.seed=4") == 5
    assert watched == [[command, "--standby", "-o", "engine.seed=4"]]
    assert service.loaded is None


def test_run_takes_the_users_file(service: FakeService, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("engine: {seed: 42}\n")
    assert _choreo("run", "-c", str(tmp_path / "mine.yaml")) == 0
    assert service.played.settings.engine.seed == 42


def test_a_dry_run_says_what_would_play_and_plays_nothing(
    service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _choreo("run", "--dry-run", "-o", "engine.mapper=rules", "-o", "sensors.phone.port=0") == 0
    assert service.loaded is None
    out = capsys.readouterr().out
    assert "phone: osc_motion (choreo-service " in out
    assert "the rule mapper" in out
    assert "for 1 performer," in out
    assert "control_map.yaml" in out


@pytest.mark.usefixtures("service")
def test_a_dry_run_tries_the_ports(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        assert _choreo("run", "--dry-run", "-o", f"sensors.phone.port={port}") == 1
        out = capsys.readouterr().out
        assert f"port {port}: held by" in out
        assert "fix: end it, or set sensors.phone.port" in out
    assert _choreo("run", "--dry-run", "-o", f"sensors.phone.port={port}") == 0
    out = capsys.readouterr().out
    assert f"port {port}: free" in out
    assert "not tried: MIDI and WebSocket" in out


def test_the_network_is_let_in_only_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    seen = ("run", "--dry-run", "-o", "sensors.phone.port=0", "-o", "dashboard.host=192.0.2.1")
    assert _choreo(*seen) == 2
    assert "lan: true" in capsys.readouterr().err
    assert _choreo(*seen, "--lan") == 0


def test_demo_needs_no_device(service: FakeService) -> None:
    assert _choreo("demo") == 0
    assert {a.entry.name for a in service.played.sensors.values()} == {"synthetic"}
    assert list(service.played.bridges) == ["bars", "synth", "midi"]


def test_a_headless_demo_draws_nothing(service: FakeService) -> None:
    assert _choreo("demo", "--headless", "--seconds", "1") == 0
    assert list(service.played.bridges) == ["synth", "midi"]


def test_replay_recomputes_a_take_and_tells_whether_it_was_equal(
    service: FakeService, take: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _choreo("replay", str(take)) == 0
    assert service.take == take
    service.ok = False
    assert _choreo("replay", str(take)) == 1
    assert capsys.readouterr().out == "replayed\n" * 2


def test_replay_knows_the_takes_of_the_recorders_folder_by_name(service: FakeService, take: Path) -> None:
    assert _choreo("replay", take.name, "-o", f"recorder.folder={take.parent}") == 0
    assert service.take == take


def test_a_realtime_replay_plays_the_take_and_no_other_sensor(service: FakeService, take: Path) -> None:
    assert _choreo("replay", str(take), "--realtime", "--seconds", "3") == 0
    sensors = service.played.sensors
    assert [(name, a.entry.name) for name, a in sensors.items()] == [("take", "session_replay")]
    assert sensors["take"].config.model_dump()["path"] == take
    assert service.seconds == 3


@pytest.mark.usefixtures("service")
def test_an_exact_replay_has_no_seconds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _choreo("replay", str(tmp_path), "--seconds", "3") == 2
    assert "needs --realtime" in capsys.readouterr().err


@pytest.mark.usefixtures("service")
def test_config_show_names_the_origin_of_every_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert _choreo("config", "show", "-o", "log.level=debug") == 0
    lines = dict(line.split("  # ") for line in capsys.readouterr().out.splitlines() if "  # " in line)
    origins = {key.strip(): origin for key, origin in lines.items()}
    assert origins['log.level: "debug"'] == "-o log.level"
    assert origins["engine.period_ms: 20.0"].endswith("default.yaml:8:14")
    assert origins["sensors.phone.port: 9000"] == "built-in"


@pytest.mark.usefixtures("service")
def test_config_check_is_short(capsys: pytest.CaptureFixture[str]) -> None:
    assert _choreo("config", "check") == 0
    assert capsys.readouterr().out.startswith("good: 1 sensor, 3 bridges, ")


@pytest.mark.usefixtures("service")
def test_generated_files_are_written_once_and_then_up_to_date(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _choreo("init", str(tmp_path)) == 0
    (tmp_path / "configs" / "schema.json").write_text("{}")
    home = ("--home", str(tmp_path))
    assert _choreo("config", "schema", "--check", *home) == 1
    assert _choreo("config", "docs", "--check", *home) == 1
    assert _choreo("config", "schema", *home) == 0
    assert _choreo("config", "docs", *home) == 0
    assert _choreo("config", "schema", "--check", *home) == 0
    assert _choreo("config", "docs", "--check", *home) == 0
    assert "schema.json: stale" in capsys.readouterr().out
    assert (tmp_path / "docs" / "config.md").read_text("utf-8").startswith("<!-- generated")


@pytest.mark.usefixtures("service")
def test_init_leaves_the_private_settings_of_a_checkout_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone, show = tmp_path / "clone", tmp_path / "show"
    (clone / "configs").mkdir(parents=True)
    (clone / "configs" / "default.yaml").write_text("")
    (clone / "configs" / "local.yaml").write_text("dashboard: {pin: '123456'}")
    monkeypatch.setattr("choreo_service.config.locate.shipped_homes", lambda: (clone,))
    assert _choreo("init", str(show)) == 0
    assert [path.name for path in (show / "configs").iterdir()] == ["default.yaml"]
    assert "configs/local.yaml" in (show / "README.md").read_text()


def test_init_makes_a_workspace_and_keeps_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show = tmp_path / "show"
    show.mkdir()
    (show / "README.md").write_text("mine")
    assert _choreo("init", str(show)) == 0
    assert (show / "README.md").read_text() == "mine"
    default = (show / "configs" / "default.yaml").read_text("utf-8")
    assert default.count("#") > 10
    assert (show / "recordings").is_dir()
    assert (show / "checkpoints").is_dir()
    assert _choreo("run", "--dry-run", "--home", str(show), "-o", "sensors.phone.port=0") == 0
    capsys.readouterr()
    assert _choreo("init", str(show)) == 0
    assert "0 files written" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="no MIDI port of our own can be made there")
@pytest.mark.parametrize(
    ("devices", "said"),
    [
        ((), "midi output: no ports (choreo offers its own: choreo)"),
        (({"kind": "midi output", "name": "synth", "api": "alsa"},), "midi output: synth (alsa)"),
    ],
)
def test_devices_says_what_an_empty_list_of_midi_ports_means(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    devices: tuple[dict[str, str], ...],
    said: str,
) -> None:
    midi = adapters.Described("bridge", "midi_cc", "choreo-service", "1", devices=devices)
    null = adapters.Described("bridge", "null", "choreo-service", "1", devices=())
    monkeypatch.setattr(adapters, "describe_all", lambda: [midi, null])
    assert _choreo("devices") == 0
    out = capsys.readouterr().out
    assert said in out
    assert out.count("midi output") == 1


@dataclass
class _Strap:
    name: str
    address: str
    rssi: int | None


@pytest.mark.parametrize(
    ("straps", "said"),
    [
        (
            (_Strap("H10", "C0:FF:EE:00:00:02", -60), _Strap("", "aa", None)),
            "H10  C0:FF:EE:00:00:02, -60 dBm\nwithout a name  aa",
        ),
        ((), "no strap heard: wear it"),
    ],
)
def test_straps_are_searched_for_when_asked(
    straps: tuple[_Strap, ...], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from choreo_adapters.sensors.ble_heart import BleHeart

    monkeypatch.setattr(BleHeart, "scan_straps", lambda seconds: straps)
    assert _choreo("devices", "--ble") == 0
    assert said in capsys.readouterr().out
    assert _choreo("devices", "--ble", "--json") == 0
    assert [s["address"] for s in json.loads(capsys.readouterr().out)] == [s.address for s in straps]
