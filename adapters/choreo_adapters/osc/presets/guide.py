"""What a person types into a phone app to reach this service."""

from __future__ import annotations

from dataclasses import dataclass

from choreo_adapters.osc.presets.phones import LAYOUTS


@dataclass(frozen=True, slots=True)
class AppGuide:
    """The steps for one app."""

    layout: str  # key of LAYOUTS
    app: str
    about: str
    steps: tuple[str, ...]


def app_guides(host: str, port: int) -> tuple[AppGuide, ...]:
    """Every app we know, told to send to `host` and `port`."""
    return tuple(
        AppGuide(name, layout.app, layout.about, tuple(step.format(host=host, port=port) for step in layout.steps))
        for name, layout in LAYOUTS.items()
    )


def pairing_link(host: str, port: int) -> str:
    """What CoMote's own scanner reads from a QR code; comote-helpers (qrcode.js) writes the same.

    Any other camera shows the address in it.
    """
    return f"comote://settings?interval=10&osc-url=udp://{host}:{port}&osc-enable=1"
