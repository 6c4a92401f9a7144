"""The page: self-contained, safe against its content, complete, and explicit about what is missing."""

import logging
import re
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest

from popdanceset import tables
from popdanceset.errors import InputError, MediaError, SchemaError, StoreError
from popdanceset.ledger import Entry
from popdanceset.report.colours import as_hex
from popdanceset.report.page import as_duration, as_number, publish_report, write_report
from popdanceset.schema import LEDGER
from popdanceset.settings import PriceSettings
from popdanceset.skeleton import LEFT_COLOUR, MIDDLE_COLOUR, RIGHT_COLOUR
from popdanceset.video.rules import MEASURES


def write(dataset, path, **options):
    return write_report(dataset.store, dataset.settings, dataset.manifest, None, path, **options)


@pytest.fixture
def without_figures(monkeypatch):
    """Leaves out the figures of popularity, for tests of other things: they take most of the time."""
    monkeypatch.setattr("popdanceset.report.popularity._figures", lambda *_: [])


# -- self-contained and safe


def test_nothing_is_loaded_from_elsewhere(page, rendered):
    for tag, attributes in page.elements:
        assert tag not in {"script", "link", "iframe", "object", "embed", "base", "form", "audio", "video"}
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in {"src", "href", "xlink:href", "srcset", "poster", "data", "action"}:
                assert value.startswith(("#", "data:image/")), (tag, name, value[:80])
            if name in {"style", "clip-path", "fill", "stroke", "mask", "filter"}:
                assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)", value or ""))
    style = re.findall(r"<style[^>]*>(.*?)</style>", rendered.read_text(encoding="utf-8"), re.DOTALL)
    assert not any("@import" in css or "url(" in css.replace("url(#", "") for css in style)
    policy = [m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_titles_are_text_and_nothing_else(page, made_by_hand):
    title = " ".join(made_by_hand.HOSTILE.split())

    assert page.text.count(title) >= len(made_by_hand.SELECTED) - 1
    assert page.all("script") == []
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))
    assert "<b>HTTP 404</b>" in page.text
    assert "acceleration <too> high" in page.text


def test_names_in_the_page_are_unique_and_links_lead_somewhere(page):
    names = Counter(attributes["id"] for _, attributes in page.elements if "id" in attributes)
    targets = {a["href"].removeprefix("#") for a in page.all("a")}

    assert [name for name, count in names.items() if count > 1] == []
    assert {"chain", "rejections", "popularity", "accuracy", "clips", "spans", "provenance"} <= targets
    assert targets <= set(names)


# -- complete


def test_the_pipeline_is_counted(page):
    assert "60 videos seen, 4 accepted; 3 clips cut, 2 with accepted poses: 3.0 s of dance." in page.text
    # 59 of the 60 state their length of 60 s; 3 files of 6 s; 3 clips of 45 frames at 30 fps.
    for words in (
        "seen 60 videos · 59 min 0 s",
        "accepted 4 videos · 4 min 0 s",
        "downloaded 3 videos · 18.0 s",
        "cut 3 clips · 4.5 s",
        "extracted 2 clips · 3.0 s",
        "released 90 frames · 3.0 s",
    ):
        assert words in page.text, words


def test_every_rejected_video_is_listed_with_its_reason(page, made_by_hand):
    for video, reason in made_by_hand.SELECTED.items():
        if reason:
            assert video in page.text
            assert reason in page.text
    for video in (made_by_hand.REMOVED, made_by_hand.CUT_TOO_OFTEN, made_by_hand.UNSTEADY):
        assert video in page.text
    assert "code -404" in page.text
    assert "20.0 cuts/min" in page.text


def test_every_clip_has_its_page(page, made_by_hand):
    sections = {attributes["id"] for attributes in page.all("section")}

    assert {f"clip-{clip_id}" for clip_id in made_by_hand.CLIP_IDS} <= sections
    assert {f"video-{made_by_hand.CLIPPED}-1", f"video-{made_by_hand.CUT_TOO_OFTEN}-1"} <= sections
    assert len(page.all("img")) == 3 * 6 + 2 + 2 * 2  # clips, rejected spans, worst seconds
    assert "with the 3 beats of the music" in page.text
    assert "least certain joint rhand 0.20" in page.text
    assert "44 of 45 frames" in page.text
    assert "9.0 → 3.0 m/s²" in page.text


