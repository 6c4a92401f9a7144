"""Databases of what people enter: each kind opens only its own files."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from popdanceset.durable_database import DurableDatabase
from popdanceset.errors import StoreError
from popdanceset.review.database import ReviewDatabase
from popdanceset.study.answers import AnswerDatabase


def test_a_file_of_another_kind_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    for own, other, message in (
        (ReviewDatabase, AnswerDatabase, "is not a database of answers"),
        (AnswerDatabase, ReviewDatabase, "is not a review database"),
    ):
        path = tmp_path / own.__name__
        own(path).close()
        before = path.read_bytes()
        with pytest.raises(StoreError, match=message):
            other(path)
        assert path.read_bytes() == before


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    AnswerDatabase(tmp_path / "answers").close()
    with sqlite3.connect(tmp_path / "answers") as connection:
        connection.execute("PRAGMA user_version = 7")
    with pytest.raises(StoreError, match=r"version 7, .* version 1 \(update popdanceset\)"):
        AnswerDatabase(tmp_path / "answers")


class Notes(DurableDatabase):
    """The least kind there can be."""

    kind, application_id, absent, other = "notebook", 42, "write something", "give another file"
    schema = ("CREATE TABLE notes (text TEXT NOT NULL)",)

    def write(self, *texts: str | None) -> None:
        with self._transaction() as connection:
            connection.executemany("INSERT INTO notes VALUES (?)", [(text,) for text in texts])

    def texts(self) -> list[str]:
        return [text for (text,) in self._read("SELECT text FROM notes")]


def test_a_transaction_is_kept_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    notes = Notes(tmp_path / "a/new/folder/notes")
    notes.write("one", "two")
    with pytest.raises(StoreError, match="the notebook failed: NOT NULL"):
        notes.write("three", None)

    assert notes.texts() == ["one", "two"]
    assert Notes(tmp_path / "a/new/folder/notes", create=False).texts() == ["one", "two"]
    assert notes._read("PRAGMA synchronous") == [(2,)]  # FULL
    assert notes._read("PRAGMA journal_mode") == [("wal",)]


def test_what_is_not_there_is_not_made_unless_asked_for(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no notebook \(write something\)"):
        Notes(tmp_path / "absent", create=False)
    assert not (tmp_path / "absent").exists()
