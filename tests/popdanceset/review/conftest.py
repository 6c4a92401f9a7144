"""A small store to review, rooms of it, and real servers."""

from __future__ import annotations

import contextlib
import datetime
import importlib.util
import json
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from starlette.testclient import TestClient

from popdanceset.review.database import ReviewDatabase
from popdanceset.schema import STATISTICS, VERDICTS
from popdanceset.simulator.casting import MEDIA_FOLDER
from popdanceset.store import Store
from popdanceset.tables import from_rows
from tests.browsing import Visitor, visitors

FIRST, SECOND, WAITING, OTHER = "BV1_Clip_1", "BV1_Clip_2", "BV1_Clip_3", "BV1xx411c7mD_Clip_1"
TITLE = "</script><script>alert('title')</script> \"&amp; 桃花笑 🕺"
UPLOADER = "<img src=x onerror=alert(1)>"
HOME = "http://127.0.0.1:8765"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def reviewed(store: Store, synthetic: ModuleType) -> Store:
    """Four clips of two videos: one to be reviewed, two accepted, one without poses; the first has a film."""
    row = synthetic.clip_row
    clips = [
        row(FIRST, 150, "m1", start=2.0, end=7.0, path="media/BV1/clip.mp4", music_path="media/BV1/clip.wav"),
        row(SECOND, 90, "m1"),
        row(WAITING, 60, "m2", path="", music_path=""),
        row(OTHER, 120, "m2"),
    ]
    synthetic.fill_store(store, "weekly", clips)
    for name in (f"poses/{WAITING}.parquet", f"verdicts/{WAITING}.parquet"):
        store.remove(name)
    worst = synthetic.verdict_row(OTHER, 120) | {"score": 0.3, "verdict": "review", "reasons": ["jitter"]}
    store.write_rows(f"verdicts/{OTHER}.parquet", [worst], VERDICTS)
    day = datetime.datetime(2026, 11, 29, tzinfo=datetime.UTC)
    seen = {"bvid": "BV1", "state": "public", "note": "", "source": "s"}
    statistics = [
        seen | {"snapshot_at": day, "title": "an old title"},
        seen | {"snapshot_at": day + datetime.timedelta(1), "title": TITLE, "owner": UPLOADER},
    ]
    store.write_table("statistics/date=2026-11-29/1.parquet", from_rows(statistics, STATISTICS), STATISTICS)
    film = Path(store.address, "media/BV1/clip.mp4")
    film.parent.mkdir(parents=True)
    shutil.copy(Path(str(MEDIA_FOLDER), "dance_a.mp4"), film)
    film.with_suffix(".wav").write_bytes(bytes(range(256)) * 10)
    return store


@pytest.fixture
def database(reviewed: Store) -> Iterator[ReviewDatabase]:
    """The database of the store."""
    opened = ReviewDatabase(Path(reviewed.address, "review/decisions.sqlite"))
    yield opened
    opened.close()


@pytest.fixture
def make_client(reviewed: Store, database: ReviewDatabase) -> Callable[..., TestClient]:
    """`make_client(token="", **options of the room)`: a client of the store's room."""
    from popdanceset import genre
    from popdanceset.review.api import create_app
    from popdanceset.review.security import Access
    from popdanceset.review.store_room import StoreRoom

    def make(token: str = "", **options: Any) -> TestClient:
        room = StoreRoom(reviewed, database, **{"genres": genre.names(), **options})
        room._clips._interval = 0
        return TestClient(create_app(room, Access(token=token)), base_url=HOME)

    return make


@pytest.fixture
def client(make_client: Callable[..., TestClient]) -> TestClient:
    """A client of the store's room, on the same machine."""
    return make_client()


class Server:
    """`popdanceset review` as a process of its own.

    Attributes:
        address: without the last slash.
        output: what it has printed.
    """

    def __init__(self, *options: str, environment: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "popdanceset", "review", "--port", "0", *options]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        assert self.process.stdout is not None
        self.output = ""
        for line in self.process.stdout:
            self.output += line
            if "http://" in line:
                self.address = line.split("http://")[1].split("/")[0]
                self.address = f"http://{self.address}"
                break
        else:
            raise AssertionError(f"the server did not start: {self.output}")
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line

    def get(self, path: str) -> Any:
        """Returns the JSON of an address."""
        with urllib.request.urlopen(f"{self.address}{path}", timeout=60) as answer:
            return json.loads(answer.read())

    def post(self, path: str, body: Any) -> Any:
        """Posts JSON; returns that of the answer."""
        request = urllib.request.Request(f"{self.address}{path}", json.dumps(body).encode(), JSON)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())


@pytest.fixture
def start_server() -> Iterator[Callable[..., Server]]:
    """`start_server(*options)`: starts servers, which end with the test."""
    started: list[Server] = []

    def start(*options: str, environment: dict[str, str] | None = None) -> Server:
        started.append(Server(*options, environment=environment))
        return started[-1]

    yield start
    for server in started:
        server.process.kill()
        server.process.wait()


