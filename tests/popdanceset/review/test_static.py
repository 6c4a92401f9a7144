"""Pages that need no server: what is in them, and that a browser opens them from the disk."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import click.testing
import numpy as np
import pytest

from popdanceset.cli import popdanceset
from popdanceset.errors import AssetError, InputError, StoreError
from popdanceset.release.reader import Release
from popdanceset.review import linking, static
from popdanceset.review.database import ReviewDatabase
from popdanceset.review.decisions import Decision, Kind
from popdanceset.review.release_room import ReleaseRoom
from popdanceset.review.rooms import Room
from popdanceset.review.static import export_static
from popdanceset.review.store_room import StoreRoom
from popdanceset.store import Store

HOSTILE = "</script><script>alert(1)</script><!-- \u2028 😀" + "😀" * 200


@pytest.fixture(autouse=True)
def _modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Without three.js the page cannot be linked, but everything else can be tested."""
    if static.vendor.missing() and "browser" not in request.fixturenames:
        folder = tmp_path / "vendor"
        folder.mkdir()
        (folder / "LICENSE").write_text("MIT")
        monkeypatch.setattr(static.vendor, "FOLDER", folder)
        monkeypatch.setattr(static, "link", lambda _: "// no page\n")


@pytest.fixture
def room(release_dir: Path) -> ReleaseRoom:
    return ReleaseRoom(Release(str(release_dir)))


@pytest.fixture
def store_room(store: Store, release_dir: Path, film: Any, tmp_path: Path) -> StoreRoom:
    """A store with a film and a decision."""
    store.write_bytes("media/BV1_Clip_1.wav", b"sound")
    film.write(Path(store.address, "media/BV1_Clip_1.mp4"), 170)
    database = ReviewDatabase(tmp_path / "decisions.sqlite")
    database.add([Decision("BV1_Clip_1", Kind.ACCEPT, note="a private note", reviewer="Ada Lovelace")])
    return StoreRoom(store, database)


def read(path: Path) -> Any:
    """What a script assigns."""
    text = path.read_text(encoding="utf-8")
    return json.loads(text.partition(" = ")[2].strip().removesuffix(";"))


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_every_clip_is_listed_and_its_motion_is_that_of_the_table(room: Room, tmp_path: Path) -> None:
    done = export_static(room, tmp_path / "out")

    data = read(tmp_path / "out/room.js")
    ids = [row[0] for row in data["clips"]["rows"]]
    assert ids == [row["clip_id"] for row in room.clips().rows]
    assert done.clips == len(ids) == len(data["files"]) > 1
    assert done.bytes == sum(len(content) for content in files(tmp_path / "out").values())
    assert (data["room"]["mode"], data["statistics"], data["details"]) == ("show", None, {})
    for clip_id, name in data["files"].items():
        clip = read(tmp_path / "out" / name)
        assert clip["row"]["clip_id"] == clip_id
        packed = clip["arrays"]["joints"][""]
        joints = np.frombuffer(base64.b64decode(packed["data"]), "<i2") * packed["scale"]
        motion = room.motion(clip_id)
        assert np.abs(joints.reshape(-1, 24, 3) - motion.joints).max() < 1e-4
        assert clip["motion"]["frames"] == len(motion.root)
        assert clip["motion"]["joints_url"] is None
        assert (clip["video"], clip["audio"]) == (None, None)


def test_numbers_that_are_not_finite_stay_so() -> None:
    packed = static._packed(np.array([[1.5, np.nan]]))
    assert packed is not None
    assert "scale" not in packed
    assert np.frombuffer(base64.b64decode(packed["data"]), "<f4") == pytest.approx([1.5, np.nan], nan_ok=True)
    assert static._packed(None) is None
    assert static._packed(np.zeros((2, 3))) == {"data": base64.b64encode(bytes(12)).decode(), "scale": 1.0}


def test_texts_cannot_leave_their_script() -> None:
    text = static._json({"title": HOSTILE, "half": "\ud83d"})
    assert "<" not in text
    assert "\u2028" not in text
    assert json.loads(text) == {"title": HOSTILE, "half": "?"}


def test_the_page_loads_only_what_lies_beside_it(room: Room, tmp_path: Path) -> None:
    export_static(room, tmp_path / "out")

    page = (tmp_path / "out/index.html").read_text(encoding="utf-8")
    assert '="/' not in page
    assert "http:" not in page.replace("http-equiv", "")
    assert 'type="module"' not in page
    assert "default-src 'none'; script-src 'self' file:;" in page
    assert "connect-src 'none'" in page
    assert page.index('src="room.js"') < page.index('src="page.js"')
    assert (tmp_path / "out/README.txt").read_text().count("MIT") >= 1


def test_decisions_and_names_of_reviewers_are_not_published(store_room: StoreRoom, tmp_path: Path) -> None:
    export_static(store_room, tmp_path / "out")

    content = b"".join(files(tmp_path / "out").values())
    assert b"Ada Lovelace" not in content
    assert b"private note" not in content


