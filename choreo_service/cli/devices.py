"""`choreo devices`: which adapters are installed, who brought them, and what they see on this machine."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from choreo_service.doctor.adapters import Described


@click.command()
@click.option("as_json", "--json", is_flag=True, help="For programs.")
@click.option("--ble", is_flag=True, help="Search for heart-rate straps instead; five seconds, and wear yours.")
def devices(as_json: bool, ble: bool) -> int:
    """List sensors, bridges, doors and their ports."""
    if ble:
        return _straps(as_json)
    from choreo_service.doctor.adapters import describe_all

    found = describe_all()
    if as_json:
        click.echo(json.dumps([item.to_dict() for item in found], indent=1))
    else:
        click.echo("\n".join(line for kind in ("sensor", "bridge", "door") for line in _section(kind, found)))
    return 0


def _straps(as_json: bool) -> int:
    """What the Bluetooth adapter hears; ChoreoError says why it can't be asked."""
    from choreo_service.registry import find

    found = find("sensor", "ble_heart").load().scan_straps(_SCAN_S)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(strap) for strap in found], indent=1))
        return 0
    for strap in found:
        heard = "" if strap.rssi is None else f", {strap.rssi} dBm"
        click.echo(f"{strap.name or 'without a name'}  {strap.address}{heard}")
    if not found:
        click.echo("no strap heard: wear it with wet electrodes, and disconnect it from watches and phones")
    return 0


def _section(kind: str, found: Sequence[Described]) -> list[str]:
    ours = [item for item in found if item.kind == kind]
    width = max((len(item.name) for item in ours), default=0)
    lines = [f"{kind}s"]
    for item in ours:
        lines.append(f"  {item.name:{width}}  {item.distribution} {item.version}")
        lines += [f"  {'':{width}}    {_facts(device)}" for device in item.devices]
        if item.name in _NOTHING_FOUND and not item.devices and not item.problem:
            lines.append(f"  {'':{width}}    {_NOTHING_FOUND[item.name]}")
        if item.problem:
            lines.append(f"  {'':{width}}    can't be asked: {item.problem}")
    return lines if ours else [*lines, "  none installed"]


_SCAN_S: Final = 5.0
_NO_MIDI_PORT: Final = (
    "no ports (install loopMIDI and make one)"
    if sys.platform == "win32"
    else "no ports (choreo offers its own: choreo)"
)
_NOTHING_FOUND: Final = {"midi_cc": f"midi output: {_NO_MIDI_PORT}"}  # adapter -> what an empty list means


def _facts(device: Mapping[str, str]) -> str:
    """ "midi output: choreo (jack)", or "midi output: none, because ..."."""
    facts = {key: value for key, value in device.items() if value}
    kind, name, reason = facts.pop("kind", "device"), facts.pop("name", "none"), facts.pop("reason", "")
    more = f" ({', '.join(facts.values())})" if facts else ""
    return f"{kind}: {name}{more}" + (f", because {reason}" if reason else "")
