"""Genre from section, tags and title, by rules in a file."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from popdanceset.errors import SettingsError
from popdanceset.genre import DEFAULT, UNKNOWN, genre, read_rules

RULE = 'genres = ["a"]\n[[step]]\n[[step.rule]]\n'


@pytest.mark.parametrize(
    ("tid", "tid_v2", "expected"),
    [
        (20, None, "otaku"),
        (198, None, "street"),
        (198, 2029, "hip-hop"),  # the newer scheme is more specific
        (154, 2034, "ballet"),
        (154, None, UNKNOWN),
        (20, 2036, "otaku"),  # the newer scheme says "others", the older one is specific
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
        ("ＰＯＰＰＩＮＧ", 2029, "popping"),  # wide letters; a style is more specific than its section
        ("Whopping good fun", None, UNKNOWN),  # Latin words match as whole words only
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


@pytest.mark.parametrize(
    ("title", "tags", "tid_v2", "expected", "because"),
    [
        (
            "芭蕾日常",
            ["popping", "街舞"],
            2029,
            "ballet",
            "a style in the title has priority over one in a tag",
        ),
        ("好久不见", ["舞蹈", "Popping"], 2029, "popping", "a style in a tag has priority over the section"),
        (
            "好久不见",
            ["国风", "街舞", "教学"],
            2028,
            "otaku",
            "the section has priority over general words in tags",
        ),
        ("Ditto", ["韩舞", "翻跳"], 2031, "k-pop", "Korean pop has priority over the section of stars"),
        ("【KPOP】Ditto", ["宅舞"], 2028, "otaku", "Korean pop has priority over no other section"),
        ("【KPOP】Ditto", ["明星"], 2036, "k-pop", "this section has no rule, so the title decides"),
        ("街舞随拍", ["宅舞"], 2036, "street", "general words in the title have priority over tags"),
        ("好久不见", ["ＨＩＰＨＯＰ", "芭蕾"], None, "ballet", "of two tags, the one whose rule comes first"),
        ("好久不见", ["舞蹈", "必剪创作", ""], 2033, UNKNOWN, "no rule matches these tags"),
    ],
)
def test_precedence_of_section_title_and_tags(
    title: str, tags: list[str], tid_v2: int | None, expected: str, because: str
) -> None:
    assert genre(None, tid_v2, title, tags) == expected, because


def test_tags_count_as_words_and_as_a_whole(tmp_path: Path) -> None:
    assert genre(None, None, "好久不见", ["舞蹈", "HIPHOP"]) == "hip-hop"
    rules = tmp_path / "rules.toml"
    rules.write_text(
        'genres = ["tango"]\n[[step]]\n[[step.rule]]\ngenre = "tango"\ntags = ["探戈"]\n', encoding="utf-8"
    )
    assert genre(None, None, "", ["探戈"], rules) == "tango"
    assert genre(None, None, "探戈", ["探戈舞"], rules) == UNKNOWN
    assert genre(20, None, rules=rules) == UNKNOWN  # a user's file replaces ours


def test_there_are_nineteen_plain_genres_and_a_rule_for_each() -> None:
    names = tomllib.loads(DEFAULT.read_text(encoding="utf-8"))["genres"]
    assert len(set(names)) == len(names) == 19
    assert {rule.genre for step in read_rules(DEFAULT) for rule in step} == set(names)
    assert UNKNOWN not in names
    assert all(name == name.lower() and " " not in name for name in names)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("genres = [", "not TOML"),
        ('genres = ["a"]', "must have a list `genres`"),
        ('genres = ["a"]\nmore = 1\nstep = []', "nothing else"),
        ('genres = ["a"]\nstep = [1]', "step 1: must have tables"),
        ('genres = ["a"]\n[[step]]\nwhy = ""', "step 1: must have tables"),
        ('genres = ["a"]\nstep = [{rule = [1]}]', "step 1, rule 1: is not a table"),
        (f'{RULE}genre = "b"\ntid = [1]', "step 1, rule 1: 'b' is not in the list"),
        (f'{RULE}genre = "a"\ntids = [1]', "'tids' is not a condition"),
        (f'{RULE}genre = "a"\ntid = ["1"]', "'tid' is not a list of int"),
        (f'{RULE}genre = "a"\nwords = [""]', "'words' is not a list of str"),
        (f'{RULE}genre = "a"', "has no condition"),
    ],
)
def test_wrong_rules_are_named(tmp_path: Path, text: str, message: str) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(text)
    with pytest.raises(SettingsError, match=message):
        genre(1, None, rules=rules)


def test_missing_rules_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"gone\.toml: cannot read the genre rules"):
        genre(1, None, rules=tmp_path / "gone.toml")
