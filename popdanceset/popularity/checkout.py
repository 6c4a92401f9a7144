"""The git commit at which a manifest was created."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

log = logging.getLogger(__name__)


def commit_of(folder: Path) -> str | None:
    """Returns HEAD of the git checkout that contains a folder; None outside a checkout.

    The folder need not exist. Uncommitted changes are not reported: writing the manifest is such a change, so
    creating the same manifest twice would give two different results.
    """
    parents = [parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.is_dir()]
    if not any((parent / ".git").exists() for parent in parents):
        return None
    command = ["git", "-C", str(parents[0]), "rev-parse", "--verify", "--quiet", "HEAD"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("%s: cannot determine the git commit: %s", folder, error)
        return None
    if result.returncode and result.stderr:
        log.warning("%s: cannot determine the git commit: %s", folder, result.stderr.strip().splitlines()[0])
    return result.stdout.strip() or None
