"""Lists of clip ids in the forms of the field."""

from __future__ import annotations

from pathlib import Path

import pytest

from popdanceset.errors import InputError
from popdanceset.release.leaks import Kind
from popdanceset.release.split_lists import keys_of, parse_clip_id, read_split_lists


@pytest.mark.parametrize(
    ("line", "clip_id"),
    [
        ("BV1aa411a7qr_Clip_3", "BV1aa411a7qr_Clip_3"),
        ("  BV1aa411a7qr_Clip_3.mp4\t", "BV1aa411a7qr_Clip_3"),
        ("data/train/BV1aa411a7qr_Clip_12.res.pk", "BV1aa411a7qr_Clip_12"),
        ("data\\train\\BV1aa411a7qr_p2_Clip_1.wav", "BV1aa411a7qr_p2_Clip_1"),
        ("test_BVtest000000_Clip_1.pkl", "BVtest000000_Clip_1"),
        ("BV1aa411a7qr_Clip_3_slice12.npy", "BV1aa411a7qr_Clip_3"),
        ("gBR_sBM_cAll_d04_mBR0_ch01", "gBR_sBM_cAll_d04_mBR0_ch01"),
        ("gBR_sBM_c01_d04_mBR0_ch01.mp4", "gBR_sBM_c01_d04_mBR0_ch01"),
        ("gLO_sGR_c01_d13_d14_d15_mLO3_ch07.pkl", "gLO_sGR_c01_d13_d14_d15_mLO3_ch07"),
        ("gBR_sBM_cAll_d04_mBR0_ch01_slice3.pkl", "gBR_sBM_cAll_d04_mBR0_ch01"),
        ("BV1aa411a7qr", None),
        ("BV1aa411a7qr_Clip_", None),
        ("BV1aa411a7qr_Clip_3 BV1aa411a7qr_Clip_4", None),
        ("_Clip_3", None),
        ("BV1\x1b[31m_Clip_3", None),
        ("BV1aa411a7qr_Clip_３", None),
        ("gBR_sBM_cAll_d04_mBR0", None),
    ],
)
def test_forms_of_ids(line: str, clip_id: str | None) -> None:
    assert parse_clip_id(line) == clip_id


def test_what_ids_tell() -> None:
    assert keys_of("BV1aa411a7qr_p2_Clip_3") == {Kind.VIDEO: ("BV1aa411a7qr",)}
    keys = keys_of("gLO_sGR_c01_d13d14_mLO3_ch07")
    assert keys == keys_of("gLO_sGR_c02_d13_d14_mLO3_ch07")  # another camera, the same dance
    assert keys[Kind.DANCER] == ("d13", "d14")
    assert keys[Kind.MUSIC] == ("mLO3",)
    assert keys[Kind.CHOREOGRAPHY] == ("gLO_sGR_ch07",)


def lists(folder: Path, **names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in names.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def test_a_folder_of_lists(tmp_path: Path) -> None:
    folder = lists(tmp_path, train="\ufeffBVa_Clip_1\n\n# old\nBVa_Clip_2\r\n", test="BVb_Clip_1")
    ((name, clips),) = read_split_lists([folder]).items()
    assert name == str(folder)
    assert [(clip.split, clip.clip_id) for clip in clips] == [
        ("test", "BVb_Clip_1"), ("train", "BVa_Clip_1"), ("train", "BVa_Clip_2")
    ]  # fmt: skip
    assert read_split_lists([folder / "train.txt", folder / "test.txt"]).popitem()[1][0].split == "train"


def test_the_folder_of_a_dataset(tmp_path: Path) -> None:
    lists(tmp_path / "splits", train="BVa_Clip_1", test="BVb_Clip_1")
    assert [len(clips) for clips in read_split_lists([tmp_path]).values()] == [2]


def test_families_are_datasets_of_their_own(tmp_path: Path) -> None:
    one, two = "gBR_sBM_cAll_d04_mBR0_ch01", "gBR_sBM_cAll_d04_mBR1_ch02"
    folder = lists(
        tmp_path, pose_train=one, pose_test=two, crossmodal_train=two, crossmodal_test=one, ignore_list=one
    )
    families = read_split_lists([folder])
    assert {name: len(clips) for name, clips in families.items()} == {
        "crossmodal": 2, "ignore_list": 1, "pose": 2
    }  # fmt: skip
    # One family alone is no reason to set lists apart.
    assert len(read_split_lists([folder / "pose_train.txt", folder / "ignore_list.txt"])) == 1


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"train": "BVa_Clip_1\nnonsense\nmore\n", "test": "BVb_Clip_1"},
            "line 2: 'nonsense' is not a clip id; 1 more of its lines are not",
        ),
        ({"train": "BVa_Clip_1", "test": "# nothing\n"}, "lists no clips"),
        ({"train": "BVa_Clip_1"}, "only list"),
        ({"train": "x" * 5000, "test": "BVb_Clip_1"}, "line 1 is too long"),
        ({}, "holds no lists"),
    ],
)  # fmt: skip
def test_unusable_lists(tmp_path: Path, files: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_split_lists([lists(tmp_path / "lists", **files)])


def test_unusable_paths(tmp_path: Path) -> None:
    one, other = lists(tmp_path / "a", train="BVa_Clip_1"), lists(tmp_path / "b", train="BVb_Clip_1")
    with pytest.raises(InputError, match="is named like"):
        read_split_lists([one, other])
    with pytest.raises(InputError, match="is named like"):
        read_split_lists([one / "train.txt", one / "train.txt"])
    with pytest.raises(InputError, match="no such file"):
        read_split_lists([tmp_path / "missing"])
    (one / "test.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        read_split_lists([one])
