"""Which device belongs to which performer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Final, Generic, TypeVar

Found = TypeVar("Found")
Memory = TypeVar("Memory")  # what the owner of a roster remembers of each device

MAX_DEVICES: Final = 80  # 16 performers with a source per modality, and some room for assigned ones
RATE_WINDOW_NS: Final = 1_000_000_000
STALL_NS: Final = 150_000_000  # silence of a phone that sends without pause
STALL_PERIODS: Final = 3  # of a slow one
UNCHANGED_NS: Final = 2_000_000_000  # silence of an app that leaves out what didn't change


class Device(Generic[Memory]):
    """One sender that has a performer: `ip`, or `ip:name` where its layout carries a device name."""

    def __init__(self, source: str, performer: int, limb: str, remember: Callable[[], Memory]) -> None:
        self._remember = remember
        self.source = source
        self.performer = performer
        self.limb = limb  # of packets.LIMBS, "" on the body
        self.samples = 0
        self.rate_hz = 0.0
        self.heard_ns = 0
        self.layout = ""
        self.stalls = 0  # silences longer than `stall_ns`
        self._patient = False
        self._window_ns = 0
        self._window_count = 0

    @cached_property
    def memory(self) -> Memory:
        """Kept as long as the device."""
        return self._remember()

    @property
    def stall_ns(self) -> int:
        """Silence after which the device has stalled, by how it sends."""
        if self._patient or not self.rate_hz:
            return UNCHANGED_NS
        return max(STALL_NS, round(STALL_PERIODS * 1e9 / self.rate_hz))

    def heard(self, layout: str, t_ns: int, *, patient: bool = False) -> None:
        """Count one sample; `patient` says that silence of this layout may mean that nothing changed."""
        if self.samples and t_ns - self.heard_ns > self.stall_ns:
            self.stalls += 1
        self._patient = patient
        self.samples += 1
        self.heard_ns = t_ns
        self.layout = layout
        self._window_count += 1
        elapsed = t_ns - self._window_ns
        if elapsed >= RATE_WINDOW_NS:
            self.rate_hz = self._window_count * 1e9 / elapsed if self._window_ns else 0.0
            self._window_ns, self._window_count = t_ns, 0


class Roster(Generic[Memory]):
    """Seats for `performers`, one device per performer and modality.

    Devices named in `assign` have the performer written there. The others are seated in the order they are first
    heard, the motion of one phone and the heart rate of another app on the same performer. A seat is given to a
    newcomer only after its holder was silent for `release_after_ns`: a phone that comes back with another address
    takes its seat again, a second phone never pushes out one that plays. Devices named in `limbs` sit on that limb of
    their performer, beside whoever sits on the body. Memory is bounded by MAX_DEVICES.
    """

    def __init__(
        self,
        performers: int,
        assign: Mapping[str, int],
        release_after_ns: int,
        limbs: Mapping[str, str],
        remember: Callable[[], Memory],
    ) -> None:
        """`remember` makes the empty memory of a device."""
        self._performers = performers
        self._assign = dict(assign)
        self._limbs = dict(limbs)
        self._release_after_ns = release_after_ns
        self._remember = remember
        self._devices: dict[str, Device[Memory]] = {}
        self._seats: dict[tuple[int, str], Device[Memory]] = {}  # (performer, modality with its limb) -> who holds it

    @property
    def devices(self) -> tuple[Device[Memory], ...]:
        """Every device that holds a seat or has one assigned, in the order first heard."""
        return tuple(self._devices.values())

    def seat(self, ip: str, name: str, modality: str, t_ns: int) -> Device[Memory] | None:
        """The device whose samples of `modality` come from `ip` (and `name`), or None when every seat is taken."""
        source = source_of(ip, name)
        device = self._devices.get(source)
        if device is not None and self._seats.get((device.performer, _seat(modality, device.limb))) is device:
            return device
        limb = _first(self._limbs, source, name, ip) or ""
        performer = _first(self._assign, source, name, ip)
        if performer is None:
            return self._newcomer(device or Device(source, _UNSEATED, limb, self._remember), modality, t_ns)
        if device is None and self._room(t_ns):
            device = self._devices[source] = Device(source, performer, limb, self._remember)
        return device

    def known(self, ip: str, name: str) -> Device[Memory] | None:
        """The device if it holds a seat or has one assigned and was heard."""
        return self._devices.get(source_of(ip, name))

    def _room(self, t_ns: int) -> bool:
        """An assigned address may invent device names without end: the one silent longest makes room, if any is."""
        if len(self._devices) < MAX_DEVICES:
            return True
        seated = set(self._seats.values())
        idle = min((d for d in self._devices.values() if d not in seated), key=lambda d: d.heard_ns, default=None)
        if idle is None or t_ns - idle.heard_ns < self._release_after_ns:
            return False
        del self._devices[idle.source]
        return True

    def _newcomer(self, device: Device[Memory], modality: str, t_ns: int) -> Device[Memory] | None:
        seat = _seat(modality, device.limb)
        # An assigned performer waits for its own device: on the body, or on the limb that device is worn on.
        reserved = {p for key, p in self._assign.items() if self._limbs.get(key, "") == device.limb}
        seated = device.performer != _UNSEATED
        candidates = [device.performer] if seated else [p for p in range(self._performers) if p not in reserved]
        free = [p for p in candidates if (p, seat) not in self._seats] or [
            p for p in candidates if t_ns - self._seats[p, seat].heard_ns >= self._release_after_ns
        ]
        if not free:
            return None
        device.performer = free[0]
        previous = self._seats.get((free[0], seat))
        self._seats[free[0], seat] = self._devices[device.source] = device
        if previous is not None and previous not in self._seats.values():
            del self._devices[previous.source]
        return device


def source_of(ip: str, name: str) -> str:
    """How a device is called: by its address, and its name where its layout carries one."""
    return f"{ip}:{name}" if name else ip


def _seat(modality: str, limb: str) -> str:
    """A performer has one heart, and a place for motion on the body and on each limb."""
    return f"motion@{limb}" if limb and modality == "motion" else modality


def _first(table: Mapping[str, Found], *keys: str) -> Found | None:
    return next((table[key] for key in keys if key in table), None)


_UNSEATED: Final = -1
