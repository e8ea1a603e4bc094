"""The OSC decoder reads what the format allows and refuses everything else with a cause."""

from __future__ import annotations

import math
import struct

import pytest
from osc_datagrams import HEADER, bundle, message, nested

from choreo_adapters.osc.decode import (
    IMMEDIATELY,
    MAX_ADDRESS,
    MAX_ARGUMENTS,
    MAX_BYTES,
    MAX_DEPTH,
    MAX_MESSAGES,
    Cause,
    Message,
    OscError,
    decode,
)

HI = message("/hi", "i", 1)


def test_known_bytes_of_the_specification() -> None:
    # The two examples of the OSC 1.0 specification.
    assert decode(b"/oscillator/4/frequency\0,f\0\0\x43\xdc\0\0") == [
        Message("/oscillator/4/frequency", (440.0,), IMMEDIATELY)
    ]
    foo = bytes.fromhex("2f666f6f 00000000 2c696973 66660000 000003e8 ffffffff 68656c6c 6f000000 3f9df3b6 40b5b22d")
    [(address, args, _)] = decode(foo)
    assert (address, args[:3]) == ("/foo", (1000, -1, "hello"))
    assert args[3:] == pytest.approx((1.234, 5.678), rel=1e-6)


def test_every_type() -> None:
    [decoded] = decode(
        message("/all", "ifdhtsbTFN", -2, 0.5, 1e300, -(2**62), 2**63, "five", b"12345", True, False, None)
    )
    assert decoded.args == (-2, 0.5, 1e300, -(2**62), 2**63, "five", b"12345", True, False, None)


def test_no_arguments_and_empty_values() -> None:
    assert decode(message("/a", "")) == [Message("/a", (), IMMEDIATELY)]
    assert decode(message("/a", "sb", "", b"")) == [Message("/a", ("", b""), IMMEDIATELY)]
    assert decode(bundle()) == []


def test_bundles_keep_the_order_and_the_innermost_time_tag() -> None:
    a, b, c, d = (message(f"/{name}", "i", i) for i, name in enumerate("abcd"))
    decoded = decode(bundle(a, bundle(b, c, timetag=77), d, timetag=5))
    assert [(m.address, m.timetag) for m in decoded] == [("/a", 5), ("/b", 77), ("/c", 77), ("/d", 5)]


def test_not_a_number_is_the_adapters_business() -> None:
    [decoded] = decode(message("/a", "fd", math.inf, math.nan))
    assert decoded.args[0] == math.inf
    assert math.isnan(decoded.args[1])  # type: ignore[arg-type]


def test_a_name_in_another_encoding_does_not_cost_the_motion_beside_it() -> None:
    name = b"/info\0\0\0,s\0\0" + b"Jos\xe9\0\0\0\0"
    assert [m.address for m in decode(bundle(name, HI))] == ["/info", "/hi"]


