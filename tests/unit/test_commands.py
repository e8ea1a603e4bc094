"""The command vocabulary and the desk: parsed strictly, always answered, never raising."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from choreo_service.clock import VirtualClock
from choreo_service.commands import COMMANDS, CommandError, Freeze, Hold, Manual, Marker, Panic, Record, Tap, parse
from choreo_service.desk import Answered, Desk


def test_named_and_positional_arguments_give_the_same_command() -> None:
    assert parse("manual", {"control": "density", "position": 0.5}) == Manual(control="density", position=0.5)
    assert parse("manual", ["density", 0.5]) == Manual(control="density", position=0.5)
    assert parse("freeze") == Freeze(on=None)


@pytest.mark.parametrize(
    ("verb", "args", "says"),
    [
        ("panik", (), "did you mean panic"),
        ("panic", ["now"], "at most 0"),
        ("hold", ["loudness"], "control: found 'loudness', expected one of tempo_scale, density"),
        ("mute", ["densty"], "found 'densty', .*; did you mean density"),
        ("manual", {"control": "density", "value": 0.5}, "no field 'value'; there are control, position"),
        ("panic", {"now": True}, "no field 'now'; there is none"),
        ("manual", ["density", 1.5], "position: found 1.5, input should be less than or equal to 1"),
        ("manual", ["density", float("nan")], "position"),
        ("scene", {"name": "a", "colour": "red"}, "colour"),
        ("policy", [], "leader is missing"),
    ],
)
def test_what_is_no_command_is_refused_with_what_is_allowed(verb: str, args: object, says: str) -> None:
    with pytest.raises(CommandError, match=says) as refused:
        parse(verb, args)  # type: ignore[arg-type]
    assert refused.value.fix


@pytest.mark.parametrize("verb", ["explode", "dance", "stop", "x", "play", "frobnicate"])
def test_what_resembles_no_verb_gets_no_guess(verb: str) -> None:
    with pytest.raises(CommandError) as refused:
        parse(verb)
    assert refused.value.problem == f"unknown command {verb!r}"
    assert refused.value.fix.startswith("one of panic, ")


@given(
    verb=st.one_of(st.sampled_from(sorted(COMMANDS)), st.text(max_size=20)),
    args=st.one_of(
        st.lists(st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(), st.binary()), max_size=4),
        st.dictionaries(st.text(max_size=10), st.one_of(st.none(), st.floats(), st.text()), max_size=3),
    ),
)
def test_whatever_arrives_becomes_a_command_or_a_refusal(verb: str, args: object) -> None:
    try:
        command = parse(verb, args)  # type: ignore[arg-type]
    except CommandError:
        return
    assert command.verb == verb
    assert parse(verb, command.model_dump(exclude={"verb"})) == command


def test_a_command_reaches_its_handler_and_is_acknowledged() -> None:
    desk, obeyed = Desk(VirtualClock()), []
    desk.handle(Hold, obeyed.append)
    assert desk.submit(Hold(control="density"), "keyboard").ok
    assert obeyed == [Hold(control="density")]


def test_refusals_and_bugs_of_a_handler_are_answers() -> None:
    desk = Desk(VirtualClock())

    def refuse(_: Panic) -> None:
        raise CommandError("not now")

    def fail(_: Tap) -> None:
        raise RuntimeError("a bug")

    def refuse_otherwise(_: Record) -> None:
        raise CommandError("not so", fix="do this")

    desk.handle(Panic, refuse)
    desk.handle(Record, refuse_otherwise)
    desk.handle(Tap, fail)
    assert desk.submit(Panic(), "osc").reason == "not now"
    assert desk.submit(Record(), "osc").reason == "not so; do this"
    assert desk.submit(Tap(), "osc").reason == "RuntimeError: a bug"
    assert "nothing in this service" in desk.submit(Freeze(), "osc").reason


def test_hooks_see_every_command_with_its_answer_and_door() -> None:
    desk, seen = Desk(VirtualClock(start_ns=7)), list[Answered]()
    desk.hooks.append(seen.append)
    desk.submit(Marker(text="chorus"), "websocket")
    (one,) = seen
    assert (one.t_ns, one.door, one.command, one.ack.ok) == (7, "websocket", Marker(text="chorus"), False)


def test_a_second_handler_for_a_command_is_a_mistake() -> None:
    desk = Desk(VirtualClock())
    desk.handle(Tap, lambda _: None)
    with pytest.raises(ValueError, match="Tap has a handler"):
        desk.handle(Tap, lambda _: None)
