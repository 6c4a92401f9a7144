"""What became of a fault: what was done, and what the checks found after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from tests.faults.checks import findings

if TYPE_CHECKING:
    from tests.faults.bed import Bed, World


@dataclass
class Outcome:
    """What was done, and what was found.

    Attributes:
        done: how often what was done, in words of the table, e.g. `killed in acquire`.
        found: lines of the checks by check; empty: nothing is lost, doubled or different.
        worlds: how many worlds were run to their release and compared.
        skipped: why the fault cannot be tried on this machine; empty: it was.
    """

    done: Counter[str] = field(default_factory=Counter)
    found: dict[str, list[str]] = field(default_factory=dict)
    worlds: int = 0
    skipped: str = ""

    def compare(self, world: World, bed: Bed) -> None:
        """Makes all checks on a world that has come to its release."""
        self.worlds += 1
        for check, lines in findings(world.store, bed.undisturbed.world.store).items():
            self.found.setdefault(check, []).extend(f"{world.folder.name}: {line}" for line in lines)

    def expect(self, condition: bool, what: str, world: World) -> None:
        """Adds to what was found if a condition does not hold."""
        if not condition:
            self.found.setdefault("unexpected", []).append(
                f"{world.folder.name}: {what}: {world.said[-1500:]}"
            )

    def expect_end(self, world: World, code: int, *codes: int) -> None:
        """Adds to what was found unless a process ended with one of these codes, and said why on a line."""
        said = world.said
        last = said.rstrip().rpartition("\n")[2]
        self.expect(code in codes, f"ended with {code}", world)
        self.expect(code == 0 or last.startswith("popdanceset: "), "does not end with its error", world)
        self.expect("Traceback" not in said, "shows a traceback", world)


Fault = Callable[["Bed", Random, int], Outcome]
"""Tries a fault: (bed, source of every random choice, how many times) → what became of it."""
