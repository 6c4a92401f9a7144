"""What the server of a study answers.

    GET  /                     the page; its files are below /page/study/, those of the 3D body below /page/
    POST /api/login {token}    lets a browser in, where the study needs a token
    GET  /api/study            the study, and what the participant sees next
    POST /api/join {age_band}  the participant agrees: a random secret becomes their cookie
    POST /api/answers {position, question, choice, seconds, replays}
    GET  /media/dances/{id}    joints (frames, 24, 3) float32
    GET  /media/sounds/{id}    WAV, in ranges

Addresses and answers name neither models nor attention checks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import FileResponse, Response

from popdanceset.review.api import Answer, add_errors, add_page
from popdanceset.review.files import PageFiles
from popdanceset.review.security import Access, Guard
from popdanceset.schema import FPS
from popdanceset.skeleton import SMPL_PARENTS
from popdanceset.study.answers import AGE_BANDS, AnswerDatabase, Participant, new_token, participant_of
from popdanceset.study.design import Design, dance_file, sound_file
from popdanceset.study.plan import plan, steps

COOKIE = "popdanceset_study"
"""Cookie with a participant's secret, by which they go on where they stopped."""

ENOUGH_SECONDS = 10.0
"""A participant can choose when the dances have ended, or after so much of them."""

_PAGE = Path(__file__).with_name("page")
_YEAR = 365 * 24 * 3600


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class JoinBody(_Body):
    """Body of `POST /api/join`."""

    age_band: StrictStr


class AnswerBody(_Body):
    """Body of `POST /api/answers`."""

    position: StrictInt
    question: StrictInt
    choice: Literal["left", "right"]
    seconds: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
    replays: Annotated[StrictInt, Field(ge=0, le=100_000)]


def create_app(
    folder: Path, design: Design, database: AnswerDatabase, access: Access | None = None
) -> FastAPI:
    """Makes the server of a study.

    Args:
        folder: of the study.
        design: what it shows.
        database: for the answers.
        access: who may use it; None: this machine, without a token.
    """
    access = access or Access()
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        default_response_class=Answer,
        middleware=[Middleware(Guard, access=access)],
    )
    add_errors(app)
    add_page(app, access, PageFiles(more={"study": _PAGE}, index="study/index.html"))
    _add_media(app, folder, design)
    _add_taking_part(app, design, database)
    return app


def _add_media(app: FastAPI, folder: Path, design: Design) -> None:
    # A name of a request is looked up; it never becomes a path.
    dances = {dance.id: dance_file(folder, dance.id) for dance in design.dances}
    sounds = {song.id: sound_file(folder, song.id) for song in design.songs}

    def answer(path: Path | None, content: str) -> Response:
        if path is None or not path.is_file():
            raise HTTPException(404, "there is no such file")
        return FileResponse(path, media_type=content)

    @app.get("/media/dances/{name}")
    def dance(name: str) -> Response:
        return answer(dances.get(name), "application/octet-stream")

    @app.get("/media/sounds/{name}")
    def sound(name: str) -> Response:
        return answer(sounds.get(name), "audio/wav")


def _add_taking_part(app: FastAPI, design: Design, database: AnswerDatabase) -> None:
    songs = design.songs_by_id()

    def participant_in(request: Request) -> Participant | None:
        token = request.cookies.get(COOKIE, "")
        return database.participant(participant_of(token)) if token else None

    def state_of(participant: Participant | None) -> dict[str, Any]:
        """What a participant sees next; `trial` is null at the end."""
        if participant is None:
            return {"joined": False, "trial": None}
        answered = database.answered(participant.id)
        state = {"joined": True, "participant": participant.id, "total": len(participant.trials)}
        left = (step for step in steps(design, participant.trials) if step not in answered)
        position, question = next(left, (None, None))
        if position is None:
            return {**state, "trial": None}
        trial = participant.trials[position]
        shown = {
            "position": position,
            "question": question,
            "frames": songs[trial.song].frames,
            "sound": f"/media/sounds/{trial.song}",
            "left": f"/media/dances/{trial.left}",
            "right": f"/media/dances/{trial.right}",
        }
        return {**state, "trial": shown}

    @app.get("/api/study")
    def study(request: Request) -> Response:
        return Answer({**_described(design), **state_of(participant_in(request))})

    @app.post("/api/join")
    def join(body: JoinBody, request: Request) -> Response:
        if body.age_band not in AGE_BANDS:
            raise HTTPException(400, "choose one of the age bands")
        present = participant_in(request)
        if present is not None:
            return Answer(state_of(present))
        token = new_token()
        who = participant_of(token)
        database.join(who, body.age_band, plan(design, who))
        answer = Answer(state_of(database.participant(who)))
        answer.set_cookie(COOKIE, token, max_age=_YEAR, httponly=True, samesite="strict", path="/")
        return answer

    @app.post("/api/answers")
    def add(body: AnswerBody, request: Request) -> Response:
        participant = participant_in(request)
        if participant is None:
            raise HTTPException(403, "you have not joined yet; reload the page")
        if (body.position, body.question) not in steps(design, participant.trials):
            raise HTTPException(404, "there is no such question")
        database.add(participant.id, body.position, body.question, body.choice, body.seconds, body.replays)
        return Answer(state_of(participant))


def _described(design: Design) -> dict[str, Any]:
    pairs = sum(1 for _ in design.pairs())
    return {
        "title": design.title,
        "consent": design.consent,
        "questions": design.questions,
        "age_bands": AGE_BANDS,
        "pairs": len(design.checks) + min(design.trials, pairs),
        "fps": FPS,
        "parents": SMPL_PARENTS,
        "enough_seconds": ENOUGH_SECONDS,
    }
