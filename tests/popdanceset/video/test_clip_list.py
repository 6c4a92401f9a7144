"""The list of clips survives, keeps what is retired, and names what is wrong in it."""

from pathlib import Path

import pytest

from popdanceset.errors import ManifestError
from popdanceset.video.clip_list import Listed, read_clip_list, write_clip_list
from popdanceset.video.planning import Known

ONE = {"bvid": "BV1xx411c7mD", "page": 1, "clip_id": "BV1xx411c7mD_Clip_1", "start": 0.0, "end": 5.0}
TWO = ONE | {"clip_id": "BV1xx411c7mD_Clip_2", "start": 6.0, "end": 11.5}
OTHER = ONE | {"bvid": "BV1yy411c7mD", "clip_id": "BV1yy411c7mD_p2_Clip_3", "page": 2}


def rows(*some: dict[str, object]) -> list[dict[str, object]]:
    return [row | {"accepted": True} for row in some]


def test_what_is_not_more_is_retired_and_other_parts_stay(tmp_path: Path) -> None:
    assert read_clip_list(tmp_path) == {}
    write_clip_list(tmp_path, rows(TWO, ONE, OTHER))
    write_clip_list(tmp_path, rows(TWO))
    assert read_clip_list(tmp_path) == {
        ("BV1xx411c7mD", 1): [Listed(Known(1, 0.0, 5.0), True), Listed(Known(2, 6.0, 11.5))],
        ("BV1yy411c7mD", 2): [Listed(Known(3, 0.0, 5.0))],
    }
    before = (tmp_path / "clips.csv").read_bytes()
    write_clip_list(tmp_path, rows(TWO))
    assert (tmp_path / "clips.csv").read_bytes() == before


@pytest.mark.parametrize("cell", ["0", "x", "-1"])
def test_a_wrong_line_is_named(tmp_path: Path, cell: str) -> None:
    write_clip_list(tmp_path, rows(ONE))
    path = tmp_path / "clips.csv"
    path.write_text(path.read_text().replace(",1,1,", f",1,{cell},"))
    with pytest.raises(ManifestError, match=r"clips\.csv, line 2: number cannot be"):
        read_clip_list(tmp_path)
