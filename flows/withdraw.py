"""Withdraws videos from the dataset."""

from __future__ import annotations

from typing import Annotated

from prefect import flow, get_run_logger, task
from pydantic import Field

from flows.artifacts import show_text
from flows.beginnings import begin
from flows.conduct import RETRY, load
from flows.endings import ENDINGS
from flows.parameters import Overrides
from popdanceset.store import Store
from popdanceset.withdrawal.tombstones import WithdrawalReason
from popdanceset.withdrawal.withdraw import withdraw as withdraw_videos

Videos = Annotated[list[Annotated[str, Field(min_length=1, max_length=300)]], Field(min_length=1)]


@task(**RETRY)
def withdraw_all(
    overrides: Overrides | None,
    bvids: list[str],
    reason: WithdrawalReason,
    note: str,
    purge_old: bool,
    dry_run: bool,
) -> str:
    """Withdraws the videos. Returns what was deleted, or would be."""
    settings = load(overrides)
    done = withdraw_videos(
        settings, Store(settings.store), bvids, reason, note, purge_old=purge_old, dry_run=dry_run
    )
    return str(done)


@flow(**ENDINGS)
def withdraw(
    bvids: Videos,
    reason: WithdrawalReason,
    note: Annotated[str, Field(max_length=500)] = "",
    purge_old: bool = False,
    dry_run: bool = True,
    settings: Overrides | None = None,
) -> str:
    """Deletes everything derived from videos, and never uses their ids again. This cannot be undone.

    Args:
        bvids: ids or addresses of the videos.
        reason: who asked for it, or why it is necessary.
        note: details, without any personal data.
        purge_old: also delete older releases that contain the videos, and leave a note in their place.
        dry_run: only show what would be deleted. Nothing is deleted until this is false.
        settings: settings that differ from the worker's own.

    Returns:
        What was deleted, or would be.
    """
    begin(settings, "withdraw")
    done = withdraw_all(settings, bvids, reason, note, purge_old, dry_run)
    get_run_logger().info("%s", done)
    show_text(f"```\n{done}\n```", "withdrawal", "What would be deleted." if dry_run else "What was deleted.")
    return done
