"""A browser for tests of pages: headless Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")

# No sandbox, because tests run as root in containers; a software renderer, because they have no GPU.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--autoplay-policy=no-user-gesture-required",
)


def program() -> str | None:
    """Path of the browser; None if there is none."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@contextmanager
def chromium() -> Iterator[Any]:
    """Runs a browser; skips the test, and says why, if there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = program()
    if path is None:
        pytest.skip("there is no chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS])
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """Somebody at a page, in a browser window of 1280 × 720 of their own.

    Args:
        browser: a running browser.
        url: the page.
        script: JavaScript that runs before the page's own.
        context: options of Playwright's contexts.

    Attributes:
        page: Playwright's page.
        problems: what the browser's console, failed scripts and unexpected dialogs reported.
    """

    def __init__(self, browser: Any, url: str, script: str = "", **context: Any) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 720}, **context)
        self.context.set_default_timeout(30_000)
        if script:
            self.context.add_init_script(script)
        self.url, self.problems = url, list[str]()
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("console", self._console)
        self.page.on("dialog", self._dialog)
        self.page.goto(url)

    def _console(self, message: Any) -> None:
        # What the renderer says of its own speed is no problem of the page.
        if message.type in ("error", "warning") and "GL Driver Message" not in message.text:
            self.problems.append(f"{message.type}: {message.text}")

    def _dialog(self, dialog: Any) -> None:
        if dialog.type == "beforeunload":
            dialog.accept()
            return
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def forgive(self, words: str) -> None:
        """Forgets problems that the test caused on purpose."""
        self.problems[:] = [problem for problem in self.problems if words not in problem]

    def press(self, *keys: str) -> None:
        """Presses keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def wait(self, condition: str, seconds: float = 30) -> Any:
        """Waits until an expression of JavaScript is true; Playwright's own way needs `eval`, which a page's
        policy forbids."""
        end = time.monotonic() + seconds
        while not (value := self.page.evaluate(condition)):
            assert time.monotonic() < end, f"never true: {condition} {self.said()} {self.problems}"
            time.sleep(0.02)
        return value

    def said(self) -> list[str]:
        """What the page tells its visitor at the moment."""
        return [str(text) for text in self.page.locator("[role=alert], [role=status]").all_text_contents()]

    def text(self, selector: str) -> str:
        """The text of an element."""
        return str(self.page.locator(selector).first.text_content())


@contextmanager
def visitors(browser: Any, kind: type[Visitor] = Visitor) -> Iterator[Callable[..., Any]]:
    """Yields a function that opens a page for somebody. At the end, nothing may have gone wrong at any."""
    opened: list[Visitor] = []

    def visit(url: str, *arguments: Any, **context: Any) -> Visitor:
        opened.append(kind(browser, url, *arguments, **context))
        return opened[-1]

    yield visit
    for each in opened:
        each.context.close()
    assert [each.problems for each in opened if each.problems] == []
