"""On valid datagrams our decoder and python-osc agree; on any bytes ours raises OscError or nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from osc_datagrams import bundle
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from choreo_adapters.osc.decode import MAX_BYTES, OscError, decode

ADDRESS_CHARACTERS = "".join(chr(c) for c in range(33, 127) if chr(c) not in "#*,?[]{}")
ADDRESSES = st.text(ADDRESS_CHARACTERS, min_size=1, max_size=40).map(lambda text: "/" + text)
ARGUMENTS = st.one_of(
    st.tuples(st.just("i"), st.integers(-(2**31), 2**31 - 1)),
    st.tuples(st.just("h"), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just("f"), st.floats(width=32, allow_nan=False)),
    st.tuples(st.just("d"), st.floats(allow_nan=False)),
    st.tuples(
        st.just("s"), st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12)
    ),
    st.tuples(st.just("b"), st.binary(min_size=1, max_size=16)),
    st.tuples(st.sampled_from("TFN"), st.none()),
)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A message as python-osc builds it."""
    builder = OscMessageBuilder(draw(ADDRESSES))
    for tag, value in draw(st.lists(ARGUMENTS, max_size=8)):
        builder.add_arg({"T": True, "F": False}.get(tag, value), tag)
    return bytes(builder.build().dgram)


ELEMENTS = st.recursive(messages(), lambda inner: st.lists(inner, max_size=3).map(lambda e: bundle(*e)), max_leaves=6)


@given(messages())
@settings(deadline=None)
def test_messages_agree_with_python_osc(data: bytes) -> None:
    theirs = OscMessage(data)
    [ours] = decode(data)
    assert (ours.address, list(ours.args)) == (theirs.address, theirs.params)


@given(st.lists(ELEMENTS, max_size=4).map(lambda elements: bundle(*elements)))
@settings(deadline=None)
def test_bundles_agree_with_python_osc(data: bytes) -> None:
    if len(data) > MAX_BYTES:
        return
    assert [(m.address, list(m.args)) for m in decode(data)] == list(_flat(OscBundle(data)))


@given(st.binary(max_size=200) | st.binary(max_size=40).map(lambda tail: b"#bundle\0" + bytes(7) + b"\x01" + tail))
@settings(max_examples=500, deadline=None)
def test_any_bytes_give_messages_or_an_osc_error(data: bytes) -> None:
    try:
        decoded = decode(data)
    except OscError:
        return
    assert len(data) % 4 == 0
    assert all(m.address.startswith("/") for m in decoded)


def _flat(parsed: OscBundle) -> Any:
    for element in parsed:
        if isinstance(element, OscBundle):
            yield from _flat(element)
        else:
            yield element.address, element.params
