"""What the page plays when it is listened to."""

from __future__ import annotations

from typing import Any

import pytest
from rig.pages import Pages, PageShow, answered

pytestmark = [pytest.mark.peer("chromium"), pytest.mark.slow]


def test_listening_changes_with_the_controls(pages: Pages, show: PageShow) -> None:
    """Brighter is brighter and denser is louder, in what the page really plays."""

    def act(page: Any) -> dict[str, float]:
        page.locator(".control").first.wait_for()
        assert page.evaluate("choreo.heard().rms") == 0  # off until asked for
        page.get_by_role("button", name="Listen here").click()
        answered(page, "listening")
        heard = page.evaluate(
            """async () => {
              const { Instrument } = await import('/static/sound.js');
              const { now } = await import('/static/link.js');
              const mean = async (positions) => {
                const one = new Instrument(now.hello.controls);
                await one.start();
                const values = now.hello.controls.map((c, i) => c.lo + positions[i] * (c.hi - c.lo));
                let [rms, centroid, n] = [0, 0, 0];
                for (let i = 0; i < 50; i++) {
                  one.play(values);
                  await new Promise((r) => setTimeout(r, 60));
                  if (i < 12) continue;
                  const h = one.heard();
                  rms += h.rms; centroid += h.centroid * h.rms; n += h.rms;
                }
                await one.stop();
                return { rms: rms / 38, centroid: centroid / n };
              };
              const dark = await mean([0.5, 0.6, 0.3, 0.05, 0]);
              const bright = await mean([0.5, 0.6, 0.3, 0.95, 0]);
              const sparse = await mean([0.5, 0.0, 0.3, 0.6, 0]);
              const dense = await mean([0.5, 1.0, 0.3, 0.6, 0]);
              return { dark: dark.centroid, bright: bright.centroid, sparse: sparse.rms, dense: dense.rms };
            }"""
        )
        assert page.evaluate("choreo.heard().rms") > 1e-4
        page.keyboard.press("a")
        answered(page, "silent")
        result: dict[str, float] = heard
        return result

    heard = pages.visit(show.url, act)
    print("heard:", {k: round(v, 4) for k, v in heard.items()})
    assert heard["bright"] > 1.5 * heard["dark"]
    assert heard["dense"] > 1.15 * heard["sparse"]