def test_figures_are_drawn_and_named(page):
    labels = [a["aria-label"] for a in page.all("svg")]

    for start, number in {
        "Counts of every video": 1,
        "Coefficients": 1,
        "Pop of every video": 1,
        "Pop against views": 1,
        "Height of the root": 3,
        "Path of the root": 3,
        "Camera shake": 2,
        "Each measure over all spans": 1,
        "the 3D skeleton from the side": 18,
    }.items():
        assert sum(label.startswith(start) for label in labels) == number, start


def test_coefficients_are_next_to_the_papers(page, complete):
    fit = complete.store.read_json(complete.store.list("popularity")[0])
    first = fit["first"]["terms"]["view"]

    row = f"views {first['coef']:.4f} {first['low']:.4f} … {first['high']:.4f}"
    assert row in page.text
    assert "0.798 … 0.814" in page.text
    for name in fit["dropped"]:
        assert name
    assert page.text.count(" dropped ") >= len(fit["dropped"])


def test_accuracy_and_provenance(page, complete):
    assert "clip_id pa_mpjpe_mm frames" in page.text
    assert "PA-MPJPE 61.23 mm" in page.text
    assert "pose estimator drawn 1" in page.text
    assert "counts read 2026-01-02T03:04:05+00:00" in page.text
    assert "release 2026.01.02" in page.text
    assert "screening.max_shake" in page.text
    assert "network.proxy" not in page.text


def test_the_page_stays_small(rendered, made_by_hand):
    assert rendered.stat().st_size < 15e6 / 20 * len(made_by_hand.CLIP_IDS)


# -- parts


@pytest.mark.usefixtures("without_figures")
def test_many_clips_are_all_listed_but_not_all_shown(complete, tmp_path, made_by_hand):
    page = made_by_hand.Reader(write(complete, tmp_path / "r.html", pages=1))

    assert all(clip_id in page.text for clip_id in made_by_hand.CLIP_IDS)
    assert sum(s["id"].startswith("clip-") for s in page.all("section")) == 1
    assert "3 clips; 1 of them, evenly chosen, have a section" in page.text
    assert "1 of 2 videos, evenly chosen" in page.text
    assert "All rejected spans" in page.text


def test_after_selection_the_page_says_what_is_missing(dataset, tmp_path, made_by_hand):
    page = made_by_hand.Reader(write(dataset.crawled().selected(), tmp_path / "r.html"))

    assert "Manifest winter" in page.text
    assert "No video has been downloaded yet" in page.text
    assert "There are no clips yet" in page.text
    assert "nothing has been downloaded yet" in page.text
    assert "Nothing has been published yet" in page.text
    assert "waiting 4" in page.text


@pytest.mark.usefixtures("without_figures")
def test_a_clip_that_was_not_tracked_has_a_verdict_but_no_poses(dataset, tmp_path, made_by_hand):
    dataset.crawled().selected().acquired(tmp_path).extracted()
    dataset.store.remove(f"poses/{made_by_hand.CLIP_IDS[2]}.parquet")

    page = made_by_hand.Reader(write(dataset, tmp_path / "r.html"))

    assert page.text.count("The estimator found no poses in this clip.") == 1
    assert "have not been extracted yet" not in page.text


@pytest.mark.usefixtures("without_figures")
def test_clips_wait_for_their_poses(dataset, tmp_path, made_by_hand):
    acquired = dataset.crawled().selected().acquired(tmp_path).extracted(made_by_hand.CLIP_IDS[:1])
    page = made_by_hand.Reader(write(acquired, tmp_path / "r.html"))

    assert "2 of 3 clips wait for their poses: run `popdanceset extract`." in page.text
    assert "The poses of this clip have not been extracted yet." in page.text
    assert len(page.all("img")) == 3 * 6 + 2 + 2


