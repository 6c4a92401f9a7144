"""People at the page of the review room: what they click and type becomes decisions; nothing gets lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from popdanceset.review.comparison import StoreSource
from popdanceset.review.database import ReviewDatabase
from popdanceset.schema import FRAMES as FRAME_COLUMNS
from popdanceset.store import Store
from popdanceset.tables import fold_column

Visit = Callable[..., Any]
FRAMES = 90


def standing(database: ReviewDatabase) -> list[tuple[str, str, str]]:
    """Clip, kind and value of the decisions that nobody took back, in their order."""
    return [
        (each.decision.clip_id, str(each.decision.kind), each.decision.value) for each in database.decisions()
    ]


# -- judging


def test_an_accepted_clip_is_followed_by_the_next_open_one(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    first = ann.open_first()
    ann.press("a")
    second = ann.at_another(first)
    ann.saved()
    assert standing(served.database) == [(first, "accept", "")]
    assert ann.text("#progress-text") == "1 of 12 clips judged"
    ann.press("Escape")
    ann.at_list()
    states = {row[1]: row[-1] for row in ann.rows()}
    assert states[first] == "accepted · Ann"
    assert states[second] == ""


def test_a_clip_is_rejected_with_a_reason_and_a_note(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    first = ann.open_first()
    ann.press("r", "2", "n")
    ann.page.keyboard.type("hips <b>jump</b>")
    ann.press("Enter")
    ann.saved()
    assert standing(served.database) == [(first, "reject", "unsteady_pose")]
    assert served.database.decisions()[0].decision.note == "hips <b>jump</b>"
    ann.page.go_back()
    ann.at_clip(first)
    assert ann.text("#clip-state") == "rejected: unsteady_pose · Ann"
    assert "hips <b>jump</b>" in ann.text("#decisions")


def test_a_key_held_down_judges_one_clip(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    first = ann.open_first()
    for _ in range(5):
        ann.page.keyboard.down("a")
    ann.page.keyboard.up("a")
    second = ann.at_another(first)
    ann.saved()
    assert standing(served.database) == [(first, "accept", "")]
    assert ann.text("#clip-id") == second


def test_buttons_do_what_keys_do(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    first = ann.open_first()
    ann.page.get_by_role("button", name="Reject…").click()
    ann.page.get_by_label("what the clip shows is no dance").check()
    ann.page.get_by_role("dialog").get_by_role("button", name="Reject").click()
    ann.saved()
    assert standing(served.database) == [(first, "reject", "not_a_dance")]


def test_undo_takes_the_last_decision_back_and_returns_to_its_clip(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    first = ann.open_first()
    ann.press("a")
    ann.saved()
    assert standing(served.database)
    ann.press("z")
    ann.at_clip(first)
    ann.saved()
    assert standing(served.database) == []
    ann.wait("document.getElementById('clip-state').textContent === 'open'")
    ann.press("z")
    ann.wait("document.getElementById('status').textContent === 'There is nothing to undo.'")


def test_a_cancelled_question_decides_nothing(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    ann.open_first()
    ann.press("r", "3", "Escape")
    ann.page.wait_for_selector("dialog", state="hidden")
    ann.press("j")
    assert served.database.decisions(everything=True) == []


# -- changes


def test_a_split_is_at_the_frame_shown(served: Any, visit: Visit, rooms: ModuleType) -> None:
    ann = visit(served.url)
    first = ann.open_first()
    ann.press(*"....s")
    ann.saved()
    ann.wait("popdanceset.frame === 4")
    assert standing(served.database) == [(first, "split", f"{rooms.PART_START + 4 / 30:.3f}")]
    ann.wait("document.getElementById('decisions').textContent.includes('split')")


def test_trim_and_swap_take_the_loop(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    first = ann.open_first()
    ann.press("t")
    assert ann.text("#alert") == "Set a loop first: i at its start, o at its end."
    for keys, end in (("...i", 3), ("......o", 9)):
        ann.press(*keys[:-1])
        ann.wait(f"popdanceset.frame === {end}")
        ann.press(keys[-1])
    ann.press("t", "x")
    ann.saved()
    assert standing(served.database) == [
        (first, "trim", "3.100-3.300"),
        (first, "swap", "3.100-3.300"),
    ]


def test_names_are_asked_for(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    first = ann.open_first()
    ann.press("g")
    ann.page.get_by_role("dialog").get_by_role("combobox").select_option("popping")
    ann.press("Enter")
    ann.press("d")
    ann.page.get_by_role("combobox", name="Dancer").fill("Zhang San")
    ann.press("Enter")
    ann.press("m")
    other = ann.page.locator("#suggestions option").first.get_attribute("value")
    ann.page.get_by_role("combobox", name="Clip id").fill(other)
    ann.press("Enter")
    ann.press("e")
    ann.saved()
    assert standing(served.database) == [
        (first, "genre", "popping"),
        (first, "dancer", "Zhang San"),
        (first, "music", other),
        (first, "redo", ""),
    ]


def test_a_note_goes_with_the_next_decision(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    ann.open_first()
    ann.press("n")
    ann.page.keyboard.type("left arm")
    ann.press("Enter", "e", "e")
    ann.saved()
    assert [each.decision.note for each in served.database.decisions(everything=True)] == ["left arm", ""]


# -- the list


def test_filters_are_kept_in_the_address(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    ann.at_list()
    ann.page.get_by_label("Verdict").select_option("review")
    ann.page.get_by_label("Score, least").fill("0.05")
    assert ann.text("#found") == "2 clips of 12"
    assert [row[3] for row in ann.rows()] == ["review"] * 2
    ann.page.locator(".c-clip_id").nth(1).click()
    clip = ann.at_clip()
    assert "verdict=review" in ann.page.url
    assert clip in ann.page.url
    ann.page.go_back()
    ann.at_list()
    assert ann.text("#found") == "2 clips of 12"
    ann.page.reload()
    ann.at_list()
    assert ann.text("#found") == "2 clips of 12"
    assert ann.page.get_by_label("Verdict").input_value() == "review"


@pytest.mark.parametrize(
    ("label", "value", "clips"),
    [
        ("Search", "dance 11", 1),
        ("Music", "m1", 3),
        ("Uploader", "uploader 3", 2),
        ("Foot skating, most", "0.05", 3),
        ("Jitter, least", "9", 1),
        ("Pop, most", "0.32", 2),
    ],
)
def test_filters(served: Any, visit: Visit, label: str, value: str, clips: int) -> None:
    ann = visit(served.url)
    ann.at_list()
    ann.page.get_by_label(label).first.fill(value)
    assert ann.text("#found") == f"{clips} clip{'s' * (clips > 1)} of 12"


def test_the_worst_come_first_unless_the_list_is_sorted(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    ann.at_list()
    verdicts = [row[3] for row in ann.rows()]
    assert verdicts == ["review"] * 4 + ["reject"] * 4 + ["accept"] * 4
    ann.page.get_by_role("button", name="Jitter").click()
    jitter = [float(row[5]) for row in ann.rows()]
    assert jitter == sorted(jitter)
    ann.page.get_by_role("button", name="Jitter").click()
    assert [float(row[5]) for row in ann.rows()] == sorted(jitter, reverse=True)
    assert ann.page.get_by_role("columnheader", name="Jitter").get_attribute("aria-sort") == "descending"


def test_what_a_filter_shows_is_decided_at_once(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    ann.at_list()
    ann.page.get_by_label("Verdict").select_option("reject")
    ann.page.get_by_role("group", name="Decide on several clips").get_by_role("button", name="Accept").click()
    assert "Accept: 4 clips?" in ann.text("dialog h2")
    ann.page.get_by_role("button", name="Accept: 4 clips").click()
    ann.saved()
    assert [kind for _, kind, _ in standing(served.database)] == ["accept"] * 4
    ann.page.locator("[name=state]").select_option("accept")
    assert ann.text("#found") == "4 clips of 12"
    ann.page.locator(".grid").focus()
    ann.press("z")
    ann.wait("document.getElementById('found').textContent === '0 clips of 12'")
    assert standing(served.database) == []


def test_selected_clips_are_decided_by_key(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    ann.at_list()
    ids = [row[1] for row in ann.rows()]
    ann.page.locator(".grid").focus()
    ann.press("Home", " ", "j", "j", " ", "r", "5", "Enter")
    ann.saved()
    assert standing(served.database) == [(ids[0], "reject", "camera_cuts"), (ids[2], "reject", "camera_cuts")]


# -- several reviewers


def test_reviewers_see_each_others_decisions(served: Any, visit: Visit) -> None:
    ann, bo = visit(served.url, "Ann"), visit(served.url, "Bo")
    bo.at_list()
    first = ann.open_first()
    ann.press("a")
    ann.saved()
    bo.wait(f"[...document.querySelectorAll('.grid-row')].some((row) => row.textContent.includes('{first}')"
            " && row.textContent.includes('accepted · Ann'))")  # fmt: skip
    bo.open_first()
    bo.press("r", "1", "Enter")
    bo.saved()
    ann.press("Escape")
    ann.wait("document.getElementById('progress-text').textContent.includes('1 disagreement')")
    ann.page.locator("[name=state]").select_option("disagree")
    assert [(row[1], row[-1]) for row in ann.rows()] == [(first, "disagreement · Ann, Bo")]
    assert len(standing(served.database)) == 2


def test_the_name_is_asked_for_once_and_can_be_changed(served: Any, visit: Visit) -> None:
    ann = visit(served.url, "")
    ann.page.get_by_label("Your name").fill("Ann")
    ann.press("Enter")
    ann.at_list()
    ann.page.reload()
    ann.at_list()
    assert ann.text("#reviewer") == "Reviewer: Ann"
    ann.page.locator("#reviewer").click()
    ann.page.get_by_label("Your name").fill("Anna")
    ann.press("Enter")
    ann.open_first()
    ann.press("a")
    ann.saved()
    assert [each.decision.reviewer for each in served.database.decisions()] == ["Anna"]


def test_time_on_a_clip_counts_while_the_tab_is_visible(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    first = ann.open_first()
    ann.page.wait_for_timeout(300)
    hide = "(hidden) => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true}); \
            document.dispatchEvent(new Event('visibilitychange')); }"
    ann.page.evaluate(hide, True)
    ann.wait("true")
    ann.page.wait_for_timeout(1500)
    ann.page.evaluate(hide, False)
    ann.press("Escape")
    ann.at_list()
    ann.page.wait_for_timeout(300)
    (look,) = served.database.looks()
    assert (look.clip_id, look.reviewer) == (first, "Ann")
    spent = ann.page.evaluate("performance.now()") / 1000
    assert 0.2 <= look.seconds <= spent - 1.5


# -- what goes wrong


def test_decisions_wait_while_the_server_does_not_answer(
    served: Any, serve_room: Callable[..., Any], room_store: Store, visit: Visit
) -> None:
    ann = visit(served.url)
    first = ann.open_first()
    served.stop()
    ann.press("e", "a")
    ann.wait("!document.getElementById('unsaved').hidden")
    assert "not saved yet: the server does not answer" in ann.text("#unsaved")
    assert ann.page.locator(".grid-row", has_text=first).locator(".c-state").text_content() == "saving…"
    again = serve_room(room_store, port=int(served.url.rstrip("/").rpartition(":")[2]))
    ann.page.get_by_role("button", name="Try again").click()
    ann.saved()
    ann.page.wait_for_selector("#unsaved", state="hidden")
    assert standing(again.database) == [(first, "redo", ""), (first, "accept", "")]
    # The browser itself reports each request that failed.
    ann.forgive("Failed to load resource")


def test_unsent_decisions_survive_a_reload(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    ann.page.route("**/api/decisions", lambda route: route.abort())
    ann.page.reload()  # a page that is open already can still send a request past a new route
    first = ann.open_first()
    ann.press("e")
    ann.wait("!document.getElementById('unsaved').hidden")
    ann.page.unroute("**/api/decisions")
    ann.page.reload()
    ann.saved()
    assert standing(served.database) == [(first, "redo", "")]
    ann.forgive("Failed to load resource")


def test_a_refused_decision_stays_in_sight(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    first = ann.open_first()
    ann.press("m")
    ann.page.get_by_role("combobox", name="Clip id").fill("no such clip")
    ann.press("Enter")
    ann.wait("!document.getElementById('unsaved').hidden")
    assert f"music on {first}: there is no clip 'no such clip' here" in ann.text("#unsaved")
    assert "there is no clip 'no such clip' here" in ann.text("#alert")
    assert served.database.decisions() == []
    ann.page.get_by_role("button", name="Drop").click()
    ann.page.wait_for_selector("#unsaved", state="hidden")
    ann.saved()
    ann.forgive("Failed to load resource")


def test_hostile_titles_are_text(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    ann.at_list()
    titles = {row[2] for row in ann.rows()}
    hostile = {'<img src=x onerror="alert(1)">', "</script><script>alert(2)</script>", "😀" * 2500}
    assert hostile <= titles
    assert ann.page.evaluate("document.querySelectorAll('img, main script').length") == 0
    for title in sorted(hostile):
        ann.page.get_by_label("Search").fill(title[:30])
        ann.page.locator(".grid-body .c-clip_id").first.click()
        ann.at_clip()
        assert ann.text("#clip-title") == title
        ann.page.go_back()
        ann.at_list()


def test_a_room_with_a_token_asks_for_it(
    serve_room: Callable[..., Any], room_store: Store, visit: Visit
) -> None:
    room = serve_room(room_store, token="a long enough token")
    ann = visit(room.url)
    ann.page.get_by_label("Token").fill("wrong")
    ann.press("Enter")
    ann.wait("document.getElementById('alert').textContent.includes(\"not the room's token\")")
    ann.page.get_by_label("Token").fill("a long enough token")
    ann.press("Enter")
    ann.at_list()
    assert ann.page.evaluate("document.cookie") == ""
    ann.forgive("401")


# -- video, sound and body


def test_the_body_is_where_the_table_says(
    served: Any, visit: Visit, room_store: Store, rooms: ModuleType
) -> None:
    ann = visit(served.url)
    clip = ann.open_first()
    table = room_store.read_table(f"poses/{clip}.parquet", FRAME_COLUMNS)
    expected = fold_column(table, "joints3d") + fold_column(table, "smpl_trans")[:, None]
    for frame in (0, 1, 17, 89):
        ann.page.evaluate(f"popdanceset.clock.seek({(frame + 0.5) / 30})")
        ann.wait(f"popdanceset.frame === {frame}")
        shown = np.array(ann.page.evaluate("popdanceset.joints()"))
        np.testing.assert_allclose(shown, expected[frame], atol=1e-6)


NUMBER_IN_THE_PICTURE = """() => {
    const video = document.getElementById("video");
    const context = new OffscreenCanvas(video.videoWidth, video.videoHeight).getContext("2d");
    context.drawImage(video, 0, 0);
    const row = context.getImageData(0, 8, video.videoWidth, 1).data;
    let number = 0;
    for (let bit = 0; bit < 12; bit += 1) if (row[4 * (16 * bit + 8)] > 128) number |= 1 << bit;
    return [number, popdanceset.frame];
}"""


def test_steps_show_the_same_frame_in_video_and_body(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    ann.open_first()
    for key, frame in ((".", 1), (".", 2), (".", 3), (",", 2)):
        ann.press(key)
        ann.wait(f"popdanceset.frame === {frame}")
        assert ann.page.evaluate(NUMBER_IN_THE_PICTURE) == [frame, frame]
    box = ann.page.locator("#timeline").bounding_box()
    ann.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 20)
    ann.wait("popdanceset.frame > 40")
    picture, body = ann.page.evaluate(NUMBER_IN_THE_PICTURE)
    assert picture == body
    assert abs(body - 45) <= 1


def test_video_and_body_stay_together_while_they_play(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    ann.open_first()
    ann.press(" ")
    ann.wait("popdanceset.frame === 89 && !popdanceset.clock.playing")
    drift = ann.page.evaluate("popdanceset.drift")
    assert drift["samples"] > 5
    assert drift["max"] <= 1
    assert ann.page.evaluate(NUMBER_IN_THE_PICTURE) == [89, 89]


WATCH_FRAMES = """() => {
    const { clock } = popdanceset;
    const tell = clock.onframe;
    popdanceset.seen = [];
    clock.onframe = (frame, seconds) => {
        popdanceset.seen.push(frame);
        tell(frame, seconds);
    };
}"""


def test_a_part_is_repeated_and_half_speed_is_slower(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    ann.open_first()
    ann.page.evaluate(WATCH_FRAMES)
    ann.page.evaluate("popdanceset.clock.setLoop(0.5, 1)")
    ann.press("h", " ")
    assert ann.page.locator("#rate").input_value() == "0.5"
    ann.wait("popdanceset.seen.filter((frame, n, all) => n && frame < all[n - 1]).length >= 2")
    ann.press(" ")
    seen = ann.page.evaluate("popdanceset.seen")
    # Before the loop starts, the video still shows the frame at which it was.
    assert min(frame for frame in seen if frame > 0) >= 14
    assert max(seen) <= 32
    assert ann.page.evaluate("document.getElementById('audio').playbackRate") == 0.5


def test_two_sources_are_shown_side_by_side(
    serve_room: Callable[..., Any], room_store: Store, visit: Visit, rooms: ModuleType, tmp_path: Path
) -> None:
    other = Store(tmp_path / "other")
    rooms.fill_room(other, clips=3, frames=FRAMES, seed=50)
    room = serve_room(room_store, sources={"hybrik": StoreSource(other)})
    ann = visit(room.url)
    clip = ann.open_first()
    ann.press("v")
    ann.wait("popdanceset.body.motions.length === 2")
    ann.press(".", ".")
    ann.wait("popdanceset.frame === 2")
    number = int(clip.removeprefix("BV1").partition("_")[0])
    for place, seed in ((0, 0), (1, 50)):
        shown = np.array(ann.page.evaluate(f"popdanceset.joints({place})"))
        np.testing.assert_allclose(shown, rooms.joints(seed + number, FRAMES)[2], atol=1e-5)
    assert ann.text("#body-name") == rooms.ESTIMATOR
    assert ann.text("#other-name") != ""
    ann.page.evaluate(f"location.hash = '#/clip/{rooms.clip_id(7)}'")
    ann.at_clip(rooms.clip_id(7))
    ann.wait("document.getElementById('alert').textContent.includes('no motion of this clip')")
    assert ann.page.evaluate("popdanceset.body.motions.length") == 1
    ann.forgive("Failed to load resource")


# -- reading only


def test_a_release_is_only_shown(visit: Visit, serve_release: Callable[..., str]) -> None:
    ann = visit(serve_release(), "")
    ann.at_list()
    assert ann.page.locator("#view-list").get_by_role("button", name="Accept").count() == 0
    ann.open_first()
    for name in ("Accept", "Reject…", "Undo", "Split"):
        assert not ann.page.get_by_role("button", name=name, exact=True).is_visible()
    ann.press("a", "r", "z", "n")
    assert not ann.page.locator("dialog").is_visible()
    assert len(ann.page.evaluate("popdanceset.joints()")) == 24


# -- statistics


def test_statistics(served: Any, visit: Visit) -> None:
    ann = visit(served.url)
    ann.open_first()
    ann.press("a")
    ann.saved()
    ann.page.get_by_role("link", name="Statistics").click()
    table = ann.page.get_by_role("table", name="Reviewers")
    table.wait_for()
    cells = table.locator("tbody tr").first.locator("th, td").all_text_contents()
    assert (cells[0], cells[2], cells[3]) == ("Ann", "1", "0")
