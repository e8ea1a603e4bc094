"""The page's QR code has what a scanner looks for first, and differs with the address."""

from __future__ import annotations

from choreo_service.dashboard.qr import qr_modules

FINDER = ["1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111"]


def test_three_corners_carry_the_finder_pattern() -> None:
    rows = qr_modules("http://192.0.2.10:8787/#token=abcdefghijklmnopqrstuvwxyz")
    size = len(rows)
    assert all(len(row) == size for row in rows)
    for y, x in ((0, 0), (0, size - 7), (size - 7, 0)):
        assert [row[x : x + 7] for row in rows[y : y + 7]] == FINDER


def test_another_address_is_another_code() -> None:
    assert qr_modules("http://192.0.2.10:1/") != qr_modules("http://192.0.2.11:1/")
