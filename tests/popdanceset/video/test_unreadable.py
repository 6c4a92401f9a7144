"""Folders that cannot be read or written: one clear line, exit code 2, and resumed when they can.

Permissions do not count for root, so the command runs in a process without that privilege, whoever runs the
tests.
"""

import ctypes
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from popdanceset.manifest import Manifest, ManifestVideo, write_manifest
from popdanceset.schema import CLIPS, VIDEOS
from popdanceset.store import Store
from popdanceset.tables import from_rows
from popdanceset.video.command import acquire

BVID = "BV1xx411c7mD"

PROGRAM = """
import contextlib, io, json, sys
from popdanceset.cli import main

told = []
for folder in sys.argv[1:]:
    sys.argv = ["popdanceset", "acquire", folder + "/m", "--store", folder + "/store"]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        try:
            main()
        except SystemExit as end:
            told.append([end.code, out.getvalue(), err.getvalue()])
        except BaseException as error:
            told.append([-1, out.getvalue(), repr(error)])
print(json.dumps(told))
"""


def without_privilege() -> None:
    """Root's right to pass over permissions ends with the next program (capabilities(7))."""
    libc = ctypes.CDLL(None)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


def mode(value: int) -> Callable[[Path], None]:
    return lambda folder: folder.chmod(value)


def in_the_way(folder: Path) -> None:
    """A file where a folder should be."""
    shutil.rmtree(folder)
    folder.write_text("in the way")


CASES: dict[str, tuple[str, Callable[[Path], None], str]] = {
    # what is spoilt, how, and the path that must be named
    "store unreadable": ("store", mode(0), "store/tombstones"),
    "clips unreadable": ("store/clips", mode(0), "store/clips"),
    "videos unreadable": ("store/videos", mode(0), "store/videos"),
    "media unreadable": ("store/media", mode(0), "store/media"),
    "manifest unreadable": ("m", mode(0), "m/manifest.yaml"),
    "clip list unreadable": ("m/clips.csv", mode(0), "m/clips.csv"),
    "dancers unreadable": ("m/dancers.csv", mode(0), "m/dancers.csv"),
    "reviews unreadable": ("m/reviews.csv", mode(0), "m/reviews.csv"),
    "store not writable": ("store", mode(0o555), "store/media"),
    "clips not writable": ("store/clips", mode(0o555), "store/clips"),
    "media not writable": ("store/media", mode(0o555), "store/media"),
    "manifest not writable": ("m", mode(0o555), "m/clips.csv"),
    "store a file": ("store", in_the_way, "store"),
    "clips a file": ("store/clips", in_the_way, "store/clips"),
    "media a file": ("store/media", in_the_way, "store/media"),
}


def prepared(folder: Path) -> Path:
    """A manifest of one video, and a store that knows that it is gone."""
    write_manifest(folder / "m", Manifest("m", (ManifestVideo(BVID, 1.0, mid=1),)))
    (folder / "m" / "clips.csv").write_text("clip_id,bvid,page,number,start,end,state\n")
    (folder / "m" / "dancers.csv").write_text("id,dancer_id\n")
    (folder / "m" / "reviews.csv").write_text("clip_id,kind,value,note,reviewer,decided_at\n")
    store = Store(folder / "store")
    row = {"bvid": BVID, "page": 1, "path": "", "sha256": "", "accepted": False, "reason": "gone", "note": ""}
    store.write_table(f"videos/{BVID}.parquet", from_rows([row], VIDEOS), VIDEOS)
    (folder / "store" / "clips").mkdir()
    if "store not writable" not in str(folder):
        (folder / "store" / "media").mkdir()
    return folder


class Refused(NamedTuple):
    folder: Path
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Refused]:
    """What the command said in each case; afterwards everything is allowed again."""
    top = tmp_path_factory.mktemp("spoilt")
    folders = {name: prepared(top / name) for name in CASES}
    for name, (what, spoil, _) in CASES.items():
        spoil(folders[name] / what)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, folders.values())],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        preexec_fn=without_privilege,
    )
    told: list[Any] = json.loads(done.stdout)
    for name, (what, spoil, _) in CASES.items():
        path = folders[name] / what
        if spoil is in_the_way:
            path.unlink()
            if what == "store":
                prepared(folders[name])
        else:
            path.chmod(0o755)
    return {name: Refused(folders[name], *each) for name, each in zip(CASES, told, strict=True)}


@pytest.mark.parametrize("case", CASES)
def test_one_line_then_resumed(refused: dict[str, Refused], case: str) -> None:
    folder, code, out, err = refused[case]
    assert (code, len(err.splitlines()), out) == (2, 1, ""), err
    assert err.startswith(f"popdanceset: {folder / CASES[case][2]}"), err
    assert err.endswith(")\n"), "it says what to do"

    resumed = CliRunner().invoke(acquire, [str(folder / "m"), "--store", str(folder / "store")])
    assert resumed.exit_code == 0, resumed.output
    assert "1 videos, 0 clips" in resumed.output
    (row,) = Store(folder / "store").read_table("clips", CLIPS).to_pylist()
    assert (row["bvid"], row["reason"]) == (BVID, "gone")
