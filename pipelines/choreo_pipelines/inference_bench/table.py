"""The benchmark for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from choreo_pipelines.inference_bench.frames import SILENT
from choreo_pipelines.inference_bench.rounds import FIRST, WARM_UP, Timing
from choreo_pipelines.inference_bench.start_up import StartUp
from choreo_service.cli.wording import counted

WIDTH: Final = 80
_NUMBERS: Final = ("median", "p99", "max", f"first {FIRST}")


def text(pair: str, timings: Sequence[Timing], starts: Sequence[StartUp]) -> str:
    """What was measured, a block of rows per number of performers, what the backends cost to start, how to read it."""
    ticks = len(timings[0].ns)
    head = f"{pair}: one tick of M1, M2 and M3 with feature normalisation, in us, {ticks} ticks each"
    blocks = [line for _, group in groupby(timings, key=lambda t: t.performers) for line in _block(list(group))]
    notes = (
        f"The variants take turns tick by tick, in changing order, after {WARM_UP} ticks of warm-up, each on one "
        f"thread. {_drop_outs(ticks)} x numpy: ratio of the medians. The last two columns: largest difference to "
        "numpy over all ticks; a window begins at rest every time, so it plays something close, not the same.",
        f"first {FIRST}: median of the first ticks after the warm-up. p99 and max of a machine shared with others are "
        "mostly theirs. The gates are held against the running service: python -m bench --only models.",
    )
    return "\n".join([*textwrap.wrap(head, WIDTH), "", *blocks, *_starts(starts), "", *_wrapped(notes)])


def _block(timings: Sequence[Timing]) -> Iterator[str]:
    performers = timings[0].performers
    heads = "".join(name.rjust(10 if name == _NUMBERS[-1] else 8) for name in _NUMBERS)
    yield f"{counted(performers, 'performer'):18}{heads}{'x numpy':>8}{'controls':>10}{'latent':>9}"
    for timing in timings:
        values = f"{timing.median_us:8.0f}{timing.p99_us:8.0f}{timing.max_us:8.0f}{timing.first_us:10.0f}"
        ratio = timing.median_us / timings[0].median_us
        apart = "" if timing is timings[0] else f"{timing.controls_difference:10.0e}{timing.latent_difference:9.0e}"
        yield f"{timing.variant:18}{values}{ratio:8.1f}{apart}"
    yield ""


def _starts(starts: Sequence[StartUp]) -> Iterator[str]:
    yield f"{'start to first tick':22}{'ms':>8}{'MB':>8}  loads torch"
    for found in starts:
        memory = "-" if found.memory_mb is None else f"{found.memory_mb:.0f}"
        yield f"{found.backend:22}{found.ms:8.0f}{memory:>8}  {'yes' if found.loads_torch else 'no'}"


def _drop_outs(ticks: int) -> str:
    spans = (f"{name} from tick {begin * ticks:.0f} to {end * ticks:.0f}" for name, (begin, end) in SILENT.items())
    return f"Silent: {', '.join(spans)}."


def _wrapped(notes: Sequence[str]) -> list[str]:
    return [line for note in notes for line in textwrap.wrap(note, WIDTH)]
