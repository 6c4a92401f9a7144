"""Checks of the settings by which the crawler is a polite guest, and of where alerts go. Nothing is sent."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from popdanceset.operations.findings import Finding, failed, ok, warning
from popdanceset.settings import Settings

MOST_PER_SECOND = 1.0
MOST_PER_DAY = 50_000
SHORTEST_COOL_DOWN = 10.0
LOCAL = ("localhost", "127.0.0.1", "::1")


def politeness(settings: Settings) -> Finding:
    """Compares rate, daily number and cool-down with what a guest may take."""
    crawl = settings.crawl
    if urlsplit(settings.network.proxy).hostname in LOCAL:
        return ok(f"requests go to a proxy on this machine, {settings.network.proxy}")
    if crawl.requests_per_second > MOST_PER_SECOND:
        return failed(
            f"{crawl.requests_per_second:g} requests a second are more than a guest should send",
            f"set it to {MOST_PER_SECOND:g} or less",
            "crawl.requests_per_second",
        )
    if crawl.requests_per_day > MOST_PER_DAY:
        return warning(
            f"{crawl.requests_per_day:,} requests a day are many", "lower it", "crawl.requests_per_day"
        )
    if crawl.cool_down < SHORTEST_COOL_DOWN:
        return warning(
            f"a pause of {crawl.cool_down:g} s after a refusal is short",
            f"set it to {SHORTEST_COOL_DOWN:g} or more",
            "crawl.cool_down",
        )
    return ok(f"at most {crawl.requests_per_second:g} requests a second, {crawl.requests_per_day:,} a day")


def contact(settings: Settings) -> Finding:
    """Looks for the address in the User-Agent header."""
    if not settings.network.contact:
        return warning("empty: the host cannot reach you", "set it to your address", "network.contact")
    return ok(settings.network.contact)


def certificate(settings: Settings) -> Finding:
    """Looks for the files that the network settings name."""
    for name, file in (
        ("network.ca_file", settings.network.ca_file),
        ("download.cookie_file", settings.download.cookie_file),
    ):
        if file and not Path(file).expanduser().is_file():
            return failed("file not found", "correct the path", name)
    return ok(settings.network.ca_file or "the system's own")


def alerts(settings: Settings) -> Finding:
    """Looks for the program and checks the form of the webhook; its address is not shown."""
    command, webhook = settings.alerts.command, settings.alerts.webhook.get_secret_value()
    if not command and not webhook:
        return ok("alerts go to the log only")
    if command:
        try:
            program = [*shlex.split(command), ""][0]
        except ValueError:
            return failed("not a command line", "check its quotes", "alerts.command")
        if shutil.which(program) is None:
            return failed(f"{program} cannot be run", "check the path", "alerts.command")
    if webhook and urlsplit(webhook).scheme not in ("http", "https"):
        return failed("not an http or https address", "correct it", "alerts.webhook")
    return ok(" and ".join([*["a command"] * bool(command), *["a webhook"] * bool(webhook)]))
