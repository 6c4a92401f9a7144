"""Checks everything before anything starts.

A check is a function of the settings that returns a `Finding`. Those of the library are listed here; other
packages register theirs in entry-point group `popdanceset.checks`, since the library knows nothing of
Prefect, torch or Ray. A check that breaks, or takes longer than `PATIENCE`, has failed, and stops no other.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points

from popdanceset.errors import InputError, PopDanceSetError, SettingsError
from popdanceset.operations import machine_checks, network_checks, store_checks, version_checks
from popdanceset.operations.findings import Check, Finding, Verdict, failed
from popdanceset.safety import described
from popdanceset.settings import Settings

log = logging.getLogger(__name__)

GROUP = "popdanceset.checks"

PATIENCE = 30.0
"""Seconds after which a check has failed."""

CHECKS: Mapping[str, Check] = {
    "store": store_checks.writable,
    "clock": store_checks.clock,
    "space": store_checks.space,
    "manifests": machine_checks.manifests,
    "ffmpeg": machine_checks.ffmpeg,
    "codecs": machine_checks.codecs,
    "fpcalc": machine_checks.fpcalc,
    "detector": machine_checks.detector,
    "politeness": network_checks.politeness,
    "contact": network_checks.contact,
    "certificate": network_checks.certificate,
    "alerts": network_checks.alerts,
    "packages": version_checks.packages,
    "yt-dlp": version_checks.downloader,
}
"""The library's own checks, in the order in which they run."""


@dataclass(frozen=True, slots=True)
class Result:
    """A check and what it found.

    Attributes:
        name: of the check.
        finding: what it found.
        error: the exception that it raised, if it did.
    """

    name: str
    finding: Finding
    error: Exception | None = None


def names() -> tuple[str, ...]:
    """Returns the names of all checks, in the order in which they run."""
    return (*CHECKS, *sorted(point.name for point in entry_points(group=GROUP) if point.name not in CHECKS))


def examine(settings: Settings, only: Iterable[str] = ()) -> list[Result]:
    """Runs checks.

    Args:
        settings: what is checked.
        only: names of checks; empty: all.

    Raises:
        SettingsError: no check has this name.
    """
    wanted = tuple(dict.fromkeys(only)) or names()
    if unknown := [name for name in wanted if name not in names()]:
        raise SettingsError(f"no check is called {unknown[0]!r}", "doctor", f"known: {', '.join(names())}")
    return [_result(name, settings) for name in wanted]


def require(checks: Iterable[str], settings: Settings) -> None:
    """Makes sure that some checks pass, before a run starts. Warnings are logged.

    Args:
        checks: names of the checks.
        settings: of the run.

    Raises:
        PopDanceSetError: what the first check that fails raised itself.
        InputError: what it found.
        SettingsError: no check has this name.
    """
    for result in examine(settings, checks):
        finding = result.finding
        if finding.verdict is Verdict.WARNING:
            log.warning("%s: %s (%s)", finding.where or result.name, finding.what, finding.do)
        elif finding.verdict is Verdict.FAILED:
            if isinstance(result.error, PopDanceSetError):
                raise result.error
            raise InputError(finding.what, finding.where or result.name, finding.do)


def _result(name: str, settings: Settings) -> Result:
    """Runs one check in a thread of its own, so that one that hangs can be left behind."""
    results: list[Result] = []

    def run() -> None:
        try:
            results.append(Result(name, _load(name)(settings)))
        except PopDanceSetError as error:
            results.append(Result(name, failed(error.what, error.do, error.where), error))
        # A broken check must not stop the others, whatever is wrong with it.
        except Exception as error:  # noqa: BLE001
            finding = failed(
                f"the check itself failed: {described(error)}", "report it, or repair its package"
            )
            results.append(Result(name, finding, error))

    thread = threading.Thread(target=run, name=f"check {name}", daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if results:
        return results[0]
    return Result(
        name, failed(f"no answer within {PATIENCE:g} s", "check what it depends on, and run it again")
    )


def _load(name: str) -> Check:
    if name in CHECKS:
        return CHECKS[name]
    (point, *_) = entry_points(group=GROUP, name=name)
    check: Check = point.load()
    return check
