"""The terms of the popularity model, and what readers call them."""

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
