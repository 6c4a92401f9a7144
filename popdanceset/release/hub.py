"""A dataset repository on a Hugging Face hub: what it holds, and one commit that changes it.

The token comes from the environment variable HF_TOKEN and from nowhere else. It is in no message: errors of
the library are replaced by errors of this project, without a chain.
"""

from __future__ import annotations

import os
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from popdanceset.errors import InputError, PopDanceSetError, RefusedError, StoreError

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd

TOKEN = "HF_TOKEN"  # nosec B105  # the name of an environment variable
ENDPOINT = "HF_ENDPOINT"

_TYPE = "dataset"
_NAME = r"[0-9A-Za-z](?:[0-9A-Za-z._-]{0,94}[0-9A-Za-z])?"
_ADDRESS = re.compile(rf"hf://datasets/({_NAME})/({_NAME})/?", re.ASCII)
_HTTP_CLIENTS = ("httpx", "httpx2", "httpcore", "requests", "urllib3")
_TOKEN_LETTERS = frozenset(string.ascii_letters + string.digits + "_-.")
_WRITE = f"set {TOKEN} to a token that may write there"
_AGAIN = "push again: what has arrived is not sent again"


@dataclass(frozen=True, slots=True)
class HubAddress:
    """Where a dataset is on the hub, as in `hf://datasets/{owner}/{name}`."""

    owner: str
    name: str

    @classmethod
    def parse(cls, text: str) -> HubAddress:
        """Reads an address.

        Raises:
            InputError: it is not one.
        """
        match = _ADDRESS.fullmatch(text)
        if not match or any(".." in part or "--" in part for part in match.groups()):
            raise InputError(
                f"{text[:100]!r} is not the address of a dataset", do="write hf://datasets/OWNER/NAME"
            )
        return cls(*match.groups())

    @property
    def repo_id(self) -> str:
        """The name by which the hub knows it."""
        return f"{self.owner}/{self.name}"

    def __str__(self) -> str:
        return f"hf://datasets/{self.repo_id}"


class RemoteFile(NamedTuple):
    """A file of the repository: size in bytes, and SHA-256 if it is in large-file storage, else git's id."""

    size: int
    sha256: str | None
    git_id: str | None


@dataclass(frozen=True, slots=True)
class RemoteState:
    """What a repository holds.

    Attributes:
        commit: id of its newest commit.
        private: whether only its owner can see it; None if the hub does not say.
        license: stated by its card; empty if none is.
        files: name → file.
    """

    commit: str
    private: bool | None
    license: str
    files: Mapping[str, RemoteFile]


def token_from_environment() -> str:
    """Returns the token.

    Raises:
        InputError: there is none, or it cannot be one.
    """
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        raise InputError(f"there is no token in the environment variable {TOKEN}", do=_WRITE)
    if not set(token) <= _TOKEN_LETTERS:
        raise InputError(f"the environment variable {TOKEN} has characters that no token has", do=_WRITE)
    return token


