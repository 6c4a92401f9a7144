"""The server's addresses, and what they answer. README.md lists them; `security.Guard` stands in front."""

from __future__ import annotations

import functools
import json
import logging
from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StrictInt, StrictStr
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response

from popdanceset.errors import InputError, PopDanceSetError
from popdanceset.review.checking import checked_decisions
from popdanceset.review.database import ReviewDatabase
from popdanceset.review.decisions import checked_name
from popdanceset.review.documents import clip_document, clips_document, room_document
from popdanceset.review.files import PageFiles
from popdanceset.review.media import check_inside, media_response
from popdanceset.review.rooms import Media, Room, UnknownClipError
from popdanceset.review.security import COOKIE, Access, Guard
from popdanceset.review.states import State, States
from popdanceset.review.statistics import ClipFacts, review_statistics

MOST_CLIPS = 20_000
"""Clips of one decision."""
LONGEST_LOOK = 3600.0
"""Seconds of one visit to a clip; the page reports more often."""

log = logging.getLogger(__name__)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LoginBody(_Body):
    """Body of `POST /api/login`."""

    token: StrictStr


class DecisionBody(_Body):
    """Body of `POST /api/decisions`."""

    reviewer: StrictStr
    clip_ids: Annotated[list[StrictStr], Field(max_length=MOST_CLIPS)]
    kind: StrictStr
    value: StrictStr = ""
    note: StrictStr = ""
    expected: StrictInt | None = None


class UndoBody(_Body):
    """Body of `POST /api/undo`."""

    reviewer: StrictStr


class RevokeBody(_Body):
    """Body of `POST /api/revoke`."""

    reviewer: StrictStr
    id: StrictInt


class LookedBody(_Body):
    """Body of `POST /api/looked`."""

    reviewer: StrictStr
    clip_id: StrictStr
    seconds: Annotated[FiniteFloat, Field(ge=0, le=LONGEST_LOOK)]


class Answer(Response):
    """JSON. What is no text of Unicode, which a request may contain and an error repeat, is replaced."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Returns the bytes of the answer."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def create_app(room: Room, access: Access | None = None, files: PageFiles | None = None) -> FastAPI:
    """Makes the server of a room.

    Args:
        room: what it shows. Without a database nothing can be changed.
        access: who may use it; None: this machine, without a token.
        files: of the page; None: those of the package.
    """
    access, files = access or Access(), files or PageFiles()
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        default_response_class=Answer,
        middleware=[Middleware(Guard, access=access)],
    )
    add_errors(app)
    add_page(app, access, files)
    states = None if room.database is None else States(room.database)
    _add_reading(app, room, states)
    if room.database is not None and states is not None:
        _add_deciding(app, room, room.database, states)
    return app


def add_page(app: FastAPI, access: Access, files: PageFiles) -> None:
    """Adds the page's files and the login to a server."""

    def page(request: Request, name: str) -> Response:
        found = files.response(name, request.headers.get("if-none-match"))
        return found if found is not None else _refused(404, "there is no such file")

    @app.get("/")
    def index(request: Request) -> Response:
        return page(request, files.index)

    @app.get("/page/{name:path}")
    def page_file(request: Request, name: str) -> Response:
        return page(request, name)

    @app.post("/api/login")
    def login(body: LoginBody) -> Response:
        if access.token and not access.knows(body.token):
            return _refused(401, "this is not the room's token")
        answer = Answer({})
        if access.token:
            answer.set_cookie(COOKIE, access.cookie, httponly=True, samesite="strict", path="/")
        return answer