@pytest.mark.usefixtures("without_figures")
def test_media_that_is_missing_or_damaged_is_reported(dataset, tmp_path, made_by_hand, caplog):
    dataset.crawled().selected().acquired(tmp_path).extracted()
    gone, damaged = made_by_hand.CLIP_IDS[:2]
    video = made_by_hand.CLIPPED
    dataset.store.remove(f"media/{video}/{gone}.mp4")
    dataset.store.write_bytes(f"media/{video}/{damaged}.mp4", b"not a video")
    dataset.store.remove(f"media/{video}/p1.mp4")
    dataset.store.remove(f"media/{video}/p1.screening.json")

    with caplog.at_level(logging.WARNING):
        page = made_by_hand.Reader(write(dataset, tmp_path / "r.html"))

    assert page.text.count("No stills: file is missing.") == 2
    assert page.text.count("No stills: is not a readable video or audio file") == 1
    assert "The screening report of this video is not in the store." in page.text
    assert caplog.text.count("report: ") == 3


@pytest.mark.usefixtures("without_figures")
def test_measures_that_are_not_known(dataset, tmp_path, made_by_hand):
    dataset.crawled().selected().acquired(tmp_path)
    unknown = dict.fromkeys(measure.name for measure in MEASURES)
    video, schema = made_by_hand.CUT_TOO_OFTEN, made_by_hand.CLIPS
    rows = [
        made_by_hand.clip_row(video, 0.0, 2.0, reason="too_short", **unknown),
        made_by_hand.clip_row(video, 2.0, 6.0, f"{video}_Clip_1", **unknown),
    ]
    made_by_hand.write_video(tmp_path / "c.mp4", 45)
    dataset.store.put(tmp_path / "c.mp4", rows[1]["path"])
    for known in (rows, rows[:1]):
        table = tables.from_rows(known, schema)
        dataset.store.write_table(f"clips/{video}.parquet", table, schema)
        page = made_by_hand.Reader(write(dataset, tmp_path / "r.html"))
        assert "shake – · – dancers · one whole dancer in – % · – cuts/min" in page.text


@pytest.mark.usefixtures("without_figures")
def test_without_the_manifest_the_only_fit_is_used(dataset, tmp_path, made_by_hand):
    dataset.crawled().selected()
    for file in Path(dataset.settings.manifests, dataset.manifest).iterdir():
        file.unlink()
    Path(dataset.settings.manifests, dataset.manifest).rmdir()

    page = made_by_hand.Reader(write(dataset, tmp_path / "r.html"))
    assert "Pop is the prediction of a regression on 58 videos" in page.text

    dataset.store.write_json("popularity/0123456789ab.json", {})
    page = made_by_hand.Reader(write(dataset, tmp_path / "r.html"))
    assert "The popularity model is not known" in page.text


def test_a_model_that_is_not_a_fit(dataset, tmp_path, made_by_hand):
    dataset.crawled().selected()
    (name,) = dataset.store.list("popularity")
    dataset.store.remove(name)

    page = made_by_hand.Reader(write(dataset, tmp_path / "r.html"))

    assert "which is not a fit of this store" in page.text
    assert not any("Coefficients" in a["aria-label"] for a in page.all("svg"))


