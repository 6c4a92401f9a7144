"""`popdanceset explain` names the decisions of reviewers on a video's clips."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from popdanceset.errors import InputError
from popdanceset.popularity.command import explain as command
from popdanceset.review.decisions import Decision, Kind
from popdanceset.review.explaining import review_lines
from popdanceset.review.in_force import write_decisions
from popdanceset.schema import STATISTICS
from popdanceset.settings import Settings
from popdanceset.store import Store
from tests.popdanceset.popularity.conftest import bvid, section

VIDEO, WHEN = bvid(5), "2026-11-29T12:00:00.000Z"
HOSTILE = "arms\x1b[2J\nrejected: never \u202e🕺"


@pytest.fixture
def decided(settings: Settings) -> Path:
    """Two manifests with decisions, and one whose file is broken."""
    folder = Path(settings.manifests)
    made = [
        Decision(f"{VIDEO}_Clip_10", Kind.SPLIT, "4.500"),
        Decision(f"{VIDEO}_Clip_2", Kind.REJECT, "unsteady_pose", HOSTILE, "anna, ben", WHEN),
        Decision(f"{VIDEO}_p2_Clip_1", Kind.ACCEPT, "", "", "anna", WHEN),
        Decision(f"{bvid(6)}_Clip_1", Kind.ACCEPT),
    ]
    write_decisions(folder / "weekly", made)
    write_decisions(folder / "older", [Decision(f"{VIDEO}_Clip_1", Kind.GENRE, "jazz", reviewer="cleo")])
    (folder / "broken").mkdir()
    (folder / "broken" / "reviews.csv").write_text("clip_id\n")
    return folder


def test_decisions_by_manifest(decided: Path, caplog: pytest.LogCaptureFixture) -> None:
    why = "unsteady_pose (the estimated pose is not steady enough)"
    rejected = f"rejected: {why}, by anna, ben, {WHEN}: arms [2J rejected: never  🕺"
    assert list(review_lines(VIDEO, decided)) == [
        "reviewed in manifest older",
        f"  {VIDEO}_Clip_1     genre jazz, by cleo",
        "reviewed in manifest weekly",
        f"  {VIDEO}_Clip_2     {rejected}",
        f"  {VIDEO}_Clip_10    split 4.500",
        f"  {VIDEO}_p2_Clip_1  accepted, by anna, {WHEN}",
    ]
    assert "broken/reviews.csv: columns kind" in caplog.text
    assert list(review_lines(bvid(7), decided)) == []
    assert list(review_lines(VIDEO, decided / "nowhere")) == []


def test_the_command_ends_with_them(decided: Path, settings: Settings, store: Store) -> None:
    store.write_table("statistics/date=2026-03-01/a.parquet", section(60), STATISTICS)
    options = ["--store", settings.store, "--set", f"manifests={decided}", "--model", "paper-midpoints"]

    output = CliRunner().invoke(command, [VIDEO, *options], catch_exceptions=False).output
    assert "Pop " in output
    assert output.endswith(f"accepted, by anna, {WHEN}\n")

    write_decisions(decided / "weekly", [Decision("BV1imported0_Clip_1", Kind.REJECT, "not_a_dance")])
    unknown = CliRunner().invoke(command, ["BV1imported0", *options])
    assert isinstance(unknown.exception, InputError)  # there are no statistics of it
    assert "rejected: not_a_dance (what the clip shows is no dance)" in unknown.output
