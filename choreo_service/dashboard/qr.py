"""A QR code as the page draws it: rows of 0 and 1, without the quiet border."""

from __future__ import annotations

import segno


def qr_modules(text: str) -> list[str]:
    """One string of 0 and 1 per row. An address and a token take about 2 ms."""
    return ["".join(str(int(dark)) for dark in row) for row in segno.make(text, error="m", micro=False).matrix]
