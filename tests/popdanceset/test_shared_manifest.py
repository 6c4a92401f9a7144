"""Manifests in the store: a stage of another machine finds them and sends back what it changed."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from popdanceset import layout
from popdanceset.errors import ManifestError
from popdanceset.manifest import Manifest, ManifestVideo, find_manifest, read_manifest, write_manifest
from popdanceset.settings import Settings
from popdanceset.shared_manifest import at_hand, copy_manifest
from popdanceset.store import Store
from popdanceset.withdrawal.tombstones import WithdrawalReason
from popdanceset.withdrawal.withdraw import withdraw

ONE, TWO = ManifestVideo("BV1xx411c7mD", 0.9), ManifestVideo("BV1yy411c7mD", 0.95)


@pytest.fixture(params=["local", "remote"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(tmp_path / "shared" if request.param == "local" else f"memory://{secrets.token_hex(4)}")


def put(store: Store, *videos: ManifestVideo) -> None:
    with at_hand("store:weekly", store) as folder:
        write_manifest(Path(folder), Manifest("weekly", videos))


def test_what_one_machine_writes_another_reads(shared: Store, settings: Settings) -> None:
    put(shared, ONE, TWO)
    with at_hand("store:weekly", Store(shared.address)) as name:
        folder = find_manifest(name, settings)
        assert folder.name == "weekly"  # it names the selection, and the manifest in a release
        assert [video.bvid for video in read_manifest(folder).videos] == [ONE.bvid, TWO.bvid]


def test_only_changed_files_are_sent_back(shared: Store) -> None:
    put(shared, ONE)
    names = {name: shared.modified(name) for name in shared.list(layout.MANIFESTS)}
    with at_hand("store:weekly", shared) as folder:
        Path(folder, layout.MANIFEST_CLIPS).write_text("clip_id\n")
    new = f"{layout.manifest('weekly')}/{layout.MANIFEST_CLIPS}"
    assert {name: shared.modified(name) for name in shared.list(layout.MANIFESTS) if name != new} == names
    assert shared.read_bytes(new) == b"clip_id\n"


def test_a_manifest_of_this_machine_stays_where_it_is(shared: Store) -> None:
    for name in "weekly", "some/folder":
        with at_hand(name, shared) as given:
            assert given == name
    assert shared.list(layout.MANIFESTS) == []


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "../x", "a\0b"])
def test_a_name_that_is_a_path_is_refused(shared: Store, name: str) -> None:
    with pytest.raises(ManifestError, match="name of a manifest"), at_hand(f"store:{name}", shared):
        pass


def test_a_manifest_is_copied_for_review_and_back(shared: Store, settings: Settings) -> None:
    put(shared, ONE, TWO)
    names = copy_manifest("store:weekly", "reviewed", settings, shared)
    folder = find_manifest("reviewed", settings)
    assert names == sorted(path.name for path in folder.iterdir()) == ["manifest.yaml", "videos.csv"]
    write_manifest(folder, Manifest("weekly", (TWO,)))  # somebody has removed a line
    copy_manifest("reviewed", "store:weekly", settings, shared)
    with at_hand("store:weekly", shared) as name:
        assert [video.bvid for video in read_manifest(Path(name)).videos] == [TWO.bvid]
    with pytest.raises(ManifestError, match="no such manifest"):
        copy_manifest("store:monthly", "x", settings, shared)


def test_withdrawn_videos_leave_it(shared: Store, settings: Settings) -> None:
    put(shared, ONE, TWO)
    withdraw(settings, shared, [ONE.bvid], WithdrawalReason.UPLOADER)
    with at_hand("store:weekly", shared) as folder:
        assert [video.bvid for video in read_manifest(Path(folder)).videos] == [TWO.bvid]


def test_the_address_of_a_file_opens_it(shared: Store) -> None:
    put(shared, ONE)
    inner = Store(shared.address_of(layout.manifest("weekly")))
    assert inner.exists(layout.MANIFEST_VIDEOS)
    remote = Store("s3://bucket/prefix?endpoint_override=127.0.0.1:1&scheme=http&region=us-east-1")
    assert remote.address_of("releases/1") == (
        "s3://bucket/prefix/releases/1?endpoint_override=127.0.0.1:1&scheme=http&region=us-east-1"
    )