class Hub:
    """A dataset repository on the hub that HF_ENDPOINT names, or huggingface.co.

    Args:
        address: of the dataset.
        token: with the right to write.
    """

    def __init__(self, address: HubAddress, token: str) -> None:
        from huggingface_hub import HfApi

        self.address = address
        self._api = HfApi(endpoint=os.environ.get(ENDPOINT) or None, token=token)
        self._token = token

    def state(self) -> RemoteState | None:
        """Returns what the repository holds, or None if it does not exist.

        Raises:
            InputError: the token is not accepted.
            RefusedError: there are too many requests.
            StoreError: the hub cannot be reached or has an error.
        """
        from huggingface_hub.errors import RepositoryNotFoundError
        from huggingface_hub.hf_api import RepoFile

        repo = self.address.repo_id
        with self._translated():
            try:
                info = self._api.dataset_info(repo)
            except RepositoryNotFoundError as error:
                if _status(error) == 404:
                    return None
                raise
            entries = self._api.list_repo_tree(repo, repo_type=_TYPE, revision=info.sha, recursive=True)
            files = {
                entry.path: RemoteFile(entry.size, entry.lfs.sha256 if entry.lfs else None, entry.blob_id)
                for entry in entries
                if isinstance(entry, RepoFile)
            }
        card = info.card_data
        licence = card.get("license") if card is not None else None
        return RemoteState(str(info.sha), info.private, licence if isinstance(licence, str) else "", files)

    def create(self, private: bool | None) -> None:
        """Creates the repository, unless it exists.

        Args:
            private: whether only its owner sees it; None: as the owner's settings say.

        Raises:
            InputError, RefusedError, StoreError: as `state`; also if the token may not create it.
        """
        with self._translated():
            self._api.create_repo(self.address.repo_id, repo_type=_TYPE, private=private, exist_ok=True)

    def upload(self, files: Mapping[str, Path]) -> list[CommitOperationAdd]:
        """Sends the content of large files to the hub's storage, without changing the repository.

        What its storage has is not sent again. Small files are sent by `commit`.

        Args:
            files: name → local file.

        Returns:
            What `commit` needs.

        Raises:
            InputError, RefusedError, StoreError: as `state`.
        """
        from huggingface_hub import CommitOperationAdd

        repo = self.address.repo_id
        with self._translated():
            additions = [CommitOperationAdd(name, str(path)) for name, path in files.items()]
            self._api.preupload_lfs_files(repo, additions, repo_type=_TYPE, free_memory=False)
        return additions

    def commit(
        self, additions: Sequence[CommitOperationAdd], deletions: Sequence[str], message: str, parent: str
    ) -> str:
        """Changes the repository by one commit: all of it, or nothing.

        Args:
            additions: from `upload`.
            deletions: names of files.
            message: of the commit.
            parent: commit that must still be the newest one.

        Returns:
            Address of the commit.

        Raises:
            InputError, RefusedError, StoreError: as `state`; also if the repository has changed since.
        """
        from huggingface_hub import CommitOperationDelete

        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            *(CommitOperationDelete(name) for name in deletions),
            *additions,
        ]
        with self._translated():
            done = self._api.create_commit(
                self.address.repo_id,
                operations,
                repo_type=_TYPE,
                commit_message=message,
                parent_commit=parent,
            )
        return str(done.commit_url)

    def squash(self, message: str) -> None:
        """Replaces the history of the repository by one commit: earlier releases are gone.

        Raises:
            InputError, RefusedError, StoreError: as `state`.
        """
        with self._translated():
            self._api.super_squash_history(self.address.repo_id, repo_type=_TYPE, commit_message=message)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Replaces errors of the library, and silences its progress bars."""
        from huggingface_hub.utils.tqdm import (
            are_progress_bars_disabled,
            disable_progress_bars,
            enable_progress_bars,
        )

        silent = are_progress_bars_disabled()
        disable_progress_bars()
        try:
            yield
        except Exception as error:
            replaced = _replaced(error, self.address, self._token)
            if replaced is None:
                raise
            raise replaced from None
        finally:
            if not silent:
                enable_progress_bars()


def _replaced(error: BaseException, address: HubAddress, token: str) -> PopDanceSetError | None:
    """Returns the error of this project that says the same, or None for an unknown one."""
    for cause in _chain(error):
        if (status := _status(cause)) is not None:
            return _of_status(status, cause, address, token)
        if type(cause).__module__.partition(".")[0] in _HTTP_CLIENTS:
            return StoreError(f"cannot be reached: {_clean(cause, token)}", address, _AGAIN)
    if isinstance(error, ValueError):
        return InputError(f"the hub does not take the release: {_clean(error, token)}", address)
    if isinstance(error, OSError | RuntimeError):  # RuntimeError: of the threads that upload
        return StoreError(f"cannot be written: {_clean(error, token)}", address, _AGAIN)
    return None


def _of_status(status: int, error: BaseException, address: HubAddress, token: str) -> PopDanceSetError:
    response: Any = getattr(error, "response", None)
    wait = _seconds_to_wait(getattr(response, "headers", {}))
    later = f"try again in {wait:,} s; what has arrived is not sent again" if wait is not None else _AGAIN
    if status == 401:
        return InputError("the hub does not accept the token", address, _WRITE)
    if status == 403:
        return InputError("the token may not write there", address, _WRITE)
    if status == 404:
        return InputError("not found, or the token may not see it", address, "check the address")
    if status in (409, 412):
        return StoreError("the repository was changed while the release was sent", address, _AGAIN)
    if status == 429:
        at = datetime.now().astimezone() + timedelta(seconds=wait) if wait is not None else None
        retry_at = at.isoformat(timespec="seconds") if at else ""
        return RefusedError("the hub got too many requests", address, later, retry_at)
    if status >= 500:
        return StoreError(f"the hub has an error (HTTP {status})", address, later)
    said = _clean(getattr(error, "server_message", None) or error, token)
    return InputError(f"the hub does not take the release (HTTP {status}): {said}", address)


def _status(error: BaseException) -> int | None:
    """Returns the HTTP status of an error that an answer of the hub caused."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yields an error and what caused it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _clean(error: object, token: str) -> str:
    """Returns what an error says on one line, shortened and without the token."""
    text = " ".join(str(error).replace(token, "…").split())
    return text[:200] or type(error).__name__


def _seconds_to_wait(headers: Mapping[str, str]) -> int | None:
    """Returns how long an answer asks to wait: by Retry-After, or by the hub's own header of limits."""
    value = (headers.get("Retry-After") or headers.get("retry-after") or "").strip()
    if value.isdigit():
        return int(value)
    if value:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0, round((moment - datetime.now(UTC)).total_seconds()))
    found = re.search(r"\br=0;.*?\bt=(\d+)", headers.get("ratelimit") or "")
    return int(found[1]) if found else None
