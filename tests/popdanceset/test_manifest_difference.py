from popdanceset.manifest import Manifest, ManifestVideo
from popdanceset.manifest_difference import difference

ONE, TWO, THREE = (ManifestVideo(f"BV000000000{n}", 0.9, title=f"dance {n}") for n in (1, 2, 3))
CHANGED = ManifestVideo(TWO.bvid, 0.95)
CLOSE = ManifestVideo(THREE.bvid, 0.9 + 1e-9)


def test_added_removed_and_rescored() -> None:
    found = difference(
        Manifest("a", (ONE, TWO, THREE)), Manifest("b", (CHANGED, CLOSE, ManifestVideo("BV0000000004", 1.0)))
    )
    assert [video.bvid for video in found.added] == ["BV0000000004"]
    assert found.removed == (ONE,)
    assert found.rescored == ((TWO, CHANGED),)
    assert found.unchanged == 1


def test_a_manifest_beside_itself() -> None:
    same = Manifest("a", (ONE, TWO))
    found = difference(same, same)
    assert (found.added, found.removed, found.rescored, found.unchanged) == ((), (), (), 2)


def test_its_document() -> None:
    provenance = {"model": {"name": "x"}, "thresholds": {"min_pop": 0.85}, "snapshot": None}
    document = difference(Manifest("a", (ONE, TWO), provenance), Manifest("b", (CHANGED,))).as_document()
    assert document == {
        "a": {"name": "a", "videos": 2, "model": "x", "thresholds": {"min_pop": 0.85}, "snapshot": None},
        "b": {"name": "b", "videos": 1, "model": None, "thresholds": None, "snapshot": None},
        "added": [],
        "removed": [{"bvid": ONE.bvid, "title": "dance 1", "pop": 0.9}],
        "rescored": [{"bvid": TWO.bvid, "title": None, "pop_a": 0.9, "pop_b": 0.95}],
        "unchanged": 0,
    }
