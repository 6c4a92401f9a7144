import pytest

from popdanceset.atomic import atomic_path, atomic_write


def test_a_file_appears_when_it_is_complete(tmp_path):
    target = tmp_path / "new" / "a.txt"
    with atomic_write(target, "w") as file:
        file.write("häl")
        assert not target.exists()
        file.write("f")

    assert target.read_text(encoding="utf-8") == "hälf"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("writer", [atomic_write, atomic_path])
def test_an_error_leaves_the_earlier_file(tmp_path, writer):
    target = tmp_path / "a.mp4"
    target.write_bytes(b"before")
    with pytest.raises(KeyError), writer(target):
        raise KeyError

    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == b"before"


def test_a_partial_path_keeps_the_suffix(tmp_path):
    with atomic_path(tmp_path / "a.mp4") as partial:
        assert partial.suffix == ".mp4"
        assert partial.name.startswith(".")
        partial.write_bytes(b"x")

    assert (tmp_path / "a.mp4").read_bytes() == b"x"
