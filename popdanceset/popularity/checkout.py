"""The git commit at which a manifest was made."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

log = logging.getLogger(__name__)


def commit_of(folder: Path) -> str | None:
    """HEAD of the git checkout in which a folder lies, or will lie; None if it lies in none.

    Whether the checkout has changes that are not committed is not told: writing the manifest is such a
    change, so making the same manifest twice would give two answers.
    """
    parents = [parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.is_dir()]
    if not any((parent / ".git").exists() for parent in parents):
        return None
    command = ["git", "-C", str(parents[0]), "rev-parse", "--verify", "--quiet", "HEAD"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("%s: its git commit cannot be told: %s", folder, error)
        return None
    if result.returncode and result.stderr:
        log.warning("%s: its git commit cannot be told: %s", folder, result.stderr.strip().splitlines()[0])
    return result.stdout.strip() or None
