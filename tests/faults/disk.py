"""A full disk, and files that are damaged or only half there."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from popdanceset import layout
from popdanceset.errors import StoreError
from popdanceset.store import Store
from tests.faults.chain import STAGES
from tests.faults.outcome import Outcome

if TYPE_CHECKING:
    from tests.faults.bed import Bed, World

ENOUGH = 1 << 28
MADE_BY = {
    "crawl": (layout.STATISTICS, layout.CRAWL_MARKS, layout.BUDGET),
    "select": (layout.FOLLOWERS, layout.FITS, layout.SELECTION),
    "acquire": (layout.VIDEOS, layout.MEDIA, layout.CLIPS, layout.FINGERPRINTS),
    "extract": (layout.POSES, layout.VERDICTS),
    "features": (layout.MUSIC,),
    "publish": (layout.RELEASES,),
}
"""Folders that a stage writes."""

LEAST_LIMIT = 1 << 12
"""Bytes of the largest file that a limited process may write; less would stop its own log."""

LONGEST_REPAIR = 5
"""Files that may be named, one after the other, because of one damaged file."""


def full(bed: Bed, random: Random, number: int) -> Outcome:
    """The disk of the store is full after a random number of bytes; then it is enlarged.

    A small memory disk where that can be mounted (as root), else a limit of the size of files.
    """
    outcome = Outcome()
    sizes = _sizes(bed.undisturbed.world.store)
    for turn in range(number):
        world = bed.world(POPDANCESET_DOWNLOAD__MIN_FREE="0")
        with small_disk(world.folder / "store", random.randint(1 << 14, sum(sizes))) as mounted:
            if mounted and turn % 2 == 0:
                outcome.expect_end(world, world.run(), StoreError.exit_code)
                outcome.done[f"disk full in {world.stage}"] += 1
                enlarge(world.folder / "store")
            else:
                limit = random.randint(LEAST_LIMIT, max(sizes))
                outcome.expect_end(world, world.run(FAULT_FILE_SIZE=str(limit)), 0, StoreError.exit_code)
                outcome.done[f"file too large in {world.stage}"] += 1
                if mounted:
                    enlarge(world.folder / "store")
            world.complete()
            outcome.compare(world, bed)
    return outcome


def damages(bed: Bed, random: Random, number: int) -> Outcome:
    """Damages a random file of a store that is finished up to a random stage.

    The refresh that follows ends with a line that names the file and says what to do, and without the file
    it repairs the store; or it does not need the file, which then gets its bytes back before the comparison.
    """
    outcome = Outcome()
    for _ in range(number):
        world = bed.copy()
        last = random.choice(STAGES[:-1])
        for stage in STAGES[STAGES.index(last) + 1 :]:
            for folder in MADE_BY[stage]:
                world.store.remove_folder(folder)
        name = random.choice([name for folder in layout.FOLDERS for name in world.store.list(folder)])
        file = Path(world.store.address_of(name))
        whole, how = file.read_bytes(), damage(file, random)
        outcome.done[f"{how} {name.partition('/')[0]}"] += 1
        named = repair(world, outcome)
        outcome.done["named and repaired" if named else "not needed, or no harm"] += 1
        if not named:
            file.write_bytes(whole)
        outcome.compare(world, bed)
    return outcome


def damage(file: Path, random: Random) -> str:
    """Damages a file; returns how."""
    data = file.read_bytes()
    how = random.choice(("cut", "emptied", "overwritten"))
    match how:
        case "cut":
            data = data[: random.randrange(len(data))]
        case "emptied":
            data = b""
        case "overwritten":
            begin = random.randrange(len(data))
            end = min(len(data), begin + random.randint(1, 64))
            data = data[:begin] + random.randbytes(end - begin) + data[end:]
    file.write_bytes(data)
    return how


def repair(world: World, outcome: Outcome) -> list[str]:
    """Refreshes a world, and removes each file that an error names, until it comes to its end.

    Returns:
        The names of the removed files.
    """
    removed: list[str] = []
    root = world.store.address
    while (code := world.run()) and len(removed) < LONGEST_REPAIR:
        outcome.expect_end(world, code, 1, 2)
        line = world.said.rstrip().rpartition("\n")[2]
        found = re.search(rf"{re.escape(root)}/([^\s:]+)[^(]*: .*\(.*\)", line)
        outcome.expect(bool(found), f"names no file, or not what to do: {line}", world)
        if not found:
            break
        world.store.remove(found[1])
        removed.append(found[1])
    outcome.expect(code == 0, f"not repaired without {removed}", world)
    return removed


def _sizes(store: Store) -> list[int]:
    return [size for folder in layout.FOLDERS for size in store.sizes(folder).values()]


@contextlib.contextmanager
def small_disk(place: Path, size: int) -> Iterator[bool]:
    """Mounts a memory disk of a size in bytes; yields whether that is possible here."""
    place.mkdir(parents=True)
    mounted = _mount(place, f"size={size}")
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", place], check=True)


def enlarge(place: Path) -> None:
    """Gives a memory disk more space than anything here needs."""
    assert _mount(place, f"remount,size={ENOUGH}")


def _mount(place: Path, options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place]
    if os.geteuid() or not shutil.which("mount"):
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
