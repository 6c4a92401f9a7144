"""Genre from section, tags and title, by rules in a file."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from popdanceset.errors import SettingsError
from popdanceset.genre import DEFAULT, UNKNOWN, genre, read_rules


@pytest.mark.parametrize(
    ("tid", "tid_v2", "expected"),
    [
        (20, None, "otaku"),
        (198, None, "street"),
        (198, 2029, "hip-hop"),  # the newer scheme is finer
        (154, 2034, "ballet"),
        (154, None, UNKNOWN),
        (20, 2036, "otaku"),  # the newer scheme says "other", the older one knows
        (None, None, UNKNOWN),
        (4711, 4711, UNKNOWN),
    ],
)
def test_sections(tid: int | None, tid_v2: int | None, expected: str) -> None:
    assert genre(tid, tid_v2) == expected


@pytest.mark.parametrize(
    ("title", "tid_v2", "expected"),
    [
        ("【街头】Popping 一镜到底", None, "popping"),
        ("ＰＯＰＰＩＮＧ", 2029, "popping"),  # wide letters; a style is finer than its section
        ("Whopping good fun", None, UNKNOWN),  # only whole words
        ("b-girl battle", None, "breaking"),
        ("敦煌舞《飞天》", None, "chinese"),
        ("学跳古典舞的芭蕾演员", None, "ballet"),  # the first rule wins
        ("【翻跳】Ditto", 2031, "star"),
        ("【KPOP翻跳】Ditto", 2031, "k-pop"),
        ("手势舞 桃花笑", None, "gesture"),
        ("My new house", 2036, UNKNOWN),
        ("", None, UNKNOWN),
    ],
)
def test_titles(title: str, tid_v2: int | None, expected: str) -> None:
    assert genre(None, tid_v2, title) == expected


def test_tags_count_as_words_and_as_a_whole(tmp_path: Path) -> None:
    assert genre(None, None, "好久不见", ["舞蹈", "HIPHOP"]) == "hip-hop"
    rules = tmp_path / "rules.toml"
    rules.write_text('genres = ["tango"]\n[[rule]]\ngenre = "tango"\ntags = ["探戈"]\n', encoding="utf-8")
    assert genre(None, None, "", ["探戈"], rules) == "tango"
    assert genre(None, None, "探戈", ["探戈舞"], rules) == UNKNOWN
    assert genre(20, None, rules=rules) == UNKNOWN  # a user's file replaces ours


def test_there_are_nineteen_plain_genres_and_a_rule_for_each() -> None:
    names = tomllib.loads(DEFAULT.read_text(encoding="utf-8"))["genres"]
    assert len(set(names)) == len(names) == 19
    assert {rule.genre for rule in read_rules(DEFAULT)} == set(names)
    assert UNKNOWN not in names
    assert all(name == name.lower() and " " not in name for name in names)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("genres = [", "no TOML"),
        ('genres = ["a"]', "needs a list `genres`"),
        ('genres = ["a"]\nmore = 1\nrule = []', "nothing else"),
        ('genres = ["a"]\n[[rule]]\ngenre = "b"\ntid = [1]', "rule 1: 'b' is not in the list"),
        ('genres = ["a"]\n[[rule]]\ngenre = "a"\ntids = [1]', "'tids' is no condition"),
        ('genres = ["a"]\n[[rule]]\ngenre = "a"\ntid = ["1"]', "'tid' is no list of int"),
        ('genres = ["a"]\n[[rule]]\ngenre = "a"\nwords = [""]', "'words' is no list of str"),
        ('genres = ["a"]\n[[rule]]\ngenre = "a"', "has no condition"),
    ],
)
def test_wrong_rules_are_named(tmp_path: Path, text: str, message: str) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(text)
    with pytest.raises(SettingsError, match=message):
        genre(1, None, rules=rules)


def test_missing_rules_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"gone\.toml: genre rules not readable"):
        genre(1, None, rules=tmp_path / "gone.toml")
