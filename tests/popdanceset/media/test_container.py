"""Names of files as people give them."""

from pathlib import Path
from typing import Any

import pytest

from popdanceset.film import write_film
from popdanceset.media import frames, probe
from popdanceset.video.cutting import cut


@pytest.mark.parametrize(
    "name", ["BV1:dance.mp4", "pipe:1.mp4", "FILM.MP4", "a b%03d.mkv", "舞.Mov", "-y.mp4", "x?y#z.mp4"]
)
def test_any_name_is_a_file(name: str, film: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not an address, a pattern or an option; also relative to the current folder."""
    film.write(tmp_path / f"plain{Path(name).suffix.lower()}", 30).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / name, Path(name), name):
        assert probe(path).frames == 30
        assert sum(1 for _ in frames(path)) == 30
    assert cut(Path(name), 0.0, 0.5, Path(f"clip-{name}").with_suffix(".mp4"), None) == 15
    assert cut(Path(name), 0.0, 0.5, Path("BV1:clip.mp4"), None) == 15
    write_film(Path("BV1:film.mp4"), [film.picture(1)] * 3, 30)
    assert probe("BV1:film.mp4").frames == 3