def test_a_damaged_fit(dataset, tmp_path):
    dataset.crawled().selected()
    (name,) = dataset.store.list("popularity")
    dataset.store.write_json(name, {"first": {}, "final": 3})

    with pytest.raises(SchemaError, match=r"popularity/.*\.json: is not a fit"):
        write(dataset, tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_what_does_not_exist_is_named(complete, tmp_path):
    with pytest.raises(InputError, match=r"there is no selection 'summer'.*known selections: winter"):
        write_report(complete.store, complete.settings, "summer", None, tmp_path / "r.html")
    with pytest.raises(InputError, match=r"there is no release '9'.*known releases: 2026\.01\.02"):
        write_report(complete.store, complete.settings, "winter", "9", tmp_path / "r.html")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("without_figures")
def test_the_report_on_a_release_goes_into_the_store(dataset, tmp_path, made_by_hand, caplog):
    dataset.crawled().selected().acquired(tmp_path).extracted().published()

    with caplog.at_level(logging.INFO):
        name = publish_report(dataset.store, dataset.settings, dataset.manifest, "releases/2026.01.02")

    assert name == "reports/2026.01.02.html"
    assert dataset.store.read_bytes(name).startswith(b"<!doctype html>")
    assert "report on winter: 3 of 3 clips and 2 of 2 videos with rejected spans shown, in " in caplog.text


@pytest.mark.usefixtures("without_figures")
def test_a_manifest_may_be_given_by_its_folder(complete, tmp_path, made_by_hand):
    folder = Path(complete.settings.manifests, complete.manifest)
    path = write_report(complete.store, complete.settings, folder, None, tmp_path / "r.html", pages=0)
    assert "manifest winter" in made_by_hand.Reader(path).text


def test_the_sides_of_the_body_have_the_colours_of_every_other_image(page, rendered):
    styles = [attributes.get("style") for attributes in page.all("i")]
    assert styles == [f"background:{as_hex(each)}" for each in (LEFT_COLOUR, RIGHT_COLOUR, MIDDLE_COLOUR)]
    for colour in (LEFT_COLOUR, RIGHT_COLOUR, MIDDLE_COLOUR):
        assert f'stroke="{as_hex(colour)}"' in rendered.read_text(encoding="utf-8")


@pytest.mark.usefixtures("without_figures")
def test_a_release_may_be_named_by_its_folder(complete, tmp_path, made_by_hand):
    path = tmp_path / "r.html"
    write_report(complete.store, complete.settings, "winter", "releases/2026.01.02", path, pages=0)
    assert "Release 2026.01.02" in made_by_hand.Reader(path).text


@pytest.mark.usefixtures("without_figures")
def test_a_page_that_cannot_be_written(complete, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="is a file"):
        write(complete, tmp_path / "file" / "r.html", pages=0)


@pytest.mark.usefixtures("without_figures")
def test_an_interrupted_page_leaves_the_old_one(complete, tmp_path, monkeypatch):
    path = tmp_path / "r.html"
    path.write_text("old")

    def fail(*_args):
        raise MediaError("stop")

    monkeypatch.setattr("popdanceset.report.page.read_poses", fail)
    with pytest.raises(MediaError):
        write(complete, path)
    assert [file.name for file in tmp_path.iterdir()] == ["r.html"]
    assert path.read_text() == "old"


# -- words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (59.99, "1 min 0 s"),
        (75.2, "1 min 15 s"),
        (3600, "1 h 0 min"),
        (12818.9, "3 h 33 min"),
    ],
)
def test_durations(seconds, words):
    assert as_duration(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"), [(None, "–"), (1234567, "1,234,567"), (61.234, "61.23"), (True, "True"), ("x", "x")]
)
def test_numbers(value, words):
    assert as_number(value) == words


def test_the_cost_of_a_released_hour(dataset, without_figures, made_by_hand, tmp_path):
    """Three seconds are released; 3.6 core and 1.5 GPU seconds were used: 1.2 and 0.5 hours an hour."""
    dataset.crawled().selected().published()
    path = write(dataset, tmp_path / "before.html")
    assert 'id="cost"' not in path.read_text(encoding="utf-8")

    used = {"items": 4, "requests": 3, "bytes_received": 5_000_000}
    entry = Entry("acquire", "a", "h", "cpu", *[made_by_hand.DAY] * 3, cpu_seconds=2.6, seconds=75.2, **used)
    other = Entry("extract", "b", "h", "cuda:0", *[made_by_hand.DAY] * 3, cpu_seconds=1.0, gpu_seconds=1.5)
    for each in (entry, other):
        dataset.store.write_rows(f"ledger/{each.stage}/{each.run_id}.parquet", [asdict(each)], LEDGER)
    prices = PriceSettings(cpu_hour=0.5, gpu_hour=2.0, currency="EUR")
    dataset.settings = dataset.settings.model_copy(update={"prices": prices})
    text = made_by_hand.Reader(write(dataset, tmp_path / "after.html")).text
    assert "1.20 core hours and 0.50 GPU hours , 3600 requests and 6000.0 MB" in text
    assert "1.60 EUR of computing" in text
    assert "acquire 1 1 min 15 s 2.6 s 0.0 s 3 5.0 0.0 4 0" in text
