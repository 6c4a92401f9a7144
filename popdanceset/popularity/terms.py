"""The terms of the popularity model and their labels in tables and figures."""

from __future__ import annotations

from collections.abc import Mapping

BIAS = "bias"

LABELS: Mapping[str, str] = {
    "view": "views",
    "danmaku": "danmaku",
    "reply": "comments",
    "favorite": "favourites",
    "coin": "coins",
    "share": "shares",
    "like": "likes",
    BIAS: "bias",
}