def _add_reading(app: FastAPI, room: Room, states: States | None) -> None:
    @functools.lru_cache(maxsize=256)
    def detected_beats(clip_id: str, name: str) -> tuple[float, ...]:
        from popdanceset.video.beats import beats

        media = room.video(clip_id)
        if media is None or media.name != name:
            return ()
        check_inside(media)
        with media.store.local(name) as path:
            return tuple(round(time, 4) for time in beats(path))

    @app.get("/api/room")
    def room_() -> Response:
        return Answer({**room_document(room), "latest": states.now()[0] if states is not None else 0})

    @app.get("/api/clips")
    def clips() -> Response:
        latest, said = states.now() if states is not None else (0, {})
        return Answer(clips_document(room, said, latest))

    @app.get("/api/changes")
    def changes(since: int = 0) -> Response:
        latest, touched = 0, dict[str, State]()
        if states is not None and room.database is not None:
            ids = {each.decision.clip_id for each in room.database.decisions(since, everything=True)}
            latest, touched = states.of(ids & room.clips().by_id.keys())
        return Answer({"latest": latest, "clips": touched, "list": room.clips().mark})

    @app.get("/api/clips/{clip_id}")
    def clip(clip_id: str, reviewer: str = "") -> Response:
        if states is None:
            return Answer(clip_document(room, clip_id))
        state = states.of([clip_id])[1][clip_id]
        return Answer(clip_document(room, clip_id, state, states.decisions(clip_id), reviewer))

    @app.get("/api/clips/{clip_id}/beats")
    def beats(clip_id: str) -> Response:
        found = room.beats(clip_id)
        if found is None:
            video = room.video(clip_id)
            found = [] if video is None else [*detected_beats(clip_id, video.name)]
        return Answer({"beats": found})

    @app.get("/api/clips/{clip_id}/joints.f32")
    def joints(clip_id: str, source: str = "") -> Response:
        if not source:
            return _floats(room.motion(clip_id).joints)
        room.clips()[clip_id]
        other = room.sources.get(source)
        if other is None or not other.has(clip_id):
            raise UnknownClipError(f"{source[:80]!r} has no motion of this clip")
        return _floats(other.joints(clip_id))

    @app.get("/api/clips/{clip_id}/keypoints.f32")
    def keypoints(clip_id: str) -> Response:
        return _floats(room.motion(clip_id).keypoints)

    @app.get("/api/clips/{clip_id}/scores.f32")
    def scores(clip_id: str) -> Response:
        return _floats(room.motion(clip_id).scores)

    def media(request: Request, found: Media | None) -> Response:
        asked = request.headers
        return media_response(found, request.method, asked.get("range"), asked.get("if-range"))

    @app.api_route("/media/{clip_id}/video", methods=["GET", "HEAD"])
    def video(request: Request, clip_id: str) -> Response:
        return media(request, room.video(clip_id))

    @app.api_route("/media/{clip_id}/audio", methods=["GET", "HEAD"])
    def audio(request: Request, clip_id: str) -> Response:
        return media(request, room.audio(clip_id))


def _add_deciding(app: FastAPI, room: Room, database: ReviewDatabase, states: States) -> None:
    def done(ids: list[int], clip_ids: set[str]) -> Response:
        latest, said = states.of(clip_ids)
        return Answer({"ids": ids, "latest": latest, "states": said})

    def clips_of(ids: list[int], since: int) -> set[str]:
        wanted = set(ids)
        found = database.decisions(since, everything=True)
        return {each.decision.clip_id for each in found if each.id in wanted}

    @app.post("/api/decisions")
    def decide(body: DecisionBody) -> Response:
        decisions = checked_decisions(room, body.reviewer, body.clip_ids, body.kind, body.value, body.note)
        about = {decision.clip_id for decision in decisions}
        if body.expected is not None:
            me = decisions[0].reviewer
            for each in database.decisions(body.expected, everything=True):
                if each.decision.clip_id in about and each.decision.reviewer != me:
                    who = f"{each.decision.reviewer} decided on {each.decision.clip_id} meanwhile"
                    return _refused(409, f"{who}; look again, then decide")
        return done(database.add(decisions), about)

    @app.get("/api/statistics")
    def statistics() -> Response:
        rows = room.clips().rows
        facts = {row["clip_id"]: ClipFacts(row["estimator"], tuple(row["reasons"])) for row in rows}
        return Answer(review_statistics(database.decisions(), database.looks(), facts).document())

    @app.post("/api/undo")
    def undo(body: UndoBody) -> Response:
        before = database.latest()
        ids = database.undo(checked_name(body.reviewer))
        return done(ids, clips_of(ids, before))

    @app.post("/api/revoke")
    def revoke(body: RevokeBody) -> Response:
        database.revoke(body.id, checked_name(body.reviewer))
        return done([body.id], clips_of([body.id], 0))

    @app.post("/api/looked")
    def looked(body: LookedBody) -> Response:
        reviewer = checked_name(body.reviewer)
        database.looked(room.clips()[body.clip_id]["clip_id"], reviewer, body.seconds)
        return Answer({})


def add_errors(app: FastAPI) -> None:
    """Lets a server answer every error with one line of JSON."""

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        return _refused(error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query"))
        return _refused(400, f"{where}: {first['msg']}" if where else str(first["msg"]))

    @app.exception_handler(PopDanceSetError)
    async def known(_: Request, error: PopDanceSetError) -> Response:
        if isinstance(error, UnknownClipError):
            return _refused(404, str(error))
        if isinstance(error, InputError):
            return _refused(400, str(error))
        # Its place is a path of this machine, which is nobody else's business.
        log.error("%s", error)
        return _refused(500, f"{error.what}; the server's log says where")

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> Response:
        return _refused(500, "an unexpected error; the server's log has its details")


def _floats(array: NDArray[np.floating[Any]] | None) -> Response:
    """The numbers of an array, float32, little endian, in C order."""
    if array is None:
        raise UnknownClipError("the clip has no such numbers")
    data = np.ascontiguousarray(array, "<f4").tobytes()
    return Response(data, media_type="application/octet-stream")


def _refused(status: int, line: str) -> Response:
    return Answer({"error": " ".join(line.split())}, status)
