"""No barrier for anybody, as axe-core finds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rig.pages import VIEWS, Pages, PageShow, axe_source, settled

pytestmark = [pytest.mark.peer("chromium"), pytest.mark.slow]


@pytest.mark.peer("npm")
def test_the_search_for_barriers_finds_one(
    pages: Pages, show: PageShow, tmp_path_factory: pytest.TempPathFactory
) -> None:
    axe = axe_source(tmp_path_factory.mktemp("axe"))

    def act(page: Any) -> list[str]:
        page.evaluate(axe)
        page.evaluate("document.querySelector('main').append(document.createElement('button'))")
        found: list[str] = page.evaluate("axe.run().then(r => r.violations.map(v => v.id))")
        return found

    assert "button-name" in pages.visit(f"{show.url}/sensors", act, bypass_csp=True)


@pytest.mark.peer("npm")
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_no_serious_barrier_for_anybody(
    pages: Pages, show: PageShow, tmp_path_factory: pytest.TempPathFactory, theme: str, shots: Path
) -> None:
    axe = axe_source(tmp_path_factory.mktemp("axe"))
    for view in VIEWS:

        def act(page: Any, view: str = view) -> list[str]:
            if theme == "light" and view != "/stage":
                page.keyboard.press("d")
            settled(page, view)
            page.evaluate(axe)
            found = page.evaluate("axe.run().then(r => r.violations)")
            page.screenshot(path=str(shots / f"{view.strip('/') or 'live'}-{theme}.png"))
            return [
                f"{one['id']}: {node['html'][:160]}"
                for one in found
                if one["impact"] in ("serious", "critical")
                for node in one["nodes"]
            ]

        assert pages.visit(show.url + view, act, reduced_motion="reduce", bypass_csp=True) == [], view
