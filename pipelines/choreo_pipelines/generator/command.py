"""`choreo-lab generate`."""

from __future__ import annotations

from pathlib import Path

import click

from choreo_pipelines.generator.session import session_name
from choreo_pipelines.generator.settings import HR_MODES, TAU_PRESETS_S, Settings
from choreo_pipelines.generator.takes import generate


class _TempoRange(click.ParamType[tuple[float, float]]):
    """ "110" or "92-132" as a pair of bpm."""

    name = "bpm"

    def convert(
        self, value: str | tuple[float, float], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        if isinstance(value, tuple):
            return value
        try:
            low, high = (float(part) for part in (value.replace("-", " ").split() * 2)[:2])
        except ValueError:
            self.fail(f"{value!r}: expected a tempo or a range, as 110 or 92 132", param, ctx)
        return low, high


class _TwoNumbers(click.Command):
    """Takes `--bpm 92 132` for `--bpm 92-132`: click's options have a fixed number of values."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        at = args.index("--bpm") if "--bpm" in args else len(args)
        if all(word.replace(".", "", 1).isdecimal() for word in args[at + 1 : at + 3]) and len(args) > at + 2:
            args = [*args[: at + 1], "-".join(args[at + 1 : at + 3]), *args[at + 3 :]]
        return super().parse_args(ctx, args)


@click.command("generate", cls=_TwoNumbers)
@click.option("--sessions", type=click.IntRange(1, 1000), default=5, show_default=True, help="How many takes.")
@click.option("--minutes", type=float, default=3.0, show_default=True, help="Length of each.")
@click.option(
    "--bpm", type=_TempoRange(), default=(92.0, 132.0), metavar="LO HI | BPM", help="Tempo, or its range; 92 132."
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("recordings/m0"), show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Same seed, same bytes.")
@click.option(
    "--hr-mode", type=click.Choice(HR_MODES), default="clean", show_default=True, help="ble: integers once a second."
)
@click.option(
    "--tau",
    type=float,
    default=TAU_PRESETS_S[0],
    metavar="|".join(f"{tau:g}" for tau in TAU_PRESETS_S),
    help="Seconds the heart takes; 3 shows its lag within a phrase, 30-60 is what hearts do.",
)
@click.option("--dead-time", type=float, default=0.0, show_default=True, help="Seconds before the heart answers.")
@click.option("--gestures", is_flag=True, help="Add labelled stomps, jumps, spins, freezes, waves and pulses.")
def generate_takes(
    sessions: int,
    minutes: float,
    bpm: tuple[float, float],
    out: Path,
    seed: int,
    hr_mode: str,
    tau: float,
    dead_time: float,
    gestures: bool,
) -> None:
    """Make synthetic takes: every session another performer, another piece, all eleven columns at 50 Hz.

    Deterministic: a session depends on the seed and its number alone. What is there already is kept.
    """
    settings = Settings(minutes, bpm, hr_mode, tau, dead_time, gestures)
    for take, session, new in generate(settings, sessions=sessions, seed=seed, out=out):
        who = session.performer
        labels = f", {len(session.gestures)} gestures" if gestures else ""
        click.echo(
            f"{take.path}  {session.bpm:5.1f} bpm, motion x {who.size:.2f}, "
            f"heart {who.resting_bpm:.0f}-{who.resting_bpm + who.gain_bpm:.0f} bpm{labels}"
            f"{'' if new else '  (there already)'}"
        )
    click.echo(f"next: choreo-lab inspect {out / session_name(seed, 0)}")
