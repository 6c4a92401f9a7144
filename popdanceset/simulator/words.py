"""Names, titles and tags of a dance section, with characters that trouble careless software."""

from __future__ import annotations

from math import prod

# fmt: off
_NAMES = (
    "糯米", "小鹿", "阿九", "星河", "南风", "桃桃", "北辰", "七月", "墨染", "柚子",
    "千夏", "凉月", "阿狸", "云朵", "可乐", "白茶",
)
_NAME_ENDS = (
    "酱", "同学", "Dance", "舞社", "大王", "_official", "在跳舞", "不睡觉", "", "Crew", "老师", "OvO",
)
_OPENINGS = (
    "【4K】", "【翻跳】", "【原创编舞】", "【竖屏】", "「全员」", "【高燃】", "60帧|", "【生日作】",
    "【街头】", "", "", "",
)
_SONGS = (
    "极乐净土", "恋爱循环", "桃花笑", "芒种", "Super Shy", "APT.", "春庭雪", "大喜", "踏山河", "千本樱",
    "Ditto", "赤伶", "舞女泪", "LOVE DIVE", "青花瓷", "科目三",
)
_CLOSINGS = (
    "跳到停不下来!", "甜度超标💃", "第一次投稿请多关照", "一镜到底", "這個夏天最後一支舞", "镜面教学/慢速",
    '"氛围感"拉满', "膝盖还好吗?", "汉服变装", "宿舍版~", "(完整版)", "好久不见",
)
TAGS = (
    "舞蹈", "翻跳", "原创编舞", "国风", "韩舞", "街舞", "宅舞", "打卡挑战", "教学", "必剪创作",
    "HIPHOP", "变装", "校园", "漫展",
)
# fmt: on

TITLES = prod(map(len, (_OPENINGS, _SONGS, _CLOSINGS)))
"""Number of distinct titles."""


def title(number: int) -> str:
    """Returns title number 0 … `TITLES` - 1."""
    number, opening = divmod(number, len(_OPENINGS))
    closing, song = divmod(number, len(_SONGS))
    return f"{_OPENINGS[opening]}{_SONGS[song]} {_CLOSINGS[closing]}"


def author(number: int) -> str:
    """Returns a distinct name for each number from 0."""
    number, start = divmod(number, len(_NAMES))
    repeat, end = divmod(number, len(_NAME_ENDS))
    return f"{_NAMES[start]}{_NAME_ENDS[end]}{repeat or ''}"
