"""The report names what reviewers decided, and no reviewer."""

from __future__ import annotations

from pathlib import Path

import pytest

from popdanceset import layout
from popdanceset.report.data import collect
from popdanceset.report.page import write_report
from popdanceset.review.database import ReviewDatabase
from popdanceset.review.decisions import Decision, Kind
from popdanceset.review.in_force import write_decisions
from tests.popdanceset.report.conftest import CLIP_IDS, Reader

FIRST, SECOND, UNSTEADY = CLIP_IDS
NOTE = "<script>alert(1)</script> not good"


def by(name, clip, kind, value=""):
    return Decision(clip, kind, value, NOTE, name, "2026-11-29T12:00:00.000Z")


@pytest.fixture
def reviewed(dataset, tmp_path):
    """A dataset whose first clip people rejected, whose second waits for a change, and whose third, which the
    extractor rejected, they accepted."""
    dataset.crawled().selected().acquired(tmp_path).extracted()
    made = [
        by("Anna Bell, Ben", FIRST, Kind.REJECT, "wrong_person"),
        by("Ben", SECOND, Kind.TRIM, "0.000-1.000"),
        by("Anna Bell", UNSTEADY, Kind.ACCEPT),
    ]
    write_decisions(Path(dataset.settings.manifests, dataset.manifest), made)
    return dataset


@pytest.fixture
def database(reviewed):
    opened = ReviewDatabase(reviewed.store.workplace(layout.REVIEW_DATABASE))
    opened.add([by("Anna Bell", clip, Kind.ACCEPT) for clip in (SECOND, UNSTEADY)])
    opened.add([by("Ben", SECOND, Kind.REJECT, "too_short"), by("Ben", UNSTEADY, Kind.ACCEPT)])
    yield opened
    opened.close()


def data_of(dataset):
    folder = Path(dataset.settings.manifests, dataset.manifest)
    return collect(dataset.store, dataset.manifest, folder=folder)


def test_rejections_name_the_review(reviewed):
    data = data_of(reviewed)
    groups = {(group.stage, group.reason): group for group in data.groups}
    (member,) = groups["review", "wrong_person"].members
    assert (member.bvid, member.note) == (FIRST.partition("_")[0], f"{FIRST}; decided by reviewers")
    assert groups["review", "wrong_person"].meaning == "the poses are of somebody else than the dancer"
    assert ("poses", "unsteady_pose") not in groups  # people accepted them
    assert [group.stage for group in data.groups][-1] == "review"


def test_the_chain_accounts_for_every_clip(reviewed):
    *_, cut, extracted, decided, last = data_of(reviewed).stages
    assert (cut.count, extracted.count, extracted.losses) == (3, 3, ())
    assert (decided.name, decided.count, decided.waiting) == ("reviewed", 1, 1)
    assert decided.losses == (("wrong_person", 1),)
    assert last.count == 45


def test_the_summary(reviewed, database):
    review = data_of(reviewed).review
    assert (review.clips, review.decided, review.accepted, review.waiting) == (3, 3, 1, 1)
    assert review.rejected == {"wrong_person: the poses are of somebody else than the dancer": 1}
    assert review.changes == {"trim": 1}
    assert (review.disagreed, review.open) == (1, 1)
    # They agree on one of two; one accepts both, the other one of them: p_e = 1/2.
    assert [(p.first, p.second, p.clips, p.agreed, p.kappa) for p in review.pairs] == [(1, 2, 2, 1, "0.00")]


def test_the_page_tells_it_without_names(reviewed, database, tmp_path):
    path = write_report(reviewed.store, reviewed.settings, reviewed.manifest, None, tmp_path / "report.html")
    page = Reader(path)
    assert (
        "Reviewers decided on 3 of 3 clips: 1 accepted, 1 rejected; 1 waits for its changes. "
        "In the review room they disagree on 1, of which 1 is open."
    ) in page.text
    assert "reviewers 1 and 2 2 1 0.00" in page.text
    for chip in ("reviewed: wrong_person", "waiting for a reviewer's change", "accepted by reviewers"):
        assert page.text.count(chip) == 2, chip  # in the table, and above the clip's stills
    assert "1 clip left out until reviewers' changes are made" in page.text
    assert "review wrong_person the poses are of somebody else than the dancer 1" in page.text
    source = path.read_text("utf-8")
    assert not any(word in source for word in ("Anna", "Ben", "not good"))


def test_a_damaged_database_costs_only_what_it_says(reviewed, caplog):
    reviewed.store.write_bytes(layout.REVIEW_DATABASE, b"no database " * 100)
    review = data_of(reviewed).review
    assert (review.decided, review.disagreed) == (3, None)
    assert "is not a review database" in caplog.text


def test_without_decisions_there_is_no_review(dataset, tmp_path):
    dataset.crawled().selected().acquired(tmp_path)
    assert data_of(dataset).review is None
    assert [stage.name for stage in data_of(dataset).stages][-2:] == ["extracted", "extracted"]
