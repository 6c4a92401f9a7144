"""The people of a joint upload, whom the host lists in `staff` with an id and a title such as dancer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from popdanceset.bilibili.numbers import whole

MOST = 100
"""No joint upload has nearly as many people."""

_OTHER_WORK = re.compile(r"编舞|舞台|舞美|舞蹈指导|舞蹈编导|choreograph\w*", re.IGNORECASE)
"""Work that is named after dance, but not done in front of the camera."""

_DANCES = re.compile(r"舞|跳|参演|出演|主演|出镜|表演|演员|danc|perform", re.IGNORECASE)


def staff_of(item: Mapping[str, Any]) -> dict[int, str]:
    """Returns the people of a joint upload, uploader id → title, in the answer's order; {} without a list."""
    listed = item.get("staff")
    people = (
        [person for person in listed[:MOST] if isinstance(person, dict)] if isinstance(listed, list) else []
    )
    found = ((whole(person.get("mid")), person.get("title")) for person in people)
    return {mid: title if isinstance(title, str) else "" for mid, title in found if mid}


def is_joint(item: Mapping[str, Any]) -> bool:
    """Returns whether a video object says that it is a joint upload, even if it does not list the people."""
    rights = item.get("rights")
    return isinstance(rights, dict) and whole(rights.get("is_cooperation")) == 1


def people_of(staff: str | None) -> list[int]:
    """Returns the ids in the column `staff` of schema STATISTICS; none if it is empty or null."""
    return [int(mid) for mid in (staff or "").split("+") if mid.isascii() and mid.isdigit()]


def dancers_of(staff: Mapping[int, str], uploader: int | None) -> str | None:
    """Returns one name for the dancers of a joint upload: their ids in ascending order, joined by `+`.

    If titles name dancers, these are they and the uploader, whose own title only says that he uploaded. If no
    title does, all people are. None if there is no list: the uploader dances.

    Args:
        staff: uploader id → title.
        uploader: id of the uploader.
    """
    named = {mid for mid, title in staff.items() if _DANCES.search(_OTHER_WORK.sub("", title))}
    dancers = named | ({uploader} if uploader in staff else set()) if named else set(staff)
    return "+".join(str(mid) for mid in sorted(mid for mid in dancers if mid)) or None
