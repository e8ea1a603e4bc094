"""`make soak`: faults in real time, each section's figures printed beside the targets and written into the page."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Final

from bench import published
from bench.figures import Section
from bench.soak.crowded import crowded
from bench.soak.files import files
from bench.soak.flooded import flooded
from bench.soak.loaded import loaded
from bench.soak.outputs import outputs
from bench.soak.poisoned import poisoned
from bench.soak.radio import radio
from bench.soak.stalled import stalled
from bench.soak.steady import steady

SECTIONS: Final[Mapping[str, Callable[[argparse.Namespace], list[Section]]]] = {
    "steady": lambda chosen: steady(chosen.minutes),
    "loaded": lambda _: loaded(),
    "stalled": lambda _: stalled(),
    "crowded": lambda _: crowded(),
    "poisoned": lambda chosen: poisoned(chosen.ticks),
    "radio": lambda _: radio(),
    "flooded": lambda _: flooded(),
    "outputs": lambda _: outputs(),
    "files": lambda _: files(),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make soak")
    parser.add_argument("--minutes", type=float, default=10.0, help="of real time for the steady section")
    parser.add_argument("--ticks", type=int, default=1_000_000, help="of the poisoned section, about 0.15 ms each")
    parser.add_argument("--only", choices=SECTIONS, nargs="+", default=list(SECTIONS))
    parser.add_argument("--print", action="store_true", dest="print_only", help="leave docs/reliability.md as it is")
    chosen = parser.parse_args()
    for name in chosen.only:
        for section in SECTIONS[name](chosen):
            print(f"\n{published.text(section)}", flush=True)
            if not chosen.print_only:
                published.publish(section)


if __name__ == "__main__":
    main()
