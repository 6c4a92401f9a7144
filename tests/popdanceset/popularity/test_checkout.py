import logging
import subprocess
from pathlib import Path

import pytest

from popdanceset.popularity.checkout import commit_of


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@localhost")
    done = subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_commit_of_a_checkout(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert commit_of(tmp_path) is None  # nothing is committed yet
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert commit_of(tmp_path / "manifests" / "not made yet") == head
    (tmp_path / "changed").touch()
    assert commit_of(tmp_path) == head


def test_no_checkout(tmp_path: Path) -> None:
    assert commit_of(tmp_path / "manifests") is None


def test_a_broken_checkout_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / ".git").write_text("gitdir: nowhere")
    with caplog.at_level(logging.WARNING):
        assert commit_of(tmp_path) is None
    assert "cannot determine the git commit" in caplog.text


def test_without_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    with caplog.at_level(logging.WARNING):
        assert commit_of(tmp_path) is None
    assert "cannot determine the git commit" in caplog.text
