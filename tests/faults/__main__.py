"""The fault bed for an hour: `python -m tests.faults [--seed N] [--share X] [FAULT ...]`.

Prints what was done and what was found, a line each, and ends with 1 if anything is lost, doubled, different
in the release, without a reason or left over.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from tests.faults.bed import laid
from tests.faults.faults import TRIALS


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=f"some of: {', '.join(TRIALS)}")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 100_000, help="of all random choices")
    parser.add_argument("--share", type=float, default=1.0, help="of the number of times in an hour")
    options = parser.parse_args()
    if unknown := set(options.faults) - set(TRIALS):
        parser.error(f"unknown faults: {', '.join(sorted(unknown))}")
    print(f"seed {options.seed}", flush=True)
    worlds = total = 0
    found: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, laid(Path(folder)) as bed:
        for name in options.faults or TRIALS:
            trial, begun = TRIALS[name], time.monotonic()
            number = max(1, round(options.share * trial.in_an_hour))
            outcome = trial.fault(bed, Random(f"{options.seed} {name}"), number)
            print(f"{name}: {outcome.skipped or f'{time.monotonic() - begun:.0f} s'}")
            for what, times in sorted(outcome.done.items()):
                print(f"  {times:>4}  {what}")
            for check, lines in outcome.found.items():
                found[check] = found.get(check, 0) + len(lines)
                print("\n".join(f"  {check}: {line}" for line in lines))
            sys.stdout.flush()
            worlds, total = worlds + outcome.worlds, total + outcome.done.total()
    lost, doubled = found.get("lost", 0), found.get("doubled", 0)
    others = sum(found.values()) - lost - doubled
    print(
        f"faults: {total} faults, {worlds} releases compared: {lost} lost, {doubled} doubled, "
        f"{others} other findings"
    )
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
