from typing import Any

import pytest

from popdanceset.bilibili.records import VideoRecord, from_video_object
from popdanceset.bilibili.staff import dancers_of, people_of, staff_of
from tests.popdanceset.bilibili.conftest import START, video


def people(*titles: str) -> dict[str, Any]:
    return {"staff": [{"mid": 10 - n, "title": title, "name": "x"} for n, title in enumerate(titles)]}


def record(**changes: Any) -> VideoRecord:
    made = from_video_object(video(9, owner={"mid": 10, "name": "up"}, **changes), "view", START)
    assert isinstance(made, VideoRecord)
    return made


def test_a_joint_upload_names_its_people_and_dancers() -> None:
    made = record(**people("UP主", "舞者", "摄影", "编舞"))
    assert (made.mid, made.staff, made.dancers, made.missing) == (10, "10+9+8+7", "9+10", ())


def test_a_list_says_that_a_video_is_joint_but_not_who() -> None:
    made = record(rights={"is_cooperation": 1})
    assert (made.staff, made.dancers, made.missing) == ("", None, ())
    assert (record().staff, record().dancers) == (None, None)
    assert record(rights={"is_cooperation": 0}).staff is None


@pytest.mark.parametrize(
    ("titles", "dancers"),
    [
        (["UP主", "舞者"], "9+10"),
        (["UP主", "参演", "剪辑"], "9+10"),
        (["UP主", "dancer", "Choreographer"], "9+10"),
        (["UP主", "编舞 & 出镜", "舞台设计"], "9+10"),
        (["UP主", "合作", "赞助商"], "8+9+10"),  # no title says who dances
        (["摄影", "舞者"], "9+10"),
    ],
)
def test_titles_say_who_dances(titles: list[str], dancers: str) -> None:
    assert dancers_of(staff_of(people(*titles)), 10) == dancers


@pytest.mark.parametrize("staff", [None, [], {}, "x", [None, 7], [{"mid": "--"}], [{"mid": 0}], [{}]])
def test_what_is_no_list_of_people(staff: Any) -> None:
    assert staff_of({"staff": staff}) == {}
    assert record(staff=staff).dancers is None


def test_people_without_a_title() -> None:
    assert staff_of({"staff": [{"mid": "5"}, {"mid": 6, "title": 3}]}) == {5: "", 6: ""}
    assert people_of("10+9") == [10, 9]
    assert people_of("") == people_of(None) == []
