"""A release on a hub: complete or absent, and resumed after any failure."""

from __future__ import annotations

import datetime
import importlib.util
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from popdanceset.errors import InputError, PopDanceSetError, RefusedError, StoreError
from popdanceset.release.command import publish as publish_command
from popdanceset.release.hub import Hub, HubAddress, token_from_environment
from popdanceset.release.push import PushSummary, push_release
from popdanceset.release.push_command import push as push_command
from popdanceset.release.writer import publish
from popdanceset.settings import Settings
from popdanceset.store import Store

ADDRESS = "hf://datasets/dancers/pop"
REPO = "dancers/pop"


def stand_in() -> ModuleType:
    spec = importlib.util.spec_from_file_location("stand_in_hub", Path(__file__).with_name("stand_in_hub.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["stand_in_hub"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A hub, which the environment names, with large files by plain uploads."""
    from huggingface_hub import constants
    from huggingface_hub.utils import _http

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(_http, "time", SimpleNamespace(sleep=lambda seconds: None))
    with stand_in().StandInHub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", server.token)
        yield server


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory, synthetic: ModuleType) -> Path:
    """A release of several files; made once, and only read."""
    folder = tmp_path_factory.mktemp("release")
    places = {"store": str(folder / "store"), "manifests": str(folder / "manifests")}
    settings = Settings.load(overrides={**places, "release": {"figures": False}})
    store = Store(settings.store)
    row = synthetic.clip_row
    clips = [row("BV1_Clip_1", 60, "m1"), row("BV1_Clip_2", 70, "m1"), row("BV2_Clip_1", 90, "m2")]
    synthetic.fill_store(store, "weekly", [*clips, row("BV3_Clip_1", 45, "m3", music_path="")])
    day = datetime.date(2026, 1, 2)
    return folder / "store" / publish(settings, store, "weekly", day=day, max_bytes=1).path


def push(release: Path, **options: Any) -> PushSummary:
    hub = Hub(HubAddress.parse(ADDRESS), token_from_environment())
    return push_release(Store(release.parent), release.name, hub, **options)


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def own(repository: Any) -> dict[str, bytes]:
    return {name: data for name, data in repository.files.items() if name != ".gitattributes"}


def test_a_push_makes_the_dataset_equal_to_the_release(hub: Any, release: Path) -> None:
    steps: list[int] = []
    done = push(release, advance=lambda n=1, note="": steps.append(n))
    assert own(hub.repositories[REPO]) == content(release)
    large = {name for name in content(release) if name.endswith(".parquet")}
    assert hub.repositories[REPO].large == large
    assert len(hub.repositories[REPO].commits) == 2  # the hub's own, and one
    assert (done.sent, done.kept, done.removed) == (len(content(release)), 0, 0)
    assert done.size == sum(map(len, content(release).values()))
    assert sum(steps) == done.sent


def test_pushing_again_changes_nothing(hub: Any, release: Path) -> None:
    push(release)
    before, hub.calls[:] = dict(hub.repositories[REPO].files), []
    done = push(release)
    assert (done.sent, done.size, done.commit) == (0, 0, "")
    assert hub.repositories[REPO].files == before
    assert not [call for call in hub.calls if not call.startswith("GET")]


def test_the_next_release_sends_what_is_new_and_removes_what_is_gone(
    hub: Any, ready: Store, settings: Settings, synthetic: ModuleType, day: datetime.date
) -> None:
    release = Path(settings.store, publish(settings, ready, "weekly", day=day, max_bytes=1).path)
    push(release)
    hub.repositories[REPO].files["notes.txt"] = b"of the owner"
    hub.repositories[REPO].files["figures/old.png"] = b"an old figure"
    hub.repositories[REPO].keep()
    hub.uploads.clear()
    ready.remove("clips/BV2.parquet")
    synthetic.fill_store(ready, "weekly2", [synthetic.clip_row("BV5_Clip_1", 90, "m5")])
    rows = ready.read_table("selection/weekly.parquet", synthetic.SELECTION).to_pylist()
    more = ready.read_table("selection/weekly2.parquet", synthetic.SELECTION).to_pylist()
    ready.write_rows("selection/both.parquet", [*rows[:-1], *more], synthetic.SELECTION)
    folder = Path(settings.store, publish(settings, ready, "both", day=day, max_bytes=1).path)
    done = push(folder)
    assert own(hub.repositories[REPO]) == {**content(folder), "notes.txt": b"of the owner"}
    new = {name for name, data in content(folder).items() if content(release).get(name) != data}
    assert done.sent == len(new)
    assert len(hub.uploads) == len([name for name in new if name.endswith(".parquet")])
    assert done.removed == 1 + len(content(release).keys() - content(folder).keys())


def test_a_push_that_failed_in_the_middle_sends_only_what_lacks(hub: Any, release: Path) -> None:
    """Storage refuses the fourth file: nothing is visible, and the three before are not sent again."""
    puts: list[str] = []

    def fourth(method: str, path: str) -> tuple[int, dict[str, str]] | None:
        if method == "PUT":
            puts.append(path)
            return (400, {}) if len(puts) > 3 else None
        return None

    hub.failing = fourth
    with pytest.raises(InputError, match=r"hf://datasets/dancers/pop: the hub does not take the release"):
        push(release)
    assert own(hub.repositories[REPO]) == {}
    kept = len(hub.storage)
    assert kept == 3
    hub.failing = lambda method, path: None
    hub.uploads.clear()
    push(release)
    assert own(hub.repositories[REPO]) == content(release)
    large = {data for name, data in content(release).items() if name.endswith(".parquet")}
    assert len(hub.uploads) == len(large) - kept


def test_a_push_may_be_killed_at_any_upload(hub: Any, release: Path) -> None:
    """Killed while the third file arrives; then the same line completes the dataset."""
    reached = threading.Event()
    wait = threading.Event()
    puts: list[str] = []

    def third(method: str, path: str) -> None:
        if method == "PUT":
            puts.append(path)
            if len(puts) == 3:
                reached.set()
                wait.wait(20)

    hub.before = third
    command = [sys.executable, "-m", "popdanceset", "release", "push", str(release), ADDRESS]
    environment = {**os.environ, "HF_HUB_DISABLE_XET": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert reached.wait(60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait.set()
    hub.before = lambda method, path: None
    assert own(hub.repositories[REPO]) == {}
    hub.uploads.clear()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert own(hub.repositories[REPO]) == content(release)
    assert 0 < len(hub.uploads) <= len({d for n, d in content(release).items() if n.endswith(".parquet")}) - 2
    assert done.stdout.startswith(f"release {release.name} pushed to {ADDRESS}: ")
    assert hub.token not in done.stdout + done.stderr


def test_a_lost_commit_is_repeated(hub: Any, release: Path) -> None:
    hub.failing = lambda method, path: (503, {"Retry-After": "7"}) if "/commit/" in path else None
    with pytest.raises(StoreError, match=r"the hub has an error \(HTTP 503\) \(try again in 7 s; what has"):
        push(release)
    assert own(hub.repositories[REPO]) == {}
    hub.failing = lambda method, path: None
    push(release)
    assert own(hub.repositories[REPO]) == content(release)


def test_two_pushes_do_not_mix(hub: Any, release: Path) -> None:
    def other(method: str, path: str) -> None:
        if "/commit/" in path:
            hub.repositories[REPO].files["data/frames-train-9.parquet"] = b"of another push"
            hub.repositories[REPO].keep()

    hub.before = other
    with pytest.raises(StoreError, match="changed while the release was sent"):
        push(release)
    assert "meta/info.json" not in hub.repositories[REPO].files


# -- what is refused


FAILURES = [
    (401, {}, InputError, "the hub does not accept the token"),
    (403, {}, InputError, "the token may not write there"),
    (429, {"Retry-After": "120"}, RefusedError, "too many requests (try again in 120 s"),
    (429, {"ratelimit": '"api";r=0;t=55'}, RefusedError, "too many requests (try again in 55 s"),
    (429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, RefusedError, "(try again in 0 s"),
    (500, {}, StoreError, "the hub has an error (HTTP 500) (push again"),
    (418, {}, InputError, "HTTP 418): as you wish"),
]


@pytest.mark.parametrize(("status", "headers", "kind", "message"), FAILURES)
@pytest.mark.parametrize("call", ["/api/datasets/dancers/pop", "/api/repos/create", "preupload", "/commit/"])
def test_each_failure_is_one_clear_line(
    hub: Any,
    release: Path,
    caplog: pytest.LogCaptureFixture,
    status: int,
    headers: dict[str, str],
    kind: type[PopDanceSetError],
    message: str,
    call: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    hub.failing = lambda method, path: (status, headers) if call in path else None
    with pytest.raises(kind) as caught:
        push(release)
    line = str(caught.value)
    assert message in line
    assert "\n" not in line
    assert line.startswith(f"{ADDRESS}: ")
    assert hub.token not in line + caplog.text
    assert caught.value.__cause__ is None
    assert not hub.repositories.get(REPO) or own(hub.repositories[REPO]) == {}


def test_when_to_try_again_is_known(hub: Any, release: Path) -> None:
    hub.failing = lambda method, path: (429, {"Retry-After": "3600"})
    with pytest.raises(RefusedError) as caught:
        push(release)
    wait = datetime.datetime.fromisoformat(caught.value.retry_at) - datetime.datetime.now().astimezone()
    assert 3500 < wait.total_seconds() < 3601
    assert caught.value.exit_code == 3


def test_a_wrong_token_is_not_taken_for_a_missing_dataset(
    hub: Any, release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    with pytest.raises(InputError, match=r"does not accept the token \(set HF_TOKEN"):
        push(release)
    assert hub.repositories == {}


def test_no_network(release: Path, monkeypatch: pytest.MonkeyPatch, hub: Any) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(StoreError, match="cannot be reached"):
        push(release)


def test_what_the_uploader_of_large_files_says_is_one_line(
    hub: Any, release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library prefers another protocol, which the stand-in does not speak."""
    from huggingface_hub import constants

    pytest.importorskip("hf_xet")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    with pytest.raises(PopDanceSetError) as caught:
        push(release)
    assert "\n" not in str(caught.value)
    assert hub.token not in str(caught.value)
    assert own(hub.repositories[REPO]) == {}


@pytest.mark.parametrize(
    ("token", "message"),
    [(None, "no token"), (" ", "no token"), ("hf_a b", "characters that no token"), ("hf_ü", "characters")],
)
def test_no_token(monkeypatch: pytest.MonkeyPatch, token: str | None, message: str) -> None:
    """Not even one that somebody has saved in a file is used."""
    monkeypatch.delenv("HF_TOKEN", raising=False)
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(InputError, match=message) as caught:
        token_from_environment()
    assert "hf_a b" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "hf://datasets/a", "hf://datasets/a/b/c", "hf://models/a/b", "hf://a/b", "https://huggingface.co/datasets/a/b",
        "hf://datasets/../b", "hf://datasets/a/..", "hf://datasets/a/b?x", "hf://datasets/a/b c", "hf://datasets/a/é",
        "hf://datasets/-a/b", "hf://datasets/a/b--c", "",
    ],
)  # fmt: skip
def test_addresses_of_something_else(text: str) -> None:
    with pytest.raises(InputError, match="is not the address of a dataset"):
        HubAddress.parse(text)


def test_an_address() -> None:
    assert HubAddress.parse("hf://datasets/Org-1/pop.dance_set/") == HubAddress("Org-1", "pop.dance_set")


def test_another_dataset_is_left_alone(hub: Any, release: Path) -> None:
    hub.create(REPO).files["train.csv"] = b"1,2"
    with pytest.raises(InputError, match=r"holds something else than a release: train\.csv"):
        push(release)
    assert own(hub.repositories[REPO]) == {"train.csv": b"1,2"}


def test_another_licence_is_not_replaced(hub: Any, release: Path) -> None:
    hub.create(REPO).files["README.md"] = b"---\nlicense: cc-by-4.0\n---\n\nSoon.\n"
    with pytest.raises(InputError, match=r"has the licence 'cc-by-4\.0', and the release 'other'"):
        push(release)
    hub.repositories[REPO].files["README.md"] = b"---\nlicense: other\n---\n\nSoon.\n"
    push(release)
    assert own(hub.repositories[REPO]) == content(release)


def test_a_private_dataset(hub: Any, release: Path) -> None:
    push(release, private=True)
    assert hub.repositories[REPO].private
    push(release, private=True)
    with pytest.raises(InputError, match=r"exists and is private \(change its visibility"):
        push(release, private=False)


def test_a_release_that_was_changed_is_not_sent(hub: Any, release: Path, tmp_path: Path) -> None:
    release = shutil.copytree(release, tmp_path / "copy")
    path = release / "splits/train.txt"
    path.write_text(path.read_text() + "BV0_Clip_1\n")
    with pytest.raises(InputError, match=r"splits/train\.txt differs from its checksum"):
        push(release)
    path.unlink()
    with pytest.raises(InputError, match=r"splits/train\.txt is missing"):
        push(release)
    (release / "more.txt").write_text("x")
    with pytest.raises(InputError, match=r"more\.txt is not listed in croissant\.json"):
        push(release)
    (release / "meta/info.json").unlink()
    with pytest.raises(InputError, match="is not a release"):
        push(release)
    assert own(hub.repositories[REPO]) == {}


def test_earlier_releases_leave_the_history(hub: Any, release: Path) -> None:
    push(release)
    assert len(hub.repositories[REPO].commits) == 2
    push(release, drop_history=True)
    assert hub.repositories[REPO].commits == [hub.repositories[REPO].files]


def test_a_release_with_a_withdrawn_video_is_not_sent(hub: Any, release: Path, settings: Settings) -> None:
    Store(settings.store).write_json("tombstones/BV2.json", {"bvid": "BV2"})
    result = CliRunner().invoke(push_command, ["--store", settings.store, str(release), ADDRESS])
    assert isinstance(result.exception, InputError)
    assert "has 1 video withdrawn since (publish a new release)" in str(result.exception)
    assert hub.repositories == {}


# -- commands


def test_publish_and_push(hub: Any, ready: Store, settings: Settings) -> None:
    arguments = [
        "--store",
        settings.store,
        "--set",
        f"manifests={settings.manifests}",
        "--manifest",
        "weekly",
    ]
    arguments += ["--version", "v1", "--set", "release.figures=false", "--push", ADDRESS]
    result = CliRunner().invoke(publish_command, [*arguments, "--private"], catch_exceptions=False)
    assert result.output.splitlines()[-1].startswith(f"release v1 pushed to {ADDRESS}: ")
    assert own(hub.repositories[REPO]) == content(Path(settings.store, "releases/v1"))
    assert hub.repositories[REPO].private
    again = CliRunner().invoke(publish_command, arguments, catch_exceptions=False).output.splitlines()
    assert again[0].startswith("release v1 unchanged")
    assert again[-1].startswith(f"{ADDRESS} has release v1 already: ")


def test_a_missing_token_is_said_before_anything_is_published(
    hub: Any, ready: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    arguments = [
        "--store",
        settings.store,
        "--set",
        f"manifests={settings.manifests}",
        "--manifest",
        "weekly",
    ]
    result = CliRunner().invoke(publish_command, [*arguments, "--push", ADDRESS])
    assert isinstance(result.exception, InputError)
    assert ready.list("releases") == []
    alone = CliRunner().invoke(publish_command, [*arguments, "--private"])
    assert (alone.exit_code, "need --push" in alone.output) == (2, True)


def test_a_release_is_pushed_by_its_version_or_its_folder(hub: Any, release: Path) -> None:
    arguments = ["--store", str(release.parents[1])]
    first = CliRunner().invoke(push_command, [*arguments, release.name, ADDRESS], catch_exceptions=False)
    assert f"release {release.name} pushed to {ADDRESS}" in first.output
    second = CliRunner().invoke(push_command, [str(release), ADDRESS], catch_exceptions=False)
    assert f"has release {release.name} already" in second.output
    assert hub.token not in first.output + second.output


def test_the_library_reads_what_was_pushed(hub: Any, release: Path) -> None:
    """The names of the files are those of which the library makes its own list."""
    from huggingface_hub import HfApi

    push(release)
    listed = HfApi(endpoint=hub.url, token=hub.token).list_repo_tree(
        REPO, repo_type="dataset", recursive=True
    )
    names = {each.path for each in listed if hasattr(each, "size") and hasattr(each, "blob_id")}
    assert names == {*content(release), ".gitattributes"}
