"""The review room with 2,000 clips in headless Chromium: paint, scrolling, memory, video and body in step.

    python tests/benchmarks/review.py [--clips N] [--seconds S] [--repeats N]

Fills a store with synthetic clips and runs `popdanceset review` on it. Every time is measured in the browser,
by the page itself: until the first paint and until the rows of the list are drawn (fresh profiles, medians);
from picture to picture while the whole list is scrolled; and, while a clip plays with sound, the distance
between the frame that the video shows and the one that the 3D body shows, before each picture of the screen.
Memory is that of the page's own process, shared pages in proportion, after the list was scrolled and the clip
played. There is no GPU: the browser draws in software, and slower than on the desk of a reviewer.
The last line compares with the targets; the exit code is 1 if one is missed.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from popdanceset.store import Store

TARGET_PAINT, TARGET_PICTURE, TARGET_MEMORY, TARGET_DRIFT = 1.0, 250.0, 300.0, 1
"""Seconds, milliseconds, MB, frames."""

TESTS = Path(__file__).parents[1]
NAMED = "localStorage.setItem('popdanceset.reviewer', 'benchmark')"

PAINT = """() => {
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    const [list] = performance.getEntriesByName("popdanceset-list");
    return paint && list ? [paint.startTime / 1000, list.startTime / 1000] : null;
}"""

SCROLL = """() => new Promise((resolve) => {
    const grid = document.querySelector(".grid");
    const times = [];
    let before = performance.now();
    const step = (now) => {
        times.push(now - before);
        before = now;
        if (grid.scrollTop + grid.clientHeight >= grid.scrollHeight - 1) return resolve(times.slice(1));
        grid.scrollTop += 200;
        requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
})"""


def load(path: Path) -> ModuleType:
    """A module that lies with the tests."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def server(store: Path) -> Iterator[str]:
    """Runs the room of a store; yields its address."""
    command = [sys.executable, "-m", "popdanceset", "review", "--store", str(store), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = next((line for line in process.stdout if "http://" in line), "")
            if not line:
                raise SystemExit("the room did not open")
            yield "http://" + line.split("http://")[1].split()[0]
        finally:
            process.terminate()


def settled(page: Any, expression: str, seconds: float = 60) -> Any:
    """Waits until an expression of JavaScript has a value."""
    end = time.monotonic() + seconds
    while not (value := page.evaluate(expression)):
        if time.monotonic() > end:
            raise SystemExit(f"the page never answered: {expression}")
        time.sleep(0.05)
    return value


def open_page(browser: Any, url: str) -> Any:
    """A page in a fresh profile."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    context.add_init_script(NAMED)
    page = context.new_page()
    page.goto(url)
    return page


def paints(browser: Any, url: str, repeats: int) -> tuple[float, float]:
    """Medians of the seconds until the first paint, and until the list is drawn."""
    found = []
    for _ in range(repeats + 1):
        page = open_page(browser, url)
        found.append(settled(page, PAINT))
        page.context.close()
    # The first one meets a server that has just started.
    first, drawn = zip(*found[1:], strict=True)
    return statistics.median(first), statistics.median(drawn)


def memory(browser: Any, page: Any) -> tuple[float, float]:
    """MB of the page's process, and of its JavaScript."""
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    whole = max(_proportional(each["id"]) for each in processes if each["type"] == "renderer")
    metrics = page.context.new_cdp_session(page)
    metrics.send("Performance.enable")
    values = {each["name"]: each["value"] for each in metrics.send("Performance.getMetrics")["metrics"]}
    return whole, values["JSHeapUsedSize"] / 1e6


def _proportional(process: int) -> float:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6


def play(page: Any, url: str, clip: str, seconds: float) -> dict[str, Any]:
    """Plays a clip to its end; returns what the page measured."""
    # Finding the beats takes a server that has just started several seconds of all cores.
    with page.expect_response(lambda answer: answer.url.endswith("/beats"), timeout=120_000):
        page.goto(f"{url}#/clip/{clip}")
    settled(page, f"document.getElementById('view-clip').dataset.ready === '{clip}'")
    settled(page, "document.getElementById('video').readyState === 4")
    page.keyboard.press(" ")
    settled(page, "popdanceset.clock.playing")
    settled(page, "!popdanceset.clock.playing", 3 * seconds + 60)
    return dict(page.evaluate("({...popdanceset.drift, sound: popdanceset.drift.sound.max})"))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=60, help="length of the clip that is played")
    parser.add_argument("--repeats", type=int, default=5, help="times that the page is opened")
    options = parser.parse_args()
    rooms, browsing = load(TESTS / "popdanceset/review/rooms.py"), load(TESTS / "browsing.py")
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "store")
        clip = rooms.fill_room(Store(store), options.clips, round(30 * options.seconds), with_media=1)[0]
        with server(store) as url, browsing.chromium() as browser:
            first, drawn = paints(browser, url, options.repeats)
            page = open_page(browser, url)
            settled(page, PAINT)
            times = sorted(page.evaluate(SCROLL)) or [0.0]
            drift = play(page, url, clip, options.seconds)
            whole, script = memory(browser, page)
    middle, late, worst = times[len(times) // 2], times[int(0.95 * (len(times) - 1))], times[-1]
    print(f"first paint                 {first:8.2f} s    list drawn {drawn:.2f} s")
    print(
        f"scrolling, {len(times):4d} pictures    {middle:8.1f} ms   95 % {late:.1f} ms, worst {worst:.1f} ms"
    )
    print(f"page's memory               {whole:8.0f} MB   JavaScript {script:.0f} MB")
    print(
        f"body and video              {drift['max']:8.0f} frames apart at most, {drift['mean']:.3f} on "
        f"average ({drift['samples']} pictures in {options.seconds:g} s)"
    )
    print(f"video and sound             {1000 * drift['sound']:8.0f} ms apart at most")
    print(
        f"review: list drawn {drawn:.2f} s, worst picture {worst:.0f} ms, memory {whole:.0f} MB, "
        f"drift {drift['max']:.0f} frames (target: below {TARGET_PAINT:g} s, {TARGET_PICTURE:g} ms, "
        f"{TARGET_MEMORY:g} MB; at most {TARGET_DRIFT} frame)"
    )
    good = drawn < TARGET_PAINT and worst <= TARGET_PICTURE and whole < TARGET_MEMORY
    return int(not good or drift["max"] > TARGET_DRIFT)


if __name__ == "__main__":
    sys.exit(main())
