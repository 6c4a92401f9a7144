from hypothesis import given
from hypothesis import strategies as st

from popdanceset.bilibili.text import LONGEST, one_line


def test_words_become_one_valid_line() -> None:
    assert one_line("a\x00b\r\nc\u2028d \ud83d") == "a b c d ?"
    assert one_line("\x1b[31mred\u202e") == "[31mred"
    assert one_line("💃" * 10_000) == "💃" * 1000
    assert one_line(7) is None


@given(st.text())
def test_any_words(words: str) -> None:
    line = one_line(words)
    assert line is not None
    assert len(line.encode()) >= 0
    assert len(line) <= LONGEST
    assert len(line.splitlines()) <= 1
    assert one_line(line) == line
