"""The MIDI system: which one, which ports, and whether a port of our own can be made."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any, Final

from choreo_service.doctor.child import NoAnswer, ask
from choreo_service.doctor.report import Finding

TIMEOUT_S: Final = 5.0
_FIXES: Final = {
    "linux": "load ALSA's sequencer (modprobe snd-seq; in a container: --device /dev/snd), or start JACK",
    "darwin": "open Audio MIDI Setup and switch the IAC driver on",
    "win32": "install loopMIDI, make a port called choreo",
}


def ports() -> Iterator[Finding]:
    """Ask the MIDI driver in a child process: it can freeze its process while it holds Python's lock."""
    fix = _FIXES.get(sys.platform, "")
    try:
        yield from judge(ask(__name__, timeout_s=TIMEOUT_S), fix)
    except NoAnswer as error:
        yield Finding("midi", "warn", f"no MIDI here ({error}); OSC and the other bridges work", fix)


def judge(answer: dict[str, Any], fix: str) -> Iterator[Finding]:
    """The verdict on what the driver said."""
    names = answer["outputs"]
    yield Finding("midi", "ok", f"{answer['api']}: {', '.join(names) if names else 'no other ports yet'}")
    if answer["virtual"]:
        yield Finding("midi port", "ok", "a port of our own can be made")
    else:
        yield Finding("midi port", "warn", f"no port of our own can be made: {answer['reason']}", fix)


def main() -> int:
    """The child: prints {"api", "outputs", "virtual", "reason"} of the first MIDI system that answers, as one line."""
    import rtmidi

    refused = []
    for api in rtmidi.get_compiled_api():
        try:
            out = rtmidi.MidiOut(api, name="choreo-doctor")
        except (rtmidi.RtMidiError, SystemError) as error:
            refused.append(f"{rtmidi.get_api_display_name(api)}: {error}")
            continue
        sys.stdout.write(json.dumps(_asked(rtmidi, out)) + "\n")
        return 0
    sys.stderr.write("; ".join(refused) + "\n")
    return 1


def _asked(rtmidi: Any, out: Any) -> dict[str, Any]:
    answer = {"api": rtmidi.get_api_display_name(out.get_current_api()), "outputs": out.get_ports()}
    try:
        out.open_virtual_port("choreo-doctor")
    except (rtmidi.RtMidiError, NotImplementedError) as error:
        return answer | {"virtual": False, "reason": str(error)}
    return answer | {"virtual": True, "reason": ""}


if __name__ == "__main__":
    sys.exit(main())
