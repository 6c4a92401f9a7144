"""Who is judged: estimators of this working tree, and the code of an earlier commit.

Each extracts all films in a process of its own, with `extract_file`, so that the code before and after stands
the same test on the same machine in the same run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from popdanceset.errors import InputError

ROOT = Path(__file__).parents[2]

_EXTRACT = """
import json, sys
from pathlib import Path
from hybrik_runner.running.single_file import extract_file
from popdanceset.errors import PopDanceSetError
from popdanceset.settings import Settings

out, values, *films = sys.argv[1:]
try:
    settings = Settings.model_validate({"pose": json.loads(values)})
    for film in films:
        extract_file(Path(film), Path(out), settings)
except PopDanceSetError as error:
    sys.exit(f"error: {error}")
except ValueError as error:
    sys.exit(f"error: {error}")
"""


@dataclass(frozen=True)
class Contestant:
    """Code and settings that extract poses.

    Attributes:
        name: for the tables.
        tree: working tree with the code.
        values: settings of `pose`.
        settled: whether the code cannot change, so that what it extracted before still holds.
    """

    name: str
    tree: Path = ROOT
    values: dict[str, object] = field(default_factory=dict)
    settled: bool = False


def extract(contestant: Contestant, films: Sequence[Path], folder: Path) -> None:
    """Writes `{stem}.parquet` and the report `{stem}.json` of every film into a folder.

    Raises:
        InputError: it failed; the error has its last lines.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if contestant.settled:
        films = [film for film in films if not _newer(folder / f"{film.stem}.json", film)]
    if not films:
        return
    command = [sys.executable, "-c", _EXTRACT, str(folder), json.dumps(contestant.values), *map(str, films)]
    done = subprocess.run(
        command,
        cwd=contestant.tree,
        env=os.environ | {"PYTHONPATH": str(contestant.tree)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = " ".join(done.stderr.strip().splitlines()[-3:])
        raise InputError(f"{contestant.name} did not extract the films: {said}", folder)


def _newer(made: Path, source: Path) -> bool:
    return made.exists() and made.stat().st_mtime > source.stat().st_mtime


def checkout(commit: str, folder: Path) -> Path:
    """Unpacks the code of a commit into a folder, and returns it.

    Raises:
        InputError: the repository does not have the commit.
    """
    done = subprocess.run(
        ["git", "-C", str(ROOT), "archive", "--format=tar", commit], capture_output=True, check=False
    )
    if done.returncode:
        raise InputError(
            f"the repository has no commit {commit}", ROOT, "fetch the whole history, or name another one"
        )
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder
