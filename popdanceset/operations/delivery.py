"""Sends an alert to a command and to a webhook of the user's.

The webhook's address often contains a token. It is posted to with `http.client`, which logs nothing and
follows no redirection.
"""

from __future__ import annotations

import base64
import http.client
import json
import shlex
import subprocess
from typing import Any
from urllib.parse import urlsplit

from popdanceset.errors import InputError, SettingsError, TransferError
from popdanceset.settings import AlertSettings


def deliver(document: dict[str, Any], settings: AlertSettings) -> None:
    """Sends a document to the command and the webhook of the settings, if they name any.

    Both are tried, also if the first fails.

    Raises:
        InputError: the command cannot be run, fails, or takes too long.
        SettingsError: the webhook is not an http or https address.
        TransferError: the webhook cannot be reached or does not accept it.
    """
    body = json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    try:
        if settings.command:
            _run(settings.command, body, settings.timeout)
    finally:
        if settings.webhook.get_secret_value():
            _post(settings.webhook.get_secret_value(), body, settings.timeout)


def _run(command: str, body: bytes, timeout: float) -> None:
    try:
        arguments = shlex.split(command)
        program = arguments[0]
    except (ValueError, IndexError) as error:
        raise SettingsError("not a command line", "alerts.command", "check its quotes") from error
    try:
        done = subprocess.run(arguments, input=body, capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired as error:
        raise InputError(
            f"took more than {timeout:g} s", f"alerts.command, {program}", "raise alerts.timeout"
        ) from error
    except OSError as error:
        raise InputError(
            f"cannot be run: {error.strerror}", f"alerts.command, {program}", "check the path"
        ) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        last = f": {said[-1][:200]}" if said else ""
        raise InputError(f"ended with exit code {done.returncode}{last}", f"alerts.command, {program}")


def _post(address: str, body: bytes, timeout: float) -> None:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError("not an http or https address", "alerts.webhook", "correct it") from None
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, port, timeout=timeout)
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "popdanceset"}
    if parts.username:
        login = f"{parts.username}:{parts.password or ''}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
    where, do = f"alerts.webhook at {parts.hostname}", "check the address and the connection"
    try:
        connection.request("POST", f"{parts.path or '/'}{parts.query and '?' + parts.query}", body, headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException, ValueError) as error:
        # Some of these errors repeat the request line, which holds the token.
        raise TransferError(f"cannot be reached ({type(error).__name__})", where, do) from None
    finally:
        connection.close()
    if status >= 300:
        raise TransferError(f"answered with HTTP {status}", where, do)
