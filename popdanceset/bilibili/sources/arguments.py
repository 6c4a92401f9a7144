"""Parsing the argument of a source, which follows its name and a colon."""

from __future__ import annotations

import re
from datetime import date, datetime

from popdanceset.errors import SettingsError


def section_of(argument: str) -> int:
    """Returns the number of a section.

    Raises:
        SettingsError: the argument is not a section number.
    """
    if not re.fullmatch(r"\d{1,9}", argument, re.ASCII):
        raise SettingsError(
            f"{argument!r} is not a section number", "crawl.sources", "1004 is dance, 2029 hip-hop"
        )
    return int(argument)


def number_of(argument: str, form: str, in_address: str) -> int:
    """Returns the number that an argument is, or that its address contains.

    Args:
        argument: what follows the source's name.
        form: how the source is written, for the message.
        in_address: regular expression one of whose groups is the number in an address.

    Raises:
        SettingsError: there is no number.
    """
    found = re.fullmatch(r"(\d{1,19})", argument, re.ASCII) or re.search(in_address, argument, re.ASCII)
    number = int(next(filter(None, found.groups()), 0)) if found else 0
    if not 0 < number < 2**63:
        raise SettingsError(f"{argument[:60]!r} has no usable number", "crawl.sources", f"write {form}")
    return number


def date_range_of(argument: str) -> tuple[date, date]:
    """Returns the first and last day of `YYYYMMDD-YYYYMMDD`.

    Raises:
        SettingsError: the argument is not a date range, or ends before it begins.
    """
    try:
        first, last = (datetime.strptime(part, "%Y%m%d").date() for part in argument.split("-"))
    except ValueError as error:
        raise SettingsError(
            f"{argument!r} is not a date range", "crawl.sources", "write YYYYMMDD-YYYYMMDD"
        ) from error
    if first > last:
        raise SettingsError(
            f"{argument!r} ends before it begins", "crawl.sources", "write the earlier day first"
        )
    return first, last


def required(argument: str, form: str) -> str:
    """Returns the argument, which must not be empty.

    Args:
        argument: what follows the source's name.
        form: how the source is written, for the message.

    Raises:
        SettingsError: the argument is empty.
    """
    if not argument:
        raise SettingsError("the source needs an argument", "crawl.sources", f"write {form}")
    return argument


def no_argument(argument: str) -> None:
    """Checks that there is no argument.

    Raises:
        SettingsError: there is one.
    """
    if argument:
        raise SettingsError(f"the source takes no argument, but got {argument!r}", "crawl.sources")
