"""HTTP answers of the simulator, and Bilibili's JSON envelope."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"

MESSAGES = {
    0: "0",
    -101: "账号未登录",
    -352: "风控校验失败",
    -400: "请求错误",
    -403: "访问权限不足",
    -404: "啥都木有",
    -412: "请求被拦截",
    -500: "服务器错误",
    -509: "请求过于频繁，请稍后再试",
    -799: "请求过于频繁，请稍后再试",
    -10403: "抱歉您所在地区不可观看！",
    62002: "稿件不可见",
    62004: "稿件审核中",
    62012: "仅UP主自己可见",
}


@dataclass(frozen=True, slots=True)
class Response:
    """Status, headers and body; `send` < 1 closes the connection after that share of the body."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0  # seconds before the first byte
    send: float = 1.0


def envelope(data: Any = None, code: int = 0, status: int = 200) -> Response:
    """Wraps data in Bilibili's JSON envelope: `{"code", "message", "ttl", "data"}`."""
    message = MESSAGES.get(code, str(code))
    body = {"code": code, "message": message, "ttl": 1, "data": data}
    return Response(status, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())


def html(content: str, status: int = 200) -> Response:
    """Returns a web page."""
    page = f"<!DOCTYPE html><html><head><title>哔哩哔哩</title></head><body>{content}</body></html>"
    return Response(status, page.encode(), HTML)
