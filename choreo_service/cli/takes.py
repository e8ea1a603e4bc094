"""`choreo takes`: what was recorded, mending what a fall has cut off, and export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Unpack

import click

from choreo_service.cli.options import Choice, config_options, find_take
from choreo_service.cli.wording import counted
from choreo_service.clock import NS

if TYPE_CHECKING:
    from choreo_service.session import Session


_SKIPPED: Final = 0.01  # what is worth a word


@click.group(invoke_without_command=True)
@click.pass_context
def takes(ctx: click.Context) -> int:
    """List takes; the sub-commands mend and export them."""
    return ctx.invoke(list_) if ctx.invoked_subcommand is None else 0


@takes.command("list")
@click.option("--tag", help="Only takes with this tag.")
@config_options
def list_(tag: str | None, **choice: Unpack[Choice]) -> int:
    """One line a take: when, how long, how large, what was there, how it ended, tags."""
    from choreo_service.config import load_settings
    from choreo_service.recorder import unfinished

    folder = load_settings(**choice).recordings
    rows = [row for path in sorted(folder.glob("[!.]*/meta.json")) if (row := take_row(path.parent, tag))]
    for line in _aligned([("take", "length", "size", "present", "health", "tags"), *rows] if rows else []):
        click.echo(line)
    if not rows:
        click.echo(f"no takes in {folder}" + (f" with the tag {tag}" if tag else "; record one: choreo record"))
    for path in unfinished(folder):
        click.echo(_unfinished(path))
    return 0


@takes.command()
@click.argument("take", type=click.Path(path_type=Path))
@click.argument("tags", nargs=-1, metavar="[TAG]...")
@config_options
def tag(take: Path, tags: tuple[str, ...], **choice: Unpack[Choice]) -> int:
    """Give TAKE these tags instead of those it has; none at all takes them away."""
    from choreo_service.session import open_session
    from choreo_service.session.meta import META_FILE, set_tags

    done = set_tags(open_session(find_take(take, choice)).path / META_FILE, tags)
    click.echo(f"{take.name}: {' '.join(done) or 'no tags'}")
    return 0


@takes.command()
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path), metavar="[RECORDING]...")
@click.option("--beside", is_flag=True, help="Give way to a running show; say nothing.")
@config_options
def recover(folders: tuple[Path, ...], beside: bool, **choice: Unpack[Choice]) -> int:
    """Make takes of recordings that were cut off: all of them, or those named. What can be read is kept."""
    if beside:
        from choreo_service.priority import give_way

        give_way(19)  # before most is imported
    from choreo_service.config import load_settings
    from choreo_service.errors import SessionError
    from choreo_service.recorder import is_live, recover, unfinished

    found = [_recording(folder, choice) for folder in folders] or unfinished(load_settings(**choice).recordings)
    code = 0
    for folder in filter(is_live, () if beside else found):
        click.echo(_unfinished(folder))
    for folder, take in recover(found):
        if isinstance(take, SessionError):
            code = take.exit_code
        if not beside:
            click.echo(_recovered(folder, take))
    if not beside and not found:
        click.echo("every recording is a take")
    return code


@takes.command()
@click.argument("take", type=click.Path(path_type=Path))
@click.option("--to", "form", required=True, type=click.Choice(["csv", "midi", "xdf"]), help="The format.")
@click.option("--out", type=click.Path(path_type=Path), help="Where to; default: beside the take. Never overwrites.")
@config_options
def export(take: Path, form: str, out: Path | None, **choice: Unpack[Choice]) -> int:
    """Write TAKE for a spreadsheet (csv), for music software (midi) or for a laboratory (xdf)."""
    from choreo_service.errors import ChoreoError
    from choreo_service.session import open_session

    take = find_take(take, choice)
    session = open_session(take)
    target = out or take.with_name(take.name + {"csv": "-csv", "midi": ".mid", "xdf": ".xdf"}[form])
    try:
        click.echo(_exported(session, form, target))
    except FileExistsError:
        raise ChoreoError(f"{target} is there already", fix="choose another name: --out PATH") from None
    except OSError as error:
        raise ChoreoError(f"can't write {target}: {error.strerror}", fix="choose another place: --out PATH") from None
    return 0


def _exported(session: Session, form: str, target: Path) -> str:
    from choreo_service import export

    if form == "csv":
        return f"{target}: " + ", ".join(file.name for file in export.to_csv(session, target))
    if form == "midi":
        return f"{target}: {counted(export.to_midi(session, target), 'controller message')}"
    return f"{target}: {counted(export.to_xdf(session, target), 'stream')}"


def _recording(named: Path, choice: Choice) -> Path:
    """The folder of a recording, which may be named as the take it becomes. What is nowhere stays as it was typed."""
    from choreo_service.recorder import recording_of

    hidden = find_take(recording_of(named), choice) if named.name else named
    return hidden if hidden.exists() else find_take(named, choice)


def _recovered(folder: Path, take: Session | Exception | None) -> str:
    if isinstance(take, Exception):
        return f"{folder.name}: {take}"
    if take is None:
        return f"{folder.name}: nothing had been recorded yet; " + (
            "other files stay" if folder.exists() else "removed"
        )
    lost = sum(take.meta["lost_rows"].values())
    return f"{take.path}: {take.meta['duration_s']:.1f} s" + (
        f", {counted(lost, 'row')} lost to damage" if lost else ""
    )


def _unfinished(folder: Path) -> str:
    from choreo_service.recorder import is_live

    if is_live(folder):
        return f"{folder.name}: being recorded now"
    return f"{folder.name}: cut off; to make it a take: choreo takes recover"


def take_row(path: Path, tag: str | None) -> Sequence[str]:
    """The cells of a take's line in the list; none where it hasn't the tag. What is damaged says so in one of them."""
    from choreo_service.errors import SessionError
    from choreo_service.session import open_session

    try:
        meta = open_session(path).meta
    except SessionError as error:
        return () if tag else (path.name, "", "", "", f"damaged: {error.problem}", "")
    tags = meta.get("tags", ())
    if tag and tag not in tags:
        return ()
    size = sum(file.stat().st_size for file in path.iterdir())
    seconds = round(meta.get("duration_s", 0))
    return (
        path.name,
        f"{seconds // 60}:{seconds % 60:02}",
        f"{size / (1 << 20):.1f} MB",
        " ".join(_present(meta)),
        _health(meta),
        " ".join(tags),
    )


def _present(meta: Mapping[str, Any]) -> Iterator[str]:
    for modality, found in meta["coverage"].items():
        if fraction := found.get("fraction"):
            yield f"{modality} {100 * fraction:.0f}%"


def _health(meta: Mapping[str, Any]) -> str:
    """What a listener should know of how the take came about."""
    ended, lost = meta.get("ended", ""), sum(meta.get("lost_rows", {}).values())
    skipped = _skipped(meta)
    found = {
        ended: ended not in ("", "asked for", "the show ended"),
        f"{counted(lost, 'row')} lost": lost,
        f"{100 * skipped:.0f}% of ticks skipped": skipped >= _SKIPPED,
    }
    return "; ".join(words for words, holds in found.items() if holds) or "good"


def _skipped(meta: Mapping[str, Any]) -> float:
    """The part of its ticks that a machine too busy did not play; known of what was recorded while it played."""
    if meta.get("source") != "live" or not meta.get("ticks"):
        return 0.0
    slots: float = meta.get("duration_s", 0) * NS / (meta.get("period_ns") or NS) + 1
    return max(0.0, 1.0 - float(meta["ticks"]) / slots)


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