# -- a room in a browser

HOSTILE = (
    '<img src=x onerror="alert(1)">',
    "</script><script>alert(2)</script>",
    "😀" * 2500,
    "../../../etc/passwd",
)
FRAMES = 90


@pytest.fixture(scope="session")
def rooms() -> ModuleType:
    """The module that fills stores with clips to review."""
    spec = importlib.util.spec_from_file_location("rooms", Path(__file__).with_name("rooms.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def room_store(tmp_path_factory: pytest.TempPathFactory, rooms: ModuleType) -> Store:
    """Twelve clips of three seconds, the first ones with hostile titles. Nobody may change it."""
    store = Store(tmp_path_factory.mktemp("room") / "store")
    rooms.fill_room(store, clips=12, frames=FRAMES, titles=HOSTILE)
    return store


@dataclass
class Served:
    """A server that runs.

    Attributes:
        url: its address.
        database: where it keeps decisions.
        stop: stops it.
    """

    url: str
    database: ReviewDatabase
    stop: Callable[[], None] = field(repr=False)


@pytest.fixture
def serve_room(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """`serve_room(store, token="", port=0, sources=…)`: runs a server in this process."""
    from popdanceset.review.store_room import StoreRoom

    with contextlib.ExitStack() as stack:

        def serve(store: Store, token: str = "", port: int = 0, **options: Any) -> Served:
            database = ReviewDatabase(tmp_path / "decisions.sqlite")
            stack.callback(database.close)
            room = StoreRoom(store, database, genres=("k-pop", "house", "popping"), **options)
            url, stop = _run(room, token, port)
            stack.callback(stop)
            return Served(url, database, stop)

        yield serve


@pytest.fixture
def serve_release(release_dir: Path) -> Iterator[Callable[[], str]]:
    """`serve_release()`: shows a release; returns the address."""
    from popdanceset.release.reader import Release
    from popdanceset.review.release_room import ReleaseRoom

    with contextlib.ExitStack() as stack:

        def serve() -> str:
            url, stop = _run(ReleaseRoom(Release(release_dir)))
            stack.callback(stop)
            return url

        yield serve


def _run(room: Any, token: str = "", port: int = 0) -> tuple[str, Callable[[], None]]:
    """Runs the server of a room in a thread; returns its address, and what stops it."""
    import uvicorn

    from popdanceset.review.api import create_app
    from popdanceset.review.security import Access
    from popdanceset.review.serving import address_of, listen

    listening = listen("127.0.0.1", port)
    app = create_app(room, Access("127.0.0.1", token))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()

    def stop() -> None:
        server.should_exit = server.force_exit = True
        thread.join(10)
        listening.close()

    return address_of(listening), stop


@pytest.fixture
def served(serve_room: Callable[..., Served], room_store: Store) -> Served:
    """A server of `room_store`, with no decisions yet."""
    return serve_room(room_store)


class Reviewer(Visitor):
    """Somebody at the page of the room.

    Args:
        name: under which they decide; empty: the page asks for it.
    """

    def __init__(self, browser: Any, url: str, name: str = "Ann", **context: Any) -> None:
        known = f"localStorage.setItem('popdanceset.reviewer', {name!r})" if name else ""
        super().__init__(browser, url, known, **context)

    def at_list(self) -> None:
        """Waits for the list."""
        self.page.wait_for_selector("#view-list .grid-row.active")

    def at_clip(self, clip_id: str = "") -> str:
        """Waits until a clip is shown in full; returns its id."""
        ready = "document.getElementById('view-clip').dataset.ready"
        return str(self.wait(f"{ready} === '{clip_id}' && {ready}" if clip_id else ready))

    def at_another(self, clip_id: str) -> str:
        """Waits until another clip than this one is shown in full; returns its id."""
        ready = "document.getElementById('view-clip').dataset.ready"
        return str(self.wait(f"{ready} !== '{clip_id}' && {ready}"))

    def open_first(self) -> str:
        """Opens the first clip of the list by key; returns its id."""
        self.at_list()
        self.page.locator(".grid").focus()
        self.press("Home", "Enter")
        return self.at_clip()

    def rows(self) -> list[list[str]]:
        """The cells of the rows in sight, from the top."""
        found = self.page.evaluate(
            "[...document.querySelectorAll('.grid-body .grid-row:not([hidden])')]"
            ".sort((a, b) => a.getAttribute('aria-rowindex') - b.getAttribute('aria-rowindex'))"
            ".map((row) => [...row.children].map((cell) => cell.textContent))"
        )
        return [list(map(str, cells)) for cells in found]

    def saved(self) -> None:
        """Waits until the server has acknowledged every decision."""
        self.wait("!sessionStorage.getItem('popdanceset.outbox')")


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Reviewer]]:
    """`visit(url, name="Ann")`: somebody opens the room's page."""
    with visitors(browser, Reviewer) as visit:
        yield visit