REFUSED = {
    "empty": (b"", Cause.SIZE),
    "three bytes": (b"/a\0", Cause.SIZE),
    "not a multiple of four": (HI + b"\0", Cause.SIZE),
    "too long": (HI + bytes(MAX_BYTES), Cause.SIZE),
    "no slash": (b"abc\0,\0\0\0", Cause.ADDRESS),
    "not ASCII": (b"/\xaa\0\0", Cause.ADDRESS),
    "control character": (b"/a\x07\0,\0\0\0", Cause.ADDRESS),
    "address not terminated": (b"/abcdefg", Cause.ADDRESS),
    "address too long": (message("/" + "a" * MAX_ADDRESS, ""), Cause.ADDRESS),
    "star": (message("/*", "i", 1), Cause.PATTERN),
    "choice": (message("/{a,b}", "i", 1), Cause.PATTERN),
    "question mark": (message("/a?", "i", 1), Cause.PATTERN),
    "range": (message("/[a-z]", "i", 1), Cause.PATTERN),
    "14 stars that freeze a regular expression": (message("/phone/motion/" + "*" * 14 + "!", ""), Cause.PATTERN),
    "old message without type tags": (b"/abc\0\0\0\0" + struct.pack(">i", 3), Cause.TAGS),
    "address alone": (b"/abc\0\0\0\0", Cause.TAGS),
    "tags not terminated": (b"/abc\0\0\0\0,fff", Cause.TAGS),
    "unknown tag": (message("/a", "c", 0), Cause.TYPE),
    "array": (message("/a", "[ff]", *[1.0] * 4), Cause.TYPE),
    "65 arguments": (message("/a", "f" * (MAX_ARGUMENTS + 1), *[0.0] * (MAX_ARGUMENTS + 1)), Cause.ARGUMENTS),
    "unknown tags in bulk": (message("/a", "c" * 1900, *[0] * 1900), Cause.ARGUMENTS),
    "truncated float": (message("/a", "ff", 1.0, 2.0)[:-4], Cause.LENGTH),
    "bytes left over": (message("/a", "f", 1.0) + bytes(4), Cause.LENGTH),
    "bytes left over behind a string": (message("/a", "s", "x") + bytes(4), Cause.LENGTH),
    "string not terminated": (b"/a\0\0,s\0\0abcd", Cause.LENGTH),
    "blob longer than the datagram": (b"/a\0\0,b\0\0\0\0\0\x05abcd", Cause.LENGTH),
    "blob of 4 GiB": (b"/a\0\0,b\0\0\xff\xff\xff\xffabcd", Cause.LENGTH),
    "truncated number behind a string": (b"/a\0\0,sd\0abc\0\0\0\0\0", Cause.LENGTH),
    "bundle without time tag": (HEADER, Cause.ADDRESS),
    "not quite a bundle": (b"#bundel\0" + bytes(8), Cause.ADDRESS),
    "element of size -4 that loops for ever": (
        bytes.fromhex("2362756e646c6500 0000000000000001 fffffffc"),
        Cause.ELEMENT,
    ),
    "valid element, then back to it": (
        bundle(HI) + struct.pack(">i", -(len(HI) + 8)),
        Cause.ELEMENT,
    ),
    "element of size 0": (bundle() + bytes(4), Cause.ELEMENT),
    "element of size 3": (bundle() + struct.pack(">I", 3) + bytes(4), Cause.ELEMENT),
    "element beyond the end": (bundle(HI)[:-4], Cause.ELEMENT),
    "element beyond its own bundle": (
        bundle(HEADER + bytes(8) + struct.pack(">I", len(HI)), HI),
        Cause.ELEMENT,
    ),
    "nine bundles": (nested(MAX_DEPTH + 1, HI), Cause.DEPTH),
    "as many bundles as fit": (nested(90, bundle()), Cause.DEPTH),
    "65 messages": (bundle(*[HI] * (MAX_MESSAGES + 1)), Cause.MESSAGES),
    "one bad element": (bundle(HI, message("/*", "")), Cause.PATTERN),
}


@pytest.mark.parametrize(("data", "cause"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_with_its_cause(data: bytes, cause: Cause) -> None:
    with pytest.raises(OscError) as caught:
        decode(data)
    assert caught.value.cause is cause


def test_the_limits_themselves_are_allowed() -> None:
    assert len(decode(nested(MAX_DEPTH, HI))) == 1
    assert len(decode(bundle(*[HI] * MAX_MESSAGES))) == MAX_MESSAGES
    assert len(decode(message("/a", "f" * MAX_ARGUMENTS, *[0.0] * MAX_ARGUMENTS))[0].args) == MAX_ARGUMENTS
    assert len(decode(message("/" + "a" * (MAX_ADDRESS - 1), ""))[0].address) == MAX_ADDRESS
    # MAX_BYTES exactly: a blob that fills the datagram.
    assert len(decode(message("/a", "b", bytes(MAX_BYTES - 12)))[0].args[0]) == MAX_BYTES - 12  # type: ignore[arg-type]
