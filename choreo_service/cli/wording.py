"""Small words of the command line's English."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """ "1 sensor", "2 sensors"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
