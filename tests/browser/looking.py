"""What a page looks like, and what stands in the way of those who cannot see it so."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from playwright.sync_api import Page


def pixels(locator: Any) -> Any:
    """(height, width, 3) of an element as it is shown."""
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB")).astype(int)


def ink(picture: Any) -> float:
    """Share of pixels that differ clearly from the commonest colour."""
    code = (picture * (1 << 16, 1 << 8, 1)).sum(axis=-1)
    commonest = int(np.bincount(code.ravel()).argmax())
    page = np.array([commonest >> 16, commonest >> 8 & 255, commonest & 255])
    return float((np.abs(picture - page).max(axis=2) > 40).mean())


def hurdles(page: Page, axe: str) -> list[Any]:
    """What axe-core holds against a page, all of it unfolded, in an isolated world that its policy does not bind."""
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    client = page.context.new_cdp_session(page)
    frame = client.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
    made = client.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": "axe"})
    world = made["executionContextId"]
    client.send("Runtime.evaluate", {"expression": axe + "; true", "contextId": world})
    found = client.send(
        "Runtime.evaluate",
        {
            "expression": "axe.run(document, {resultTypes: ['violations'], preload: false}).then(r => r.violations.map("
            "v => [v.impact, v.id, v.nodes.slice(0, 3).map(n => n.html.slice(0, 120)), v.nodes[0].failureSummary]))",
            "contextId": world, "awaitPromise": True, "returnByValue": True,
        },
    )  # fmt: skip
    return list(found["result"]["value"])
