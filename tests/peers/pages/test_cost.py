"""What a page weighs and costs, and that a hidden one costs less."""

from __future__ import annotations

from typing import Any

import pytest
from rig.pages import Pages, PageShow
from rig.process import wait_until

pytestmark = [pytest.mark.peer("chromium"), pytest.mark.slow]


def test_a_hidden_tab_slows_down(pages: Pages, show: PageShow) -> None:
    def act(page: Any) -> None:
        page.locator(".control").first.wait_for()
        (client,) = show.page.hub.clients
        assert client.hz == 30.0
        for hidden, hz in (("true", 2.0), ("false", 30.0)):
            page.evaluate(f"Object.defineProperty(document, 'hidden', {{ configurable: true, get: () => {hidden} }})")
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
            wait_until(lambda hz=hz: client.hz == hz, f"{hz} frames a second are asked for")  # type: ignore[misc]

    pages.visit(show.url, act)


def test_the_page_is_light_and_cheap(pages: Pages, show: PageShow) -> None:
    """Everything Live loads, and what it costs while it runs."""

    def act(page: Any) -> tuple[float, float, float, float]:
        page.wait_for_timeout(1000)
        sizes = page.evaluate(
            "performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))"
            ".map(e => [e.transferSize, e.decodedBodySize])"
        )
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0")
        cost = page.context.new_cdp_session(page)
        cost.send("Performance.enable")

        def script() -> float:
            metrics = {m["name"]: m["value"] for m in cost.send("Performance.getMetrics")["metrics"]}
            return float(metrics["ScriptDuration"])

        before = script()
        page.wait_for_timeout(4000)
        return sum(s[0] for s in sizes) / 1e3, sum(s[1] for s in sizes) / 1e3, paint, (script() - before) / 4

    sent, unpacked, paint, script = pages.visit(show.url, act)
    print(f"page: {sent:.0f} kB sent, {unpacked:.0f} kB unpacked")
    print(f"first paint {paint:.0f} ms, script {1e3 * script:.0f} ms/s")
    assert 10 < sent < 150
    assert unpacked < 150
