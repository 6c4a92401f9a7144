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


def test_pieces_of_a_clip_are_known_by_its_planned_span(tmp_path: Path) -> None:
    """Also when it is planned otherwise, and after they retired."""
    planned = {"planned_start": 6.0, "planned_end": 11.5}
    first, piece = (
        TWO | planned | {"end": 8.0},
        TWO | planned | {"clip_id": "BV1xx411c7mD_Clip_3", "start": 8.0},
    )
    write_clip_list(tmp_path, rows(ONE, first, piece))
    assert (tmp_path / "clips.csv").read_text().splitlines() == [
        "clip_id,bvid,page,number,start,end,state,planned_start,planned_end",
        "BV1xx411c7mD_Clip_1,BV1xx411c7mD,1,1,0.0000,5.0000,current,,",
        "BV1xx411c7mD_Clip_2,BV1xx411c7mD,1,2,6.0000,8.0000,current,6.0000,11.5000",
        "BV1xx411c7mD_Clip_3,BV1xx411c7mD,1,3,8.0000,11.5000,current,6.0000,11.5000",
    ]
    write_clip_list(tmp_path, rows(ONE, TWO | {"start": 6.25}))
    assert read_clip_list(tmp_path)["BV1xx411c7mD", 1] == [
        Listed(Known(1, 0.0, 5.0)),
        Listed(Known(2, 6.25, 11.5)),
        Listed(Known(3, 8.0, 11.5), True, (6.25, 11.5)),
    ]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("6.0,", "planned_start and planned_end belong together"),
        ("6.0,5.0", "planned_start and planned_end contradict each other"),
        ("x,5.0", "planned_start cannot be 'x'"),
    ],
)
def test_a_wrong_planned_span_is_named(tmp_path: Path, cells: str, said: str) -> None:
    write_clip_list(tmp_path, rows(ONE | {"planned_start": 0.0, "planned_end": 7.0}))
    path = tmp_path / "clips.csv"
    path.write_text(path.read_text().replace("0.0000,7.0000", cells))
    with pytest.raises(ManifestError, match=said):
        read_clip_list(tmp_path)


@pytest.mark.parametrize("cell", ["0", "x", "-1"])
def test_a_wrong_line_is_named(tmp_path: Path, cell: str) -> None:
    write_clip_list(tmp_path, rows(ONE))
    path = tmp_path / "clips.csv"
    path.write_text(path.read_text().replace(",1,1,", f",1,{cell},"))
    with pytest.raises(ManifestError, match=r"clips\.csv, line 2: number cannot be"):
        read_clip_list(tmp_path)
