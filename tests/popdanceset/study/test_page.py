"""The pages of a study in a browser."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from popdanceset.review.security import Access
from popdanceset.review.serving import address_of, listen
from popdanceset.study.answers import AnswerDatabase
from popdanceset.study.api import create_app
from popdanceset.study.design import DATABASE, dance_file, read_design
from popdanceset.study.results import Standing, results
from tests.browsing import Visitor, visitors

ENDED = "!document.getElementById('view-end').hidden"


class Served:
    """A server in this process, which can be stopped and started again at the same address."""

    def __init__(self, folder: Path, token: str = "") -> None:
        self.design, self.token, self.folder = read_design(folder), token, folder
        self.database = AnswerDatabase(folder / DATABASE)
        self.port = 0
        self.start()

    def start(self) -> None:
        import uvicorn

        self.listening = listen("127.0.0.1", self.port)
        self.url = address_of(self.listening)
        self.port = self.listening.getsockname()[1]
        app = create_app(self.folder, self.design, self.database, Access(token=self.token))
        self.server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        run = {"sockets": [self.listening]}
        self.thread = threading.Thread(target=self.server.run, kwargs=run, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.should_exit = self.server.force_exit = True
        self.thread.join(20)
        self.listening.close()


@pytest.fixture
def serve(study_folder: Path) -> Iterator[Callable[..., Served]]:
    started: list[Served] = []

    def start(**options: Any) -> Served:
        started.append(Served(study_folder, **options))
        return started[-1]

    yield start
    for served in started:
        served.stop()
        served.database.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visitor]]:
    with visitors(browser) as open_page:
        yield open_page


def agree(visitor: Visitor) -> None:
    visitor.wait("!document.getElementById('view-consent').hidden")
    visitor.page.select_option("#age", "35–44")
    visitor.page.check("#agreed")
    visitor.page.click("#consent button")
    ready(visitor)


def ready(visitor: Visitor) -> None:
    """Waits until the participant can choose."""
    visitor.wait("!document.getElementById('left').disabled", 90)


def position(visitor: Visitor) -> int:
    return int(visitor.page.evaluate("window.popdanceset.trial.trial.position"))


def side_of_real(served: Served, visitor: Visitor, attentive: bool) -> str:
    """What an attentive participant chooses, or one who is not; left if it is no attention check."""
    who = visitor.page.evaluate("fetch('/api/study').then((a) => a.json()).then((s) => s.participant)")
    participant = served.database.participant(who)
    assert participant is not None
    trial = participant.trials[position(visitor)]
    return "left" if not trial.real or (trial.real == trial.left) == attentive else "right"


def go_on(visitor: Visitor) -> bool:
    """Waits for the next pair; returns whether there is one."""
    visitor.wait(f"{ENDED} || !document.getElementById('left').disabled", 90)
    return not visitor.page.evaluate(ENDED)


@pytest.mark.parametrize(
    ("attentive", "standing"), [(True, Standing.INCLUDED), (False, Standing.INATTENTIVE)]
)
def test_a_participant_clicks_through_the_study(
    serve: Callable[..., Served], visit: Callable[..., Visitor], attentive: bool, standing: Standing
) -> None:
    served = serve()
    somebody = visit(served.url)
    agree(somebody)

    chosen = []
    while True:
        before, side = position(somebody), side_of_real(served, somebody, attentive)
        if before % 2:
            somebody.page.click(f"#{side}")
        else:
            somebody.press("ArrowLeft" if side == "left" else "ArrowRight")
        chosen.append(side)
        somebody.wait(f"{ENDED} || window.popdanceset.trial.trial.position > {before}")
        if not go_on(somebody):
            break

    assert "saved" in somebody.text("#view-end")
    answers = served.database.answers()
    assert [each.choice for each in answers] == chosen
    assert all(each.seconds > 1 for each in answers)
    found = results(served.design, served.database.participants(), answers)
    assert [*found.standings.values()] == [standing]
    assert found.failed == {answers[0].participant: 0 if attentive else 2}


def test_both_bodies_are_the_dances_of_the_pair(
    serve: Callable[..., Served], visit: Callable[..., Visitor]
) -> None:
    served = serve()
    somebody = visit(served.url)
    agree(somebody)

    trial = served.database.participants()[0].trials[0]
    # At once, because the dances go on.
    frame, *both = somebody.page.evaluate(
        "(({body}) => [body.frame, body.joints(0), body.joints(1)])(window.popdanceset.trial)"
    )
    for shown, dance in zip(both, (trial.left, trial.right), strict=True):
        joints = np.fromfile(dance_file(served.folder, dance), "<f4").reshape(-1, 24, 3)
        assert np.abs(np.array(shown) - joints[frame]).max() < 1e-5
    assert somebody.page.evaluate("window.popdanceset.trial.clock.hasAudio")


def test_nobody_chooses_before_the_dances_were_seen(
    serve: Callable[..., Served], visit: Callable[..., Visitor]
) -> None:
    served = serve()
    somebody = visit(served.url)
    somebody.page.route("**/media/sounds/**", lambda route: None)  # the sound never comes, so nothing plays
    somebody.wait("!document.getElementById('view-consent').hidden")
    somebody.page.select_option("#age", "35–44")
    somebody.page.click("#consent button")
    assert served.database.participants() == []  # without the tick
    somebody.page.check("#agreed")
    somebody.page.click("#consent button")
    somebody.wait("window.popdanceset && window.popdanceset.trial.open")

    somebody.press("ArrowLeft", "1", "2", "ArrowRight")

    assert somebody.page.is_disabled("#left")
    assert "to the end" in somebody.text("#hint")
    assert served.database.answers() == []


def test_they_go_on_after_a_pause_and_a_lost_connection(
    serve: Callable[..., Served], visit: Callable[..., Visitor]
) -> None:
    served = serve()
    somebody = visit(served.url)
    agree(somebody)
    somebody.press("1")
    somebody.wait("window.popdanceset.trial.trial.position === 1")
    ready(somebody)

    somebody.page.reload()
    somebody.wait("window.popdanceset && window.popdanceset.trial.trial.position === 1")
    ready(somebody)
    assert somebody.text("#progress-text") == "Pair 2 of 5"

    served.stop()
    somebody.press("2")
    somebody.wait("document.getElementById('alert').textContent.includes('not saved yet')")
    served.start()
    somebody.wait("window.popdanceset.trial.trial.position === 2", 60)

    assert [each.choice for each in served.database.answers()] == ["left", "right"]
    somebody.forgive("ERR_CONNECTION_REFUSED")
    somebody.forgive("Failed to load resource")


def test_a_token_is_asked_for(serve: Callable[..., Served], visit: Callable[..., Visitor]) -> None:
    served = serve(token="a long enough token")
    somebody = visit(served.url)
    somebody.wait("!document.getElementById('view-login').hidden")
    somebody.page.fill("#token", "a wrong one")
    somebody.press("Enter")
    somebody.wait("document.getElementById('alert').textContent !== ''")
    somebody.page.fill("#token", "a long enough token")
    somebody.press("Enter")
    somebody.wait("!document.getElementById('view-consent').hidden")
    somebody.forgive("401")


def test_every_control_has_a_name_and_fits_the_window(
    serve: Callable[..., Served], visit: Callable[..., Visitor]
) -> None:
    served = serve()
    somebody = visit(served.url)
    agree(somebody)

    nameless = somebody.page.evaluate(
        """[...document.querySelectorAll('button, input, select, canvas, progress')].filter((node) =>
            !(node.textContent.trim() || node.getAttribute('aria-label') || (node.labels || []).length))
            .map((node) => node.outerHTML)"""
    )
    assert nameless == []
    sizes = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    assert somebody.page.evaluate(sizes) == [1280, 720]
    bottom = somebody.page.evaluate("document.getElementById('hint').getBoundingClientRect().bottom")
    assert bottom <= 720


def test_texts_of_a_study_stay_texts(
    study_folder: Path, serve: Callable[..., Served], visit: Callable[..., Visitor]
) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    design = read_design(study_folder).model_copy(update={"title": hostile, "consent": (hostile,)})
    (study_folder / "study.json").write_text(design.model_dump_json(), encoding="utf-8")

    somebody = visit(serve().url)
    somebody.wait("!document.getElementById('view-consent').hidden")

    assert (somebody.text("#title"), somebody.text("#consent-text")) == (hostile, hostile)
    assert somebody.page.query_selector("img") is None
