"""Pickles of others: arrays come through, nothing else runs."""

from __future__ import annotations

import io
import os
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from popdanceset import safe_pickle
from popdanceset.errors import InputError
from popdanceset.safe_pickle import loads_arrays, read_arrays

NUMBERS = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_, np.dtype(">f4")]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0),
)


@given(NUMBERS, st.integers(0, pickle.HIGHEST_PROTOCOL), st.booleans())
def test_arrays_come_through_every_protocol(array, protocol, columns_first):
    given = np.asfortranarray(array) if columns_first else array
    content = pickle.dumps({"a": given, "word": "été", "number": 1.5, "scalar": np.float32(2.5)}, protocol)

    found = loads_arrays(content)

    assert found["a"].dtype == array.dtype
    np.testing.assert_array_equal(found["a"], array)
    assert (found["word"], found["number"], float(found["scalar"])) == ("été", 1.5, 2.5)


def test_an_array_alone_has_no_name():
    assert loads_arrays(pickle.dumps(np.arange(3)))[""].tolist() == [0, 1, 2]


def test_other_values_are_skipped():
    assert loads_arrays(pickle.dumps({"list": [1, 2], "none": None, "n": 3, 4: "x"})) == {"n": 3, "4": "x"}


def test_numpy_files_hold_numbers_or_a_dictionary(tmp_path):
    np.save(tmp_path / "plain.npy", np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    np.save(tmp_path / "dictionary.npy", {"pred_position": np.ones((4, 72))})

    assert read_arrays(tmp_path / "plain.npy")[""].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert read_arrays(tmp_path / "dictionary.npy")["pred_position"].shape == (4, 72)


class Shout:
    """Would make a folder if a pickle were trusted."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["a.pkl", "a.npy"])
def test_hostile_pickles_run_nothing(tmp_path, name):
    target = tmp_path / "made"
    if name == "a.npy":
        np.save(tmp_path / name, np.array(Shout(target), object), allow_pickle=True)
    else:
        (tmp_path / name).write_bytes(pickle.dumps({"smpl_poses": Shout(target)}))

    with pytest.raises(InputError, match=r"mkdir, which no array needs"):
        read_arrays(tmp_path / name)
    assert not target.exists()


def test_what_a_pickle_sets_does_not_outlive_it():
    """Setting the defaults of a function that is let through spoils nothing for the next file."""
    hostile = b"\x80\x02c_codecs\nencode\nN}X\x0c\x00\x00\x00__defaults__X\x04\x00\x00\x00utf8\x85s\x86b."
    encode = safe_pickle.ARRAYS["_codecs", "encode"]
    before = encode.__defaults__

    loads_arrays(hostile)

    assert encode.__defaults__ == before


def laughing(depth: int) -> bytes:
    """Few bytes that unfold to 10 ** depth entries if they are copied."""
    value: object = 1.0
    for _ in range(depth):
        value = [value] * 10
    return pickle.dumps({"smpl_poses": value})


def claims(shape: object, content: object = b"\0" * 8, kind: str = "f8") -> bytes:
    """An array with a state of one's own choice."""

    class Forged:
        def __reduce__(self):
            return (
                np._core.multiarray._reconstruct,
                (np.ndarray, (0,), b"b"),
                (1, shape, np.dtype(kind), False, content),
            )

    return pickle.dumps({"a": Forged()})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        pickle.dumps({"a": np.ones(3)})[:-10],
        pickle.dumps(OrderedDict(a=1)),
        pickle.dumps(np.array([1, "word"], dtype=object)),
        pickle.dumps({"a": np.array(["word"])}),
        pickle.dumps(np.datetime64("2026-01-01")),
        claims((10**9,)),
        claims((-1,)),
        claims(("x",)),
        claims((1,), content=7),
        b"\x93NUMPY\x01\x00",
        b"\x80\x04}r\xff\xff\xff\x7f.",
    ],
    ids=[
        "empty", "words", "cut off", "other classes", "objects", "array of words", "dates",
        "larger than its bytes", "negative", "shape of words", "bytes that are none", "half a header",
        "memory for 2 ** 31 things",
    ],
)  # fmt: skip
def test_damage_is_one_line(tmp_path, content):
    path = tmp_path / "a.pkl"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_arrays(path)
    assert str(caught.value).startswith(f"{path}: not a ")
    assert "\n" not in str(caught.value)


def test_shared_lists_are_not_unfolded():
    assert loads_arrays(laughing(60)) == {}


def test_an_array_file_that_claims_too_much(tmp_path):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    (tmp_path / "a.npy").write_bytes(file.getvalue() + b"\0" * 16)
    with pytest.raises(InputError, match="not a numpy array"):
        read_arrays(tmp_path / "a.npy")


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="not readable"):
        read_arrays(tmp_path / "none.pkl")
