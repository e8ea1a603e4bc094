"""Log lines are facts, and writing them never stops the caller."""

import io
import json
import os
import threading
from pathlib import Path
from typing import Any

import structlog

from choreo_service import logs
from choreo_service.clock import NS
from choreo_service.logs.kept import kept_logs
from choreo_service.logs.limit import BURST, RateLimit


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_elsewhere_than_on_a_terminal_lines_are_json() -> None:
    stream = io.StringIO()
    writer = logs.configure("info", "auto", stream)
    logs.get_logger().info("bridge.up", port="choreo", down_s=0.5)
    logs.get_logger().debug("not.shown")
    writer.close()
    [line] = stream.getvalue().splitlines()
    event = json.loads(line)
    assert (event["event"], event["level"], event["port"], event["down_s"]) == ("bridge.up", "info", "choreo", 0.5)


def test_a_terminal_gets_readable_lines() -> None:
    stream = Terminal()
    writer = logs.configure("debug", "auto", stream)
    logs.get_logger().debug("tick.skipped", slots=3)
    writer.close()
    assert "tick.skipped" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_a_traceback_shows_no_local_variables() -> None:
    stream = io.StringIO()
    log = logs.configure(fmt="console", stream=stream)
    try:
        hidden = "-".join(("a", "token"))
        assert hidden
        raise ValueError("shown")
    except ValueError as error:
        logs.get_logger().error("http.fault", exc_info=error)
    log.close()
    structlog.reset_defaults()
    assert "ValueError: shown" in stream.getvalue()
    assert "a-token" not in stream.getvalue()


def test_a_pipe_nobody_reads_costs_lines_not_time() -> None:
    """The pipe holds 64 KiB; what doesn't fit in it and in the queue is dropped and counted, and close() returns."""
    read_end, write_end = os.pipe()
    stuck = os.fdopen(write_end, "w")
    writer = logs.QueuedWriter(stuck)
    written = 100_000
    for i in range(written):
        writer.write(f"line {i}\n")
    assert writer.dropped > 0
    writer.close()
    received = os.fdopen(read_end)
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(received))
    reader.start()
    while writer.alive:  # the reader is back: what was queued arrives
        threading.Event().wait(0.01)
    stuck.close()
    reader.join()
    received.close()
    assert len(lines) + writer.dropped == written
    assert lines[0] == "line 0\n"


def test_the_logs_of_the_last_shows_are_kept_as_json_whatever_the_terminal_gets(tmp_path: Path) -> None:
    for show in range(7):
        log = logs.configure("info", "console", io.StringIO(), keep=tmp_path / "state")
        logs.get_logger().warning("bridge.down", show=show)
        log.close()
    files = kept_logs(tmp_path / "state")
    assert [path.name for path in files] == ["show.log", *(f"show.{n}.log" for n in range(1, 5))]
    events = [json.loads(path.read_text()) for path in files]
    assert [event["show"] for event in events] == [6, 5, 4, 3, 2]  # newest first, the oldest two are gone
    assert all(event["level"] == "warning" and event["timestamp"].endswith("Z") for event in events)


def test_a_kept_log_has_an_end(tmp_path: Path) -> None:
    with (tmp_path / "show.log").open("w") as file:
        writer = logs.QueuedWriter(file, limit=100)
        for i in range(50):
            writer.write(f"line {i:04}\n")
        writer.close()
    assert (tmp_path / "show.log").read_text().splitlines() == [f"line {i:04}" for i in range(10)]
    assert writer.dropped == 40


def test_a_folder_that_cant_be_written_keeps_nothing_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    stream = io.StringIO()
    log = logs.configure("info", "json", stream, keep=tmp_path / "state")
    logs.get_logger().info("bridge.up")
    log.close()
    assert "bridge.up" in stream.getvalue()


def test_an_event_that_repeats_itself_is_limited_and_counted_and_others_are_heard() -> None:
    now = [0]
    limit = RateLimit(lambda: now[0])

    def passes(name: str) -> dict[str, Any] | None:
        try:
            return dict(limit(None, "warning", {"event": name}))
        except structlog.DropEvent:
            return None

    assert [passes("flap") is not None for _ in range(50)] == [True] * BURST + [False] * (50 - BURST)
    assert passes("other") == {"event": "other"}
    now[0] += 2 * NS
    assert passes("flap") == {"event": "flap", "suppressed": 50 - BURST}
    assert passes("flap") == {"event": "flap"}
    assert passes("flap") is None


def test_a_stream_that_is_gone_is_survived() -> None:
    stream = io.StringIO()
    writer = logs.QueuedWriter(stream)
    stream.close()
    writer.write("lost\n")
    writer.close()
    assert writer.dropped == 1


def test_another_level_counts_at_once_and_leaves_the_rest_as_it_was() -> None:
    shown = io.StringIO()
    log = logs.configure("info", "json", shown)
    logs.get_logger().debug("first")
    logs.set_level("debug")
    logs.get_logger().debug("second")
    log.close()
    assert [json.loads(line)["event"] for line in shown.getvalue().splitlines()] == ["second"]
