"""The simulator's videos have the outcomes of their index, by the real measures and detector."""

from pathlib import Path

import pytest

from popdanceset.errors import AssetError
from popdanceset.settings import Settings
from popdanceset.simulator.casting import MEDIA_FOLDER, read_media
from popdanceset.video.planning import plan
from popdanceset.video.screening.detector import PersonDetector, load_detector
from popdanceset.video.screening.screen import screen


@pytest.fixture(scope="module")
def detector() -> PersonDetector:
    try:
        return load_detector(Settings())
    except AssetError as error:
        pytest.skip(f"no person detector here: {error}")


@pytest.mark.parametrize("name", sorted(read_media()) if (MEDIA_FOLDER / "index.json").is_file() else [])
def test_outcome(name: str, detector: PersonDetector) -> None:
    medium = read_media()[name]
    settings = Settings()
    spans = plan(screen(medium.path, settings.screening, detector), settings)
    accepted = [span for span in spans if span.accepted]
    if medium.outcome == "accepted":
        assert accepted
        assert {span.reason for span in spans} <= {"", "camera_cuts"}
    else:
        assert [span.reason for span in spans] == [medium.outcome]


@pytest.mark.slow
def test_a_real_person(shared: Path, detector: PersonDetector) -> None:
    settings = Settings()
    screening = screen(shared / "media" / "taiji.mp4", settings.screening, detector)
    assert screening.cuts == ()
    (span,) = plan(screening, settings)
    assert span.accepted
    assert (span.measures["dancers"], span.measures["visibility"]) == (1.0, 1.0)
    assert span.measures["shake"] is not None
    assert span.measures["shake"] < settings.screening.max_shake / 4
