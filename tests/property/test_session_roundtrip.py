"""Whatever Ingress may accept comes back from disk as it was."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from choreo_service.packets import STREAMS, SensorPacket
from choreo_service.session import PacketColumns, open_session, write_session

INT64 = st.integers(-(1 << 63) + 1, (1 << 63) - 1)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def packet_lists(draw: st.DrawFn) -> list[SensorPacket]:
    """Rising seq, stamps that never decrease, everything else free."""
    t_ns, seq = draw(st.integers(0, 1 << 60)), draw(st.integers(0, 1 << 40))
    packets = []
    for _ in range(draw(st.integers(0, 20))):
        t_ns += draw(st.integers(0, 1 << 40))
        seq += draw(st.integers(1, 1000))
        stream = STREAMS[draw(st.sampled_from(sorted(STREAMS)))]
        packets.append(
            SensorPacket(
                stream=stream.name,
                performer=draw(st.integers(0, 127)),
                seq=seq,
                t_ns=t_ns,
                rx_ns=draw(INT64),
                source_ns=draw(st.none() | INT64),
                source_id=draw(st.text(max_size=20)),
                values=tuple(draw(st.lists(FINITE, min_size=stream.width, max_size=stream.width))),
            )
        )
    return packets


@settings(max_examples=60, deadline=None)
@given(packets=packet_lists())
def test_packets_survive_the_disk(packets: list[SensorPacket]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        session = write_session(Path(folder) / "take", packets=iter(packets), steps=None, meta={})
        assert list(open_session(session.path).packets()) == packets
        columns = PacketColumns.join(session.packet_columns())
        assert [columns.packet(i) for i in range(len(columns))] == packets
        assert session.meta["performers"] == max((p.performer + 1 for p in packets), default=1)
