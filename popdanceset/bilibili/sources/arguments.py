"""Reading what stands behind a source's name."""

from __future__ import annotations

import re
from datetime import date, datetime

from popdanceset.errors import SettingsError


def section_of(argument: str) -> int:
    """A section's number.

    Raises:
        SettingsError: it is none.
    """
    if not re.fullmatch(r"\d{1,9}", argument, re.ASCII):
        raise SettingsError(
            f"{argument!r} is no section number", "crawl.sources", "1004 is dance, 2029 hip-hop"
        )
    return int(argument)


def days_of(argument: str) -> tuple[date, date]:
    """First and last day from `YYYYMMDD-YYYYMMDD`.

    Raises:
        SettingsError: they are no days, or in the wrong order.
    """
    try:
        first, last = (datetime.strptime(part, "%Y%m%d").date() for part in argument.split("-"))
    except ValueError as error:
        raise SettingsError(
            f"{argument!r} are no days", "crawl.sources", "write YYYYMMDD-YYYYMMDD"
        ) from error
    if first > last:
        raise SettingsError(
            f"{argument!r} ends before it begins", "crawl.sources", "write the earlier day first"
        )
    return first, last


def something(argument: str, form: str) -> str:
    """The argument, which must not be empty.

    Raises:
        SettingsError: it is.
    """
    if not argument:
        raise SettingsError("a source lacks its argument", "crawl.sources", f"write {form}")
    return argument


def nothing(argument: str) -> None:
    """There must be no argument.

    Raises:
        SettingsError: there is one.
    """
    if argument:
        raise SettingsError(f"this source takes no argument, not {argument!r}", "crawl.sources")
