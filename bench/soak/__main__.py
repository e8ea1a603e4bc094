"""`make soak`: faults in real time, each section's figures printed beside the targets and written into the page."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Final

from bench import published
from bench.figures import Section
from bench.soak.steady import steady

SECTIONS: Final[dict[str, Callable[[float], list[Section]]]] = {"steady": steady}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make soak")
    parser.add_argument("--minutes", type=float, default=10.0, help="of real time for the steady section")
    parser.add_argument("--only", choices=SECTIONS, nargs="+", default=list(SECTIONS))
    parser.add_argument("--print", action="store_true", dest="print_only", help="leave docs/reliability.md as it is")
    chosen = parser.parse_args()
    for name in chosen.only:
        for section in SECTIONS[name](chosen.minutes):
            print(f"\n{published.text(section)}", flush=True)
            if not chosen.print_only:
                published.publish(section)


if __name__ == "__main__":
    main()
