"""`popdanceset review`: what stands in its way costs one line each."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from popdanceset.errors import PopDanceSetError
from popdanceset.review.command import review


def refused(*arguments, environment=None):
    """Runs the command; returns the line with which it ends."""
    result = CliRunner().invoke(review, [*map(str, arguments)], env=environment)
    assert isinstance(result.exception, PopDanceSetError | SystemExit), result.exception
    text = str(result.exception) if isinstance(result.exception, PopDanceSetError) else result.output
    assert "Traceback" not in text
    return text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--manifest", "monthly"], "there is no such manifest"),
        (["--host", "0.0.0.0"], "needs a token"),
        (["--release", "1.2.3"], "there is no release"),
        (["--compare", "nothing"], "is not NAME=PATH"),
        (["--compare", "a=/no/such/folder"], "not readable"),
        (["--compare", "a=.", "--compare", "a=."], "contains no motion"),
        (["--reviewer", "\x07"], "control characters"),
        (["--token-file", "/no/such/file"], "the token is not readable"),
    ],
)
def test_what_cannot_work_is_refused(reviewed, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused("--store", reviewed.address, *arguments)


def test_a_short_token_is_refused(reviewed):
    assert "9 characters" in refused(
        "--store", reviewed.address, environment={"POPDANCESET_REVIEW_TOKEN": "too-short"}
    )


def test_a_release_takes_no_decisions(release_dir, tmp_path):
    assert "is read-only" in refused("--release", release_dir, "--database", tmp_path / "d.sqlite")


def test_a_release_is_served_without_films_unless_the_store_is_given(start_server, release_dir, store):
    from popdanceset.withdrawal.tombstones import Tombstone, WithdrawalReason, write_tombstone

    store.write_bytes("media/BV1_Clip_1.mp4", b"film")
    write_tombstone(Tombstone("BV3", "2026-11-29", WithdrawalReason.OTHER), store)
    with_films = start_server("--release", str(release_dir), "--store", store.address)
    without = start_server(
        "--release", str(release_dir), environment=os.environ | {"POPDANCESET_STORE": store.address}
    )
    assert without.get("/api/room")["mode"] == "show"
    index = without.get("/api/clips")["columns"].index("has_video")
    shown = [{row[0]: row[index] for row in each.get("/api/clips")["rows"]} for each in (with_films, without)]
    assert shown[0]["BV1_Clip_1"]
    assert not any(shown[1].values())
    assert {"BV3_Clip_1"} & {*shown[0], *shown[1]} == set()  # withdrawn since


def test_a_store_without_clips_is_refused(tmp_path):
    assert "has no clips to review" in refused("--store", tmp_path / "empty")
    assert not (tmp_path / "empty").exists()


def test_a_remote_store_needs_a_database():
    assert "give --database FILE" in refused("--store", "memory://somewhere")


def test_a_file_that_is_no_database_is_refused_and_left_alone(reviewed, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("my notes")
    assert "is not a review database" in refused("--store", reviewed.address, "--database", path)
    assert path.read_text() == "my notes"


def test_a_missing_library_is_named(reviewed, monkeypatch):
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "uvicorn" else found(name))
    assert "pip install 'popdanceset[review]'" in refused("--store", reviewed.address)


def test_options_before_a_subcommand_are_not_swallowed(reviewed):
    text = refused("--store", reviewed.address, "export", "--manifest", "weekly")
    assert "give --store after `export`" in text


def test_a_database_elsewhere(start_server, reviewed, tmp_path):
    path = tmp_path / "mine.sqlite"
    server = start_server("--store", reviewed.address, "--database", str(path), "--reviewer", "anna")
    assert server.get("/api/room")["reviewer"] == "anna"
    server.post("/api/decisions", {"reviewer": "anna", "clip_ids": ["BV1_Clip_1"], "kind": "accept"})
    assert path.is_file()
    assert not Path(reviewed.address, "review").exists()
