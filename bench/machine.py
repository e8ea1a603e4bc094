"""The machine a figure comes from, and what else it does. No names: only what changes the figures."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine() -> str:
    """Processor, cores, kernel and interpreter."""
    return (
        f"{os.cpu_count()} cores ({_processor()}), {platform.system()} {_release()}, Python {platform.python_version()}"
    )


def load() -> str:
    """The load average of the last minute, before the run adds its own."""
    return f"load average {os.getloadavg()[0]:.1f} before the run"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _release() -> str:
    return ".".join(platform.release().split(".")[:2])
