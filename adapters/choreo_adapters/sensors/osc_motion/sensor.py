"""The sensor itself: messages in, samples out, everything refused counted."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from choreo_adapters.osc.addresses import AddressBook, Match
from choreo_adapters.osc.announce import Announcement, is_loopback
from choreo_adapters.osc.bodies import HIPS, UP, NotAPose, Pose, body_format, limb_of, read_pose
from choreo_adapters.osc.decode import Message
from choreo_adapters.osc.limits import Verdict
from choreo_adapters.osc.presets import LAYOUTS, AxisRoute, Route
from choreo_adapters.osc.presets.axes import AxisJoin
from choreo_adapters.osc.presets.guide import AppGuide, app_guides, pairing_link
from choreo_adapters.osc.presets.learning import Strangers
from choreo_adapters.osc.presets.mapping import mapped_layout
from choreo_adapters.osc.receiver import OscReceiver
from choreo_adapters.osc.roster import Device, Roster
from choreo_adapters.sensors.osc_motion.config import OscMotionConfig
from choreo_adapters.sensors.osc_motion.health import device_facts, situation
from choreo_adapters.sensors.osc_motion.memory import Memory, Refusals
from choreo_adapters.sensors.osc_motion.samples import device_time, numbers, plausible, scaled, timetag_ns
from choreo_service.clock import Clock
from choreo_service.packets import STREAMS
from choreo_service.protocols import Emit


class OscMotion:
    """Emits what phone apps and motion capture send, in SI units; counts every sample and datagram refused by cause.

    Samples of an ambiguous unit are withheld (cause "unit undecided") until it is measured: two seconds of silence at
    the start cost less than a take with acceleration wrong by a factor of ten. `rx_ns` is when a sample was measured
    where the app stamps it (DeviceClock), else when it was received.
    """

    Config = OscMotionConfig

    def __init__(self, config: OscMotionConfig, emit: Emit, clock: Clock) -> None:
        self._config = config
        self._emit = emit
        self._clock = clock
        apps = LAYOUTS.values() if config.layout == "auto" else (LAYOUTS[config.layout],)
        self._book = AddressBook((mapped_layout(config.map), *apps))  # the user knows better than our tables
        self._trackers = {config.right_tracker: "right", config.left_tracker: "left", config.hip_tracker: HIPS}
        release_ns = round(config.release_after_s * 1e9)
        self._roster = Roster(config.performers, config.assign, release_ns, config.limbs, Memory)
        self._refused = Refusals(emit)
        self._strangers = Strangers()
        self._announcement = Announcement() if config.announce and not is_loopback(config.host) else None
        self.receiver = OscReceiver(
            self.on_message,
            self._refused.datagrams,
            clock,
            rate_hz=config.rate_limit_hz,
            burst=config.burst,
            allow=config.allow,
        )

    async def run(self) -> None:
        """Listen until cancelled. AdapterConfigError when the port can't be had."""
        host, announcement = self._config.host, self._announcement
        self.receiver.open(host, self._config.port)
        try:
            if announcement is None:
                await asyncio.get_running_loop().create_future()
            else:
                await announcement.serve(host, self.receiver.port)
        finally:
            self.receiver.close()

    @staticmethod
    def guides(host: str, port: int) -> tuple[AppGuide, ...]:
        """What to type into each app so that it sends to `host` and `port`."""
        return app_guides(host, port)

    @staticmethod
    def pairing_link(host: str, port: int) -> str:
        """The text of a QR code that sets a phone up by itself."""
        return pairing_link(host, port)

    def behind(self) -> bool:
        """Whether datagrams may wait unread."""
        return self.receiver.behind

    def health(self) -> Mapping[str, Any]:
        """Facts for telemetry.

        `unknown_addresses` are the last ones no layout knew, with the numbers of their newest message,
        `unknown_counts` how often they came, `suggested_map` what the configuration's `map` might say about them.
        """
        now_ns, devices = self._clock.now_ns(), self._roster.devices
        limited = self.receiver.rejected[Verdict.RATE] > 0
        return {
            **situation(
                self.receiver.port, self._config.host, devices, self._strangers, now_ns=now_ns, rate_limited=limited
            ),
            "target": f"{self._config.host}:{self.receiver.port}",
            **({} if self._announcement is None else {"mdns": dict(self._announcement.state)}),
            "packets": self.receiver.received,
            "accepted": self.receiver.accepted,
            "rejected": {**self.receiver.rejected, **self._refused.samples},
            "sources": {d.source: device_facts(d, now_ns) for d in devices},
            "unknown_addresses": self._strangers.numbers(),
            "unknown_counts": self._strangers.counts(),
            "suggested_map": self._strangers.suggestions(),
        }

    def on_message(self, message: Message, ip: str, rx_ns: int) -> None:
        """One decoded message of the source `ip`; every stream in it is emitted or counted as refused."""
        match = self._book.match(message.address)
        if match is None:
            self._unmatched(message, ip, rx_ns)
            return
        came = _Arrival(ip, match, rx_ns, timetag_ns(message.timetag))
        for route in match.routes:
            self._sample(route, message, came)
        if match.axis is not None:
            self._axis(*match.axis, message, came)
        for route in match.facts:
            self._fact(route, message, came)

    def _sample(self, route: Route, message: Message, came: _Arrival) -> None:
        raw = self._finite(message, route.args, came.ip)
        if raw is None:
            return
        promised = raw if route.ambiguous else scaled(raw, route.scale)
        device = self._seated(str(route.stream), promised, came)
        if device is not None:
            self._measured(route, raw, device, came, device_time(message.args, route))

    def _measured(
        self,
        route: Route | AxisRoute,
        raw: Sequence[float],
        device: Device[Memory],
        came: _Arrival,
        stamp_ns: int | None = None,
    ) -> None:
        """Numbers as they came, by what they are known to mean."""
        read = device.memory.units.read(route, raw, came.rx_ns)
        if read is None:
            self._refused.sample("unit undecided", device.source)
            return
        stream, factor = read
        values = scaled(raw, factor)
        if plausible(stream, values):
            self._send(device, stream, values, came, stamp_ns)
        else:
            self._refused.sample("implausible value", device.source)

    def _axis(self, axes: AxisRoute, index: int, message: Message, came: _Arrival) -> None:
        raw = self._finite(message, (0,), came.ip)
        device = None if raw is None else self._seated(axes.stream, scaled(raw, axes.scale), came, counts=False)
        if raw is None or device is None:
            return
        join = device.memory.joins.setdefault(axes.prefix, AxisJoin())
        vector, given_up = join.add(index, raw[0], came.rx_ns)
        if given_up:
            self._refused.sample("axis missing", device.source, given_up)
        if vector is not None:
            device.heard(came.match.layout, came.rx_ns)
            self._measured(axes, vector, device, came)

    def _unmatched(self, message: Message, ip: str, rx_ns: int) -> None:
        body = body_format(message.address) if self._config.layout == "auto" else None
        if body is None:
            self._strangers.add(message.address, message.args)
            self._refused.sample("unknown address", ip)
            return
        try:
            pose = read_pose(message.address, message.args, self._trackers)
        except NotAPose as fault:
            self._refused.sample(str(fault), ip)
            return
        if pose is not None:
            self._pose(pose, _Arrival(ip, Match(body, body), rx_ns, timetag_ns(message.timetag)))

    def _pose(self, pose: Pose, came: _Arrival) -> None:
        limb = limb_of(pose)
        if limb is None:
            if (known := self._roster.known(came.ip, came.match.device)) is not None:
                known.memory.body.place(pose)
            return
        device = self._seated("linear_acceleration", (), came, counts=False)
        if device is None:
            return
        if device.memory.body.paces(pose):
            device.heard(came.match.layout, came.rx_ns)
        acceleration = device.memory.body.move(pose, came.rx_ns)
        if acceleration is None:
            return
        if not plausible("linear_acceleration", acceleration):
            self._refused.sample("implausible value", device.source)
            return
        self._send(device, "gravity", UP, came, limb=limb)
        self._send(device, "linear_acceleration", acceleration, came, limb=limb)

    def _fact(self, route: Route, message: Message, came: _Arrival) -> None:
        """What a device tells of itself, if it plays: a battery alone takes no performer."""
        raw = self._finite(message, route.args, came.ip)
        device = self._roster.known(came.ip, came.match.device)
        if raw is not None and device is not None:
            device.memory.facts[route.fact] = raw[0]

    def _finite(self, message: Message, indices: Sequence[int], ip: str) -> tuple[float, ...] | None:
        raw = numbers(message.args, indices)
        if raw is None:
            self._refused.sample("wrong arguments", ip)
        elif not all(map(math.isfinite, raw)):
            self._refused.sample("not finite", ip)
        else:
            return raw
        return None

    def _seated(
        self, stream: str, values: Sequence[float], came: _Arrival, *, counts: bool = True
    ) -> Device[Memory] | None:
        """Who sent this, or None where nobody should hear it, which is counted. `counts`: it is a sample by itself."""
        ip, match, rx_ns, _ = came
        if not plausible(stream, values):  # before seating: nonsense must not take a performer's place
            self._refused.sample("implausible value", ip)
            return None
        device = self._roster.seat(ip, match.device, STREAMS[stream].modality, rx_ns)
        if device is None:
            self._refused.sample("unknown performer", ip)
        elif counts:
            device.heard(match.layout, rx_ns, patient=match.patient)
        return device

    def _send(
        self,
        device: Device[Memory],
        stream: str,
        values: Sequence[float],
        came: _Arrival,
        stamp_ns: int | None = None,
        *,
        limb: str = "",
    ) -> None:
        """`stamp_ns` is the time inside the message; without one the time tag of its bundle stands for it."""
        rx_ns, source_ns = came.rx_ns, came.tag_ns if stamp_ns is None else stamp_ns
        if source_ns is not None:
            clock = device.memory.wall_clock if stamp_ns is None else device.memory.clock
            rx_ns = clock.local(source_ns, rx_ns)
        limb = limb or device.limb
        source = f"{device.source}@{limb}" if limb else device.source
        self._emit(stream, values, performer=device.performer, source=source, rx_ns=rx_ns, source_ns=source_ns)


class _Arrival(NamedTuple):
    """Where one message came from, and when."""

    ip: str
    match: Match
    rx_ns: int
    tag_ns: int | None  # its bundle's time tag, on the sender's wall clock
