"""The settings of one service. Every number a user may change stands here, with its range.

Each part of the service is handed its own block (`EngineSettings`, `OutputSettings`, ...), never the whole `Settings`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

BlockName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
"""Lower case, so that CHOREO__SENSORS__PHONE__PORT can name it."""


BodyName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=40)]
"""Also the name of its file, on any system."""


class Block(BaseModel):
    """Base of all settings: frozen, unknown keys refused, no silent conversions, no NaN or infinity."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )


class EngineSettings(Block):
    """The fixed-cadence engine."""

    period_ms: float = Field(default=20.0, ge=5, le=50)
    """Milliseconds per tick. The models are trained at 20."""
    performers: int = Field(default=1, ge=1, le=64)
    """Rows of every frame; one engine call serves them all."""
    mapper: Literal["auto", "rules"] = "auto"
    """`auto` plays the checkpoints where they are present, else the rules; `rules` plays the rule mapper only."""
    checkpoints: str = Field(default="checkpoints", min_length=1)
    """Folder of the trained models, relative to the workspace."""
    bodies: list[BodyName] = []
    """Calibrated bodies by performer, as `choreo calibrate body` named them; performers beyond the end are unknown."""
    after_soundcheck: Literal["follow", "freeze"] = "follow"
    """After ninety seconds of movement: `follow` learns on, slowly; `freeze` keeps what is known."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of everything random, so that a take replays exactly."""


class TransportSettings(Block):
    """Musical time: how fast it goes and who leads it."""

    home_bpm: float = Field(default=110.0, ge=40, le=240)
    """Tempo in beats per minute where `tempo_scale` is 1. A leading body stays within 12 % of it; taps change it."""
    leader: Literal["self", "body", "music", "shared"] = "self"
    """Who leads at the start. `self`: our own clock and taps. `body`: a body's beats. `music`: MIDI clock or Link.
    `shared`: a body, with a tempo that leaks home, for music that follows the body which dances to it."""
    performer: int = Field(default=1, ge=1, le=64)
    """Whose body leads, counted from 1."""
    body_latency_ms: float = Field(default=0.0, ge=0, le=500)
    """From a movement to the arrival of its sample: phone, network. Left out of account, the music trails by it."""
    music_latency_ms: float = Field(default=0.0, ge=-500, le=500)
    """From a beat of the music to the arrival of its clock tick; negative where ticks are sent ahead of the sound."""


class OutputSettings(Block):
    """When a changed control is sent. A control map may override the first two per control."""

    throttle_ms: float = Field(default=20.0, ge=20, le=50)
    """Shortest time between two messages of one control."""
    change_threshold: float = Field(default=0.002, ge=0, le=1)
    """Smallest change of position (0..1) worth a message."""
    refresh_s: float = Field(default=1.0, gt=0, le=60)
    """Every control is sent again after this silence, for receivers that joined late."""
    exit_ease_s: float = Field(default=1.0, ge=0, le=30)
    """Time in which the controls return to neutral when the service stops."""
    panic_ms: float = Field(default=300.0, ge=0, le=5000)
    """Time in which panic ramps every control to its safe value."""
    ease_ms: float = Field(default=500.0, ge=0, le=10_000)
    """Cross-fade back to the body after freeze, hold, manual, map and panic."""
    takeover: Literal["none", "pick-up", "scaling"] = "pick-up"
    """What a fader does that stands elsewhere than its control: jump, wait until it passes, or move in proportion."""


class AccentSettings(Block):
    """Hits, jolts and stamps, sent on the sample that shows them to every bridge that plays accents."""

    enabled: bool = True
    """`false` looks for none."""
    threshold: float = Field(default=80.0, ge=10, le=5000)
    """Least jerk of an accent in m/s^3; it must also be 2.5 times the performer's usual jerk. Higher: fewer."""
    refractory_ms: float = Field(default=120.0, ge=100, le=2000)
    """Shortest time between two accents of one performer."""


class IngressSettings(Block):
    """The bounded queues between sensors and engine."""

    max_packets: int = Field(default=512, ge=1, le=65536)
    """Samples held per source; beyond it the oldest are dropped and counted."""


class SupervisorSettings(Block):
    """How lost adapters are brought back: waits grow from `base_s` to `cap_s`, with jitter."""

    base_s: float = Field(default=0.25, gt=0, le=60)
    """First wait before a restart."""
    cap_s: float = Field(default=5.0, gt=0, le=600)
    """Longest wait before a restart."""
    healthy_s: float = Field(default=10.0, gt=0, le=3600)
    """Running this long resets the wait to `base_s`."""


class LogSettings(Block):
    """What is logged and how it looks."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe event that is logged."""
    format: Literal["auto", "console", "json"] = "auto"
    """`auto` is readable lines on a terminal and JSON elsewhere."""


