"""`make bench`: latency by stage at 20, 10 and 5 ms ticks, accents, cadence, drift, phones, cost, models, performers,
pages, takes, recording, reloads.

One table a section. All figures of a section come from one run on this machine; compare them with each other (the echo
is the floor), not with another machine's.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.accents import AccentEar, hits, ways_ms
from bench.child import Host, free_port
from bench.models import models
from bench.page import page
from bench.performers import performers
from bench.phones import phones
from bench.probe import Ear, echo_round_trips, spikes
from bench.recording import recording
from bench.reload import reload
from bench.standby import standby
from bench.surroundings import hogs, moving_phone
from bench.takes import takes

SETTINGS = {
    "sensors": {"phone": {"type": "osc_motion", "layout": "choreo"}},
    "bridges": {"bars": None, "synth": {"type": "osc_out"}, "midi": {"type": "midi_cc", "client_name": "choreo-bench"}},
    "doors": {"osc": None},
    "dashboard": {"enabled": False},
    "log": {"level": "error"},
}


def _host(options: Mapping[str, Any]) -> tuple[Host, int]:
    """A service that listens to a phone, and the port it listens on."""
    port = free_port()
    host = Host(SETTINGS, {"sensors.phone.port": port, **options})
    host.await_port(port)
    return host, port


def percentiles(values: Sequence[float]) -> str:
    ordered = sorted(values)
    at = [ordered[min(len(ordered) - 1, int(q * len(ordered)))] for q in (0.5, 0.99)]
    return f"{at[0]:8.2f} {at[1]:8.2f} {ordered[-1]:8.2f}" if ordered else "       -        -        -"


def latency(count: int) -> None:
    trips = [t / 1e6 for t in echo_round_trips(400)]
    print(f"\nLatency, ms: one sample of a sudden movement to the byte out ({count} movements per tick length)")
    print(f"{'':38}{'p50':>8} {'p99':>8} {'max':>8}")
    print(f"{'bare UDP echo, there and back':38}{percentiles(trips)}")
    for period_ms in (20, 10, 5):
        osc, midi = Ear(midi=False), Ear(midi=True)
        osc.start(), midi.start()
        host, port = _host(
            {"engine.period_ms": period_ms, "bridges.synth.port": osc.port, "bridges.midi.port": midi.port}
        )
        heard = spikes(port, osc, midi, count, seed=period_ms)
        result = host.end()
        print(f"tick {period_ms} ms, target p99 <= {period_ms + 2}")
        for name, ends in (("osc", [h.osc_ns for h in heard]), ("midi", [h.midi_ns for h in heard])):
            spans = [(e - h.sent_ns) / 1e6 for e, h in zip(ends, heard, strict=True) if e]
            missed = sum(not e for e in ends)
            print(f"{f'  datagram -> {name} byte ({missed} unheard)':38}{percentiles(spans)}")
        stages = ("kernel -> accepted", "accepted -> tick due", "due -> tick begins", "begins -> sent")
        for i, stage in enumerate(stages):
            print(f"{f'    {stage}':38}{percentiles([(e[i + 1] - e[i]) / 1e6 for e in result['events']])}")


def accents(count: int) -> None:
    """At the default tick, which must not matter."""
    trips = [t / 1e6 for t in echo_round_trips(400)]
    osc, midi = AccentEar(midi=False), AccentEar(midi=True)
    osc.start(), midi.start()
    notes = {"bridges.notes.enabled": True, "bridges.notes.port": str(midi.port)}
    host, port = _host({"bridges.synth.port": osc.port, "bridges.midi.enabled": False, **notes})
    sent = hits(port, count, seed=1)
    host.end()
    print(f"\nAccents, ms: datagram of a hit to the message it causes ({count} hits, phone at 100 Hz, tick 20 ms)")
    print(f"{'':38}{'p50':>8} {'p99':>8} {'max':>8} {'jitter':>8}")
    print(f"{'bare UDP echo, there and back':38}{percentiles(trips)}")
    for name, ear in (("osc", osc), ("note", midi)):
        ways = ways_ms(sent, ear.heard_ns)
        missed, spread = len(sent) - len(ways), statistics.pstdev(ways) if ways else 0.0
        print(f"{f'  datagram -> {name} ({missed} missed)':38}{percentiles(ways)} {spread:8.2f}")


def cadence(seconds: float, machines: Sequence[tuple[str, int]] = (("idle", 0), ("1 core loaded", 1))) -> None:
    """One run for each (name, number of CPU hogs beside the service)."""
    print(f"\nCadence at 50 Hz with a 100 Hz phone, {seconds:g} s each")
    print(f"{'':14}{'late p50':>10} {'p99':>8} {'max ms':>8} {'skipped':>8} {'drift ms':>9} {'CPU %':>7} {'RSS MB':>7}")
    for name, count in machines:
        osc, midi = Ear(midi=False), Ear(midi=True)
        osc.start(), midi.start()
        with hogs(count):
            host, port = _host({"bridges.synth.port": osc.port, "bridges.midi.port": midi.port})
            with moving_phone(port):
                cpu, rss = host.cost(seconds)
            result = host.end()
        late, t = result["telemetry"]["lateness_ms"], result["telemetry"]
        slots = t["ticks"] + t["skipped"] - 1
        drift_ms = result["span_ns"] / 1e6 - slots * 20.0
        row = f"{late['50']:10.2f} {late['99']:8.2f} {result['lateness_max_ms']:8.2f} {t['skipped']:8d}"
        print(f"{name:14}{row} {drift_ms:9.3f} {cpu:7.1f} {rss:7.0f}")
        engine = result["engine_us"]
        print(f"{'':14}engine step with the {'/'.join(t['mappers'])} mapper: median {engine[len(engine) // 2]:.0f} us")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--movements", type=int, default=60, help="per tick length")
    parser.add_argument("--hits", type=int, default=100, help="of the accents")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each run of cadence, models and performers")
    parser.add_argument(
        "--rounds",
        type=int,
        default=3,
        help="of the conditions of pages, takes, recording and reload, ten seconds each",
    )
    parser.add_argument("--kills", type=int, default=20, help="of engines under standby")
    parser.add_argument("--hangs", type=int, default=5, help="of each kind, of engines under standby")
    parser.add_argument("--fifo", action="store_true", help="real-time priority for the engines under standby")
    parser.add_argument("--checkpoints", type=Path, help="folder of the models; by default the configuration's")
    parser.add_argument("--recording", type=Path, help="an hour to make the takes of; by default a synthetic one")
    parser.add_argument(
        "--only",
        choices=(
            "latency",
            "accents",
            "cadence",
            "phones",
            "models",
            "performers",
            "pages",
            "takes",
            "recording",
            "reload",
            "standby",
            "drift",
        ),
        help="standby: four minutes, drift: ten minutes; only when asked for",
    )
    chosen = parser.parse_args()
    if chosen.only in (None, "cadence"):
        cadence(chosen.seconds)
    if chosen.only in (None, "latency"):
        latency(chosen.movements)
    if chosen.only in (None, "accents"):
        accents(chosen.hits)
    if chosen.only in (None, "phones"):
        phones(chosen.seconds, SETTINGS)
    if chosen.only in (None, "models"):
        models(chosen.seconds, chosen.checkpoints)
    if chosen.only in (None, "performers"):
        performers(chosen.seconds, chosen.checkpoints)
    if chosen.only in (None, "pages"):
        page(chosen.rounds)
    if chosen.only in (None, "takes"):
        takes(chosen.rounds, chosen.recording)
    if chosen.only in (None, "recording"):
        recording(chosen.rounds)
    if chosen.only in (None, "reload"):
        reload(chosen.rounds)
    if chosen.only == "standby":
        standby(chosen.kills, chosen.hangs, fifo=chosen.fifo)
    if chosen.only == "drift":
        cadence(600.0, (("ten minutes", 0),))


if __name__ == "__main__":
    main()