def test_films_and_sounds_are_copied_only_on_request(store_room: StoreRoom, tmp_path: Path) -> None:
    export_static(store_room, tmp_path / "out")
    assert not (tmp_path / "out/media").exists()

    export_static(store_room, tmp_path / "out", media=True)

    data = read(tmp_path / "out/room.js")
    clip = read(tmp_path / "out" / data["files"]["BV1_Clip_1"])
    assert (tmp_path / "out" / clip["audio"]).read_bytes() == b"sound"
    original = Path(store_room.store.address, "media/BV1_Clip_1.mp4").read_bytes()
    assert (tmp_path / "out" / clip["video"]["url"]).read_bytes() == original
    assert clip["video"]["frames"] == 170
    listed = {row[0]: row[data["clips"]["columns"].index("has_video")] for row in data["clips"]["rows"]}
    assert {clip_id for clip_id, shown in listed.items() if shown} == {"BV1_Clip_1"}

    export_static(store_room, tmp_path / "out")
    assert not list((tmp_path / "out/media").iterdir())


def test_an_export_made_again_is_the_same_and_keeps_what_is_there(room: Room, tmp_path: Path) -> None:
    first = export_static(room, tmp_path / "out")
    before = files(tmp_path / "out")
    again = export_static(room, tmp_path / "out")
    elsewhere = export_static(room, tmp_path / "other")

    assert (first.kept, again.kept, elsewhere.kept) == (0, first.clips, 0)
    assert files(tmp_path / "out") == before == files(tmp_path / "other")


def test_an_interrupted_export_goes_on(room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = export_static(room, tmp_path / "whole")

    def stop(_: int = 1, __: str = "") -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_static(room, tmp_path / "out", advance=stop)
    assert not (tmp_path / "out/index.html").exists()

    assert export_static(room, tmp_path / "out").kept == 1
    assert files(tmp_path / "out") == files(tmp_path / "whole")
    assert whole.failed == ()


def test_clips_that_are_gone_leave_the_folder(store_room: StoreRoom, store: Store, tmp_path: Path) -> None:
    store_room._clips._interval = 0
    export_static(store_room, tmp_path / "out", media=True)
    store.remove("clips/BV1.parquet")
    store.remove("poses/BV1_Clip_1.parquet")

    export_static(store_room, tmp_path / "out", media=True)

    assert b"BV1_Clip_1" not in b"".join(files(tmp_path / "out").values())
    assert not list((tmp_path / "out/media").iterdir())


def test_a_clip_that_cannot_be_read_costs_only_itself(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    motion = room.motion
    calls = []

    def broken(clip_id: str) -> Any:
        calls.append(clip_id)
        if clip_id == "BV1_Clip_2" and calls.count(clip_id) > 1:
            raise StoreError("damaged", clip_id)
        return motion(clip_id)

    monkeypatch.setattr(room, "motion", broken)

    done = export_static(room, tmp_path / "out")

    assert done.failed == ("BV1_Clip_2",)
    assert "BV1_Clip_2" not in read(tmp_path / "out/room.js")["files"]
    assert done.clips == len(room.clips().rows) - 1


def test_folders_of_others_are_left_alone(room: Room, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    for out in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(InputError, match="name a new folder"):
            export_static(room, out)
    assert (tmp_path / "mine.txt").read_text() == "precious"
    assert not (tmp_path / "index.html").exists()


def test_without_three_nothing_is_written(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(static, "link", linking.link)
    monkeypatch.setattr(static, "PAGE", tmp_path / "page")
    with pytest.raises(AssetError, match="popdanceset review vendor"):
        export_static(room, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command(release_dir: Path, tmp_path: Path) -> None:
    run = click.testing.CliRunner().invoke(
        popdanceset, ["review", "--release", str(release_dir), "--static", str(tmp_path / "out")]
    )

    assert (run.exit_code, run.exception) == (0, None)
    assert "without films and sounds" in run.output
    assert (tmp_path / "out/index.html").is_file()


def test_a_browser_opens_it_from_the_disk(
    browser: Any,
    make_release: Callable[..., Path],
    synthetic: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = ReleaseRoom(
        Release(str(make_release([synthetic.clip_row(f"BV{n}_Clip_1", 160, f"m{n}") for n in (1, 2)])))
    )
    for row in room.clips().rows:
        row["title"] = HOSTILE
    export_static(room, tmp_path / "a folder #1")
    context = browser.new_context(viewport={"width": 1280, "height": 720}, offline=True)
    page = context.new_page()
    problems: list[str] = []
    requests: list[str] = []
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))

    page.goto((tmp_path / "a folder #1/index.html").as_uri())
    page.wait_for_selector("#view-list:not([hidden])")
    assert page.inner_text(".grid-body .c-title >> nth=0").startswith("</script><script>alert(1)")
    page.click(".grid-body .c-clip_id >> nth=0")
    page.wait_for_selector("#view-clip:not([hidden])")
    page.wait_for_function("window.popdanceset.ready")
    shown = page.evaluate("window.popdanceset.joints()")

    expected = room.motion(room.clips().rows[0]["clip_id"]).joints[0]
    assert np.abs(np.array(shown) - expected).max() < 1e-4
    assert problems == []
    assert {request.partition(":")[0] for request in requests} == {"file"}
    assert page.query_selector("#decide:not([hidden])") is None
    assert page.query_selector("#decisions-head:not([hidden])") is None
    context.close()
