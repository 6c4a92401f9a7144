"""The server of a study: what it answers, what it keeps to itself, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from popdanceset.review.security import COOKIE as TOKEN_COOKIE
from popdanceset.review.security import Access
from popdanceset.study.answers import AnswerDatabase, participant_of
from popdanceset.study.api import COOKIE, create_app
from popdanceset.study.design import DATABASE, Design, read_design

HOME = "http://127.0.0.1:8766"
BAND = {"age_band": "25–34"}
TOKEN = "a token of the study"


@pytest.fixture
def study(study_folder: Path) -> Design:
    return read_design(study_folder)


@pytest.fixture
def database(study_folder: Path) -> Iterator[AnswerDatabase]:
    opened = AnswerDatabase(study_folder / DATABASE)
    yield opened
    opened.close()


@pytest.fixture
def visit(study_folder: Path, study: Design, database: AnswerDatabase) -> Callable[..., TestClient]:
    """`visit(token="")`: a browser of its own."""

    def make(token: str = "") -> TestClient:
        return TestClient(create_app(study_folder, study, database, Access(token=token)), base_url=HOME)

    return make


def answer(trial: dict[str, Any], choice: str = "left", **more: Any) -> dict[str, Any]:
    place = {"position": trial["position"], "question": trial["question"]}
    return {**place, "choice": choice, "seconds": 3.5, "replays": 0, **more}


def test_a_participant_goes_through_all_pairs(
    visit: Callable[..., TestClient], database: AnswerDatabase, study: Design, study_folder: Path
) -> None:
    client = visit()
    first = client.get("/api/study").json()
    assert (first["joined"], first["trial"], first["pairs"]) == (False, None, 5)

    state = client.post("/api/join", json=BAND).json()
    for number in range(5):
        trial = state["trial"]
        assert trial["position"] == number
        for side in ("left", "right"):
            joints = np.frombuffer(client.get(trial[side]).content, "<f4")
            assert joints.shape == (trial["frames"] * 72,)
            assert np.isfinite(joints).all()
        assert client.get(trial["sound"]).content[:4] == b"RIFF"
        state = client.post("/api/answers", json=answer(trial, "right")).json()

    assert state["trial"] is None
    (participant,) = database.participants()
    assert (participant.id, participant.age_band) == (state["participant"], "25–34")
    assert [each.choice for each in database.answers()] == ["right"] * 5
    assert client.get("/api/study").json()["trial"] is None


def test_several_participants_have_plans_of_their_own_and_go_on_where_they_stopped(
    visit: Callable[..., TestClient], database: AnswerDatabase
) -> None:
    first, second = visit(), visit()
    trial = first.post("/api/join", json=BAND).json()["trial"]
    second.post("/api/join", json=BAND)
    first.post("/api/answers", json=answer(trial))

    again = visit()
    again.cookies.set(COOKIE, first.cookies[COOKIE])

    assert again.get("/api/study").json()["trial"]["position"] == 1
    assert second.get("/api/study").json()["trial"]["position"] == 0
    assert len({each.trials for each in database.participants()}) == 2
    # Who joins twice is the same participant.
    assert again.post("/api/join", json=BAND).json()["trial"]["position"] == 1
    assert len(database.participants()) == 2


def test_an_answer_that_is_sent_again_counts_once(
    visit: Callable[..., TestClient], database: AnswerDatabase
) -> None:
    client = visit()
    trial = client.post("/api/join", json=BAND).json()["trial"]

    states = [client.post("/api/answers", json=answer(trial, side)).json() for side in ("right", "left")]

    assert states[0] == states[1]
    assert [each.choice for each in database.answers()] == ["right"]


def test_participants_learn_neither_models_nor_checks(
    visit: Callable[..., TestClient], study: Design
) -> None:
    client = visit()
    seen = [client.get("/api/study").text, client.post("/api/join", json=BAND).text]
    while (trial := json.loads(seen[-1])["trial"]) is not None:
        assert set(trial) == {"position", "question", "frames", "sound", "left", "right"}
        seen.append(client.post("/api/answers", json=answer(trial)).text)

    text = "".join(seen)
    assert not [word for word in ("ours", "theirs", "real", "still", "scrambled", "evening") if word in text]


def test_the_cookie_is_a_secret_that_the_database_does_not_have(
    visit: Callable[..., TestClient], database: AnswerDatabase, study_folder: Path
) -> None:
    client = visit()
    said = client.post("/api/join", json=BAND)
    secret = client.cookies[COOKIE]

    attributes = said.headers["set-cookie"].lower()
    assert "httponly" in attributes
    assert "samesite=strict" in attributes
    (participant,) = database.participants()
    assert participant.id == participant_of(secret)
    stored = b"".join(path.read_bytes() for path in study_folder.glob(f"{DATABASE}*"))
    assert secret.encode() not in stored
    assert participant.id.encode() in stored
    thief = visit()
    thief.cookies.set(COOKIE, participant.id)
    assert thief.get("/api/study").json()["joined"] is False


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"position": 99}, 404),
        ({"position": -1}, 404),
        ({"question": 1}, 404),
        ({"choice": "both"}, 400),
        ({"seconds": -1}, 400),
        ({"seconds": "NaN"}, 400),
        ({"position": True}, 400),
        ({"comment": "x"}, 400),
    ],
)
def test_answers_to_nothing_are_refused(
    visit: Callable[..., TestClient], database: AnswerDatabase, change: dict[str, Any], status: int
) -> None:
    client = visit()
    trial = client.post("/api/join", json=BAND).json()["trial"]

    said = client.post("/api/answers", json=answer(trial, **change) if "choice" not in change else
                       answer(trial) | change)  # fmt: skip

    assert said.status_code == status
    assert "\n" not in said.json()["error"]
    assert database.answers() == []


def test_only_those_who_agreed_answer(visit: Callable[..., TestClient]) -> None:
    client = visit()
    assert client.post("/api/answers", json=answer({"position": 0, "question": 0})).status_code == 403
    assert client.post("/api/join", json={"age_band": "about 30"}).status_code == 400
    assert client.post("/api/join", json={}).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/media/dances/../study.json",
        "/media/dances/%2e%2e%2fstudy.json",
        "/media/sounds/..%2Fanswers.sqlite",
        "/media/dances/000000000000",
        "/page/../study.json",
        "/page/study/../../study.json",
        "/study.json",
    ],
)
def test_nothing_else_of_the_folder_is_served(visit: Callable[..., TestClient], path: str) -> None:
    said = visit().get(path)
    assert said.status_code == 404
    assert b"models" not in said.content


def test_sounds_are_served_in_ranges(visit: Callable[..., TestClient], study: Design) -> None:
    address = f"/media/sounds/{study.songs[0].id}"
    whole = visit().get(address)
    part = visit().get(address, headers={"Range": "bytes=100-199"})

    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert whole.headers["content-type"] == "audio/wav"


def test_the_page_and_its_modules_are_there_and_run_nothing_inline(visit: Callable[..., TestClient]) -> None:
    client = visit()
    page = client.get("/")

    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script>" not in page.text
    assert "style=" not in page.text
    for name in (
        "study/main.js",
        "study/trial.js",
        "study/server.js",
        "study/style.css",
        "dom.js",
        "style.css",
    ):
        assert client.get(f"/page/{name}").status_code == 200, name


def test_a_study_with_a_token_is_closed_to_others(visit: Callable[..., TestClient]) -> None:
    client = visit(TOKEN)
    assert client.get("/").status_code == 200
    assert client.get("/api/study").status_code == 401
    assert client.post("/api/join", json=BAND).status_code == 401
    assert client.post("/api/login", json={"token": "a wrong token, long"}).status_code == 401

    assert client.post("/api/login", json={"token": TOKEN}).status_code == 200
    assert TOKEN_COOKIE in client.cookies
    assert client.post("/api/join", json=BAND).json()["joined"] is True


def test_other_sites_cannot_answer(visit: Callable[..., TestClient], database: AnswerDatabase) -> None:
    client = visit()
    for headers in (
        {"Origin": "http://evil.example"},
        {"Content-Type": "text/plain"},
        {"Host": "evil.example"},
    ):
        content = {"Content-Type": "application/json"} | headers
        said = client.post("/api/join", content=json.dumps(BAND), headers=content)
        assert said.status_code == 403, headers
    assert database.participants() == []
