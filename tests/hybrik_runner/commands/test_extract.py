"""The commands as they are typed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from hybrik_runner.commands.extract import extract
from hybrik_runner.running import runner, single_file
from popdanceset.schema import CLIPS
from popdanceset.store import Store
from popdanceset.tables import from_rows

Film = Callable[..., Path]


def test_one_file(film: Film, tmp_path: Path, fake: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single_file, "loaded_estimator", lambda _: fake())
    ended = CliRunner().invoke(extract, [str(film(12)), "--out", str(tmp_path / "out")])
    assert ended.exit_code == 0, ended.output
    lines = dict(line.split("  ", 1) for line in ended.output.splitlines())
    assert lines["verdict"].strip() in ("accept", "review")
    assert (tmp_path / "out" / "film.parquet").is_file()


def test_the_store(store: Store, film: Film, fake: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "loaded_estimator", lambda _: fake(range(12)))
    store.put(film(12), "media/c.mp4")
    row = dict.fromkeys([field.name for field in CLIPS if not field.nullable], 0) | {
        "clip_id": "c", "bvid": "BV1", "path": "media/c.mp4", "music_path": "", "music_id": "",
        "genre": "unknown", "dancer_id": "1", "accepted": True, "reason": "", "note": "",
    }  # fmt: skip
    store.write_table("clips/c.parquet", from_rows([row], CLIPS), CLIPS)
    ended = CliRunner().invoke(extract, ["--store", store.address])
    assert ended.exit_code == 0, ended.output
    assert ended.output.splitlines() == ["1 clips, 0 with poses fit for a release", "  not_tracked: 1"]


@pytest.mark.parametrize(
    "options",
    [["film.mp4"], ["--overlay"], ["--overlay", "mesh", "f.mp4", "--out", "o"], ["--truth", "t.npz"]],
)
def test_options_that_do_not_fit(options: list[str]) -> None:
    assert CliRunner().invoke(extract, options).exit_code == 2


def test_importing_the_commands_is_light() -> None:
    script = (
        "import sys, hybrik_runner.commands.extract; print(sys.modules.keys() & {'numpy', 'cv2', 'pyarrow'})"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "set()"


def test_a_store_without_clips_names_the_command_to_run_first(tmp_path: Path) -> None:
    from popdanceset.errors import InputError

    with pytest.raises(InputError, match="popdanceset acquire"):
        extract.main(["--store", str(tmp_path)], standalone_mode=False)


@pytest.mark.parametrize("name", ["BV1:dance.mp4", "DANCE.MP4"])
def test_names_and_homes(
    name: str, film: Film, tmp_path: Path, fake: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A colon is no protocol, and ~ is the home folder wherever the shell leaves it."""
    monkeypatch.setattr(single_file, "loaded_estimator", lambda _: fake())
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    film(12).rename(tmp_path / name)
    for file, out in ((name, "~/out"), (f"~/{name}", "."), (str(tmp_path / name), str(tmp_path / "o"))):
        ended = CliRunner().invoke(extract, [file, "--out", out, "--overlay"])
        assert ended.exit_code == 0, ended.output
    stem = Path(name).stem
    for folder in (tmp_path / "out", tmp_path, tmp_path / "o"):
        assert (folder / f"{stem}.parquet").is_file()
        assert (folder / f"{stem}_overlay.mp4").is_file()