class TelemetrySettings(Block):
    """What the service says about itself while it runs."""

    summary_s: float = Field(default=10.0, ge=0.1, le=3600)
    """Seconds between two cadence summaries."""


class RecorderSettings(Block):
    """How takes are recorded: `choreo record`, `choreo run --record`."""

    folder: str = Field(default="recordings", min_length=1)
    """Where takes are kept, relative to the workspace."""
    required: list[BlockName] = []
    """Sensors a take needs: `choreo record --auto` starts when they are live. None named: all of them."""
    latents: bool = False
    """Keep the models' latents too, a kilobyte a tick; replay computes them again without."""
    queue_s: float = Field(default=300.0, ge=1, le=3600)
    """Seconds of a show that wait in memory while the disk is full or slow; then the recording ends, not the show."""
    keep_free_mb: int = Field(default=200, ge=0, le=1_000_000)
    """The recording ends before it leaves less than this on the disk."""


class DashboardSettings(Block):
    """The page that shows and steers the show, in any browser."""

    enabled: bool = True
    """`false`: no page, no HTTP, no metrics."""
    host: str = Field(default="127.0.0.1", min_length=1)
    """Address to listen on; others than this machine's own need `lan`."""
    port: int = Field(default=8787, ge=0, le=65535)
    """TCP port; the next free one is taken where it is in use. 0 takes any."""
    lan: bool = False
    """Let other machines of the network look, with the token; without an own `host` on all addresses."""
    token: str = Field(default="", max_length=200)
    """What a browser elsewhere must know; empty: a new one at each start, printed with the address."""
    pin: str = Field(default="", pattern=r"^([0-9]{4,12})?$")
    """Four to twelve digits. Who enters them elsewhere may steer; empty: elsewhere nobody may."""
    max_pages: int = Field(default=16, ge=1, le=64)
    """Pages open at once."""

    @field_validator("pin", mode="before")
    @classmethod
    def _digits(cls, value: Any) -> Any:
        return str(value) if type(value) is int else value  # YAML reads 4711 as a number

    @model_validator(mode="after")
    def _network_is_asked_for(self) -> Self:
        if not self.lan and self.host not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError(f"host {self.host} is seen by the network: write lan: true too, or leave host out")
        if self.token and len(self.token) < 16:
            raise ValueError("token must have at least 16 characters; leave it out for a new one at each start")
        return self


class AdapterBlock(Block):
    """One sensor, bridge or door. Beside these two keys stand the adapter's own; its `Config` checks them."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(min_length=1)
    """Which adapter: a name listed by `choreo devices`."""
    enabled: bool = True
    """`false` keeps the block in the file but leaves the adapter out, unchecked."""

    @field_validator("type", mode="before")
    @classmethod
    def _null_is_a_name(cls, value: Any) -> Any:
        return (
            "null" if value is None else value
        )  # the bridge `null`, which YAML reads as nothing when it has no quotes

    @property
    def options(self) -> dict[str, Any]:
        """The adapter's own keys as they were written."""
        return dict(self.model_extra or {})


class BridgeBlock(AdapterBlock):
    """What every bridge may have beside `type`, `enabled` and its own keys."""

    throttle_ms: float | None = Field(default=None, ge=20, le=50)
    """Shortest time between two messages of one control to this bridge; overrides `output` and the control map."""
    latency_offset_ms: float = Field(default=0.0, ge=-500, le=500)
    """Sends this much later than the other bridges; below zero earlier, which delays the others."""
    latency_profile: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    """How long its receiver takes to sound, as `choreo calibrate latency` measured it: the others wait for it."""


class Settings(Block):
    """Everything `choreo` reads from its configuration."""

    engine: EngineSettings = EngineSettings()
    transport: TransportSettings = TransportSettings()
    sensors: dict[BlockName, AdapterBlock] = {}
    """What is listened to: a name of your choice, then the adapter's block. `null` removes a block of a lower layer."""
    bridges: dict[BlockName, BridgeBlock] = {}
    """What is played: a name of your choice, then the adapter's block. `null` removes a block of a lower layer."""
    doors: dict[BlockName, AdapterBlock] = {}
    """Where commands come in beside the page: a name of your choice, then the adapter's block. `null` removes a block
    of a lower layer."""
    output: OutputSettings = OutputSettings()
    accents: AccentSettings = AccentSettings()
    control_map: str = Field(default="control_map.yaml", min_length=1)
    """The control map, relative to the file that names it."""
    ingress: IngressSettings = IngressSettings()
    supervisor: SupervisorSettings = SupervisorSettings()
    log: LogSettings = LogSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    recorder: RecorderSettings = RecorderSettings()
    dashboard: DashboardSettings = DashboardSettings()
