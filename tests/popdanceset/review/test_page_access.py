"""The page without a mouse, for screen readers, in the dark, and on a small screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Visit = Callable[..., Any]

CONTROLS = {"button", "checkbox", "combobox", "link", "radio", "searchbox", "slider", "spinbutton", "textbox",
            "grid", "application", "progressbar", "dialog", "columnheader"}  # fmt: skip

LOW_CONTRAST = """() => {
    const channel = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    const parse = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) =>
        0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
    const behind = (node) => {
        for (let each = node; each; each = each.parentElement) {
            const colour = parse(getComputedStyle(each).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) return colour;
        }
        return [255, 255, 255];
    };
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text = walker.nextNode(); text; text = walker.nextNode()) {
        const node = text.parentElement;
        if (!text.data.trim() || !node.checkVisibility()) continue;
        if (node.closest(":disabled, canvas, option, noscript")) continue;
        const [a, b] = [light(parse(getComputedStyle(node).color)), light(behind(node))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) found.push(`${text.data.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
    }
    return found;
}"""

OUTSIDE = """() => [...document.querySelectorAll("button, select, input, canvas, video, [role=slider]")]
    .filter((node) => node.checkVisibility())
    .filter((node) => {
        const { left, top, right, bottom } = node.getBoundingClientRect();
        return !node.closest("aside") && (left < 0 || top < 0 || right > innerWidth || bottom > innerHeight);
    })
    .map((node) => node.id || node.textContent)"""


def nameless(page: Any) -> list[str]:
    """Controls that a screen reader could not name."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    return [
        f"{node['role']['value']} {node.get('properties')}"
        for node in nodes
        if not node["ignored"]
        and node["role"]["value"] in CONTROLS
        and not node.get("name", {}).get("value", "").strip()
    ]


def everywhere(ann: Any) -> list[str]:
    """Goes through all views and dialogs; stops at each with its name."""
    ann.at_list()
    yield "list"
    ann.open_first()
    yield "clip"
    for key, name in (("r", "reject"), ("g", "genre"), ("d", "dancer"), ("m", "music"), ("?", "keys")):
        ann.press(key)
        ann.page.wait_for_selector("dialog[open]")
        yield name
        ann.press("Escape")
        ann.page.wait_for_selector("dialog", state="hidden")
    ann.press("e")
    ann.saved()
    yield "decided"


def test_every_control_has_a_name(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    found = {place: names for place in everywhere(ann) if (names := nameless(ann.page))}
    assert found == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(served: Any, visit: Visit, scheme: str) -> None:
    ann = visit(served.url, color_scheme=scheme)
    found = {place: texts for place in everywhere(ann) if (texts := ann.page.evaluate(LOW_CONTRAST))}
    assert found == {}


def test_nothing_lies_outside_a_small_screen(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    ann.open_first()
    assert ann.page.evaluate(OUTSIDE) == []
    assert ann.page.evaluate("document.scrollingElement.scrollHeight <= innerHeight")
    ann.press("r")
    ann.page.wait_for_selector("dialog[open]")
    assert ann.page.evaluate(OUTSIDE) == []


def test_a_review_without_a_mouse(served: Any, visit: Visit) -> None:
    ann = visit(served.url, "")
    ann.page.wait_for_selector("dialog[open]")
    ann.page.keyboard.type("Ann")
    ann.press("Enter")
    ann.at_list()
    ann.press("j", "Enter")
    first = ann.at_clip()
    ann.press(".", ".", "s", "r", "ArrowDown", "Enter")
    ann.saved()
    ann.press("Escape")
    ann.at_list()
    ann.press("/")
    ann.page.keyboard.type(first)
    ann.press("Tab")
    assert ann.text("#found") == "1 clip of 12"
    kinds = [(each.decision.kind, each.decision.value) for each in served.database.decisions()]
    assert [kind for kind, _ in kinds] == ["split", "reject"]


def test_the_focus_can_be_seen_and_reaches_every_control(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    ann.open_first()
    wanted = ann.page.evaluate(
        "[...document.querySelectorAll('header a, header button, #view-clip button, #view-clip select,"
        " #view-clip input, #timeline, #body')]"
        ".filter((node) => node.checkVisibility() && !node.disabled).length"
    )
    reached = set()
    for _ in range(wanted + 5):
        ann.press("Tab")
        here = ann.page.evaluate(
            "(() => { const node = document.activeElement; window.count ??= new Map();"
            " if (!count.has(node)) count.set(node, count.size);"
            " return [count.get(node), getComputedStyle(node).outlineStyle, node.tagName + node.id]; })()"
        )
        if here[2] != "BODY":
            assert here[1] == "solid", here
            reached.add(here[0])
    assert len(reached) >= wanted


def test_nothing_moves_by_itself_for_those_who_dislike_it(served: Any, visit: Visit) -> None:
    ann = visit(served.url, reduced_motion="reduce")
    ann.open_first()
    durations = ann.page.evaluate(
        "[...document.querySelectorAll('*')].map((node) => getComputedStyle(node).transitionDuration)"
    )
    assert set(durations) == {"0s"}
    assert ann.page.evaluate("popdanceset.clock.playing") is False
