"""Checks of the installed packages against what this package asks for."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, requires, version

from popdanceset.operations.findings import Finding, failed, ok, warning
from popdanceset.settings import Settings

OLD = timedelta(days=90)
"""The site changes: an older yt-dlp is likely to fail."""


def packages(settings: Settings) -> Finding:
    """Compares every installed package with this package's own requirements.

    Some pins are there because newer versions fail without a word: SQLAlchemy 2.1 stops Prefect's scheduler.
    """
    from packaging.requirements import Requirement

    wrong, counted = [], 0
    for line in requires("popdanceset") or ():
        needed = Requirement(line)
        if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
            continue
        counted += 1
        try:
            found = version(needed.name)
        except PackageNotFoundError:
            wrong.append(f"{needed.name} is missing")
            continue
        if not needed.specifier.contains(found, prereleases=True):
            wrong.append(f"{needed.name} {found} is not {needed.specifier}")
    if wrong:
        return failed("; ".join(wrong), "reinstall: pip install --upgrade popdanceset")
    return ok(f"{counted} packages are as required")


def downloader(settings: Settings) -> Finding:
    """Reads the age of yt-dlp from its version, which is a date."""
    found = version("yt-dlp")
    match = re.match(r"(\d{4})\.(\d{1,2})\.(\d{1,2})", found)
    if match is None:
        return warning(f"version {found} is not a date", "use a release from the package index", "yt-dlp")
    year, month, day = map(int, match.groups())
    age = datetime.now(UTC) - datetime(year, month, day, tzinfo=UTC)
    if age > OLD:
        return warning(f"{found} is {age.days} days old", "pip install --upgrade yt-dlp", "yt-dlp")
    return ok(f"{found}")
