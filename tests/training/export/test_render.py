"""A rendered dance: positions, occlusion, and the audio of the video."""

import av
import numpy as np
import pytest

from popdanceset import media
from popdanceset.errors import InputError
from popdanceset.film import Sound, write_film
from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS
from training.export.render import render, write_video


def standing(frames=1):
    rest = SMPL_OFFSETS.copy()
    for joint, parent in enumerate(SMPL_PARENTS):
        if parent >= 0:
            rest[joint] += rest[parent]
    joints = rest[:, [0, 2, 1]] * [1, -1, 1]  # y up, facing z → z up, facing -y
    return np.tile(joints - [0, 0, joints[:, 2].min() - 0.04], (frames, 1, 1))


def orange(picture):
    return (picture[..., 0] > 100) & (picture[..., 0] > picture[..., 2] + 60)


def blue(picture):
    return (picture[..., 2] > 100) & (picture[..., 2] > picture[..., 0] + 60)


def test_the_dancer_stands_upright_in_the_middle_and_faces_us():
    (picture,) = render(standing(), 30, (240, 320))
    assert picture.shape == (320, 240, 3)
    assert picture.dtype == np.uint8
    rows, columns = np.nonzero(orange(picture) | blue(picture))
    assert rows.min() > 40
    assert rows.max() < 300
    assert rows.max() - rows.min() > 100
    assert abs(columns.mean() - 120) < 6
    # Who faces us has the left hand at our right.
    assert np.nonzero(orange(picture))[1].mean() > 120 > np.nonzero(blue(picture))[1].mean()


def test_the_nearer_limb_hides_the_other():
    joints = standing()
    turned = joints[..., [1, 0, 2]] * [1, -1, 1]  # a quarter turn: the left side comes to the front
    (picture,) = render(turned, 30, (240, 320))
    hidden, shown = sorted([orange(picture).sum(), blue(picture).sum()])
    assert shown > 4 * hidden


def test_the_camera_follows():
    joints = standing(60)
    joints[..., 0] += np.linspace(0, 4, 60)[:, None]
    pictures = list(render(joints, 30, (120, 160)))
    for picture in pictures[5:-5:10]:
        assert abs(np.nonzero(orange(picture) | blue(picture))[1].mean() - 60) < 25


def test_a_dancer_out_of_sight_or_at_the_camera_is_no_error():
    joints = standing(3)
    joints[1] += [0, -500, 900]
    assert len(list(render(joints, 30, (64, 64)))) == 3


def test_a_video_with_audio(tmp_path):
    rate = 44_100
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(3 * rate) / rate)).astype(np.float32)
    write_video(standing(30), tmp_path / "d.mp4", 30, Sound(np.stack([tone, tone], 1), rate), size=(96, 128))
    shown = media.probe(tmp_path / "d.mp4")
    assert (shown.frames, shown.width, shown.height, shown.fps, shown.sample_rate) == (30, 96, 128, 30, rate)
    with av.open(str(tmp_path / "d.mp4")) as container:
        heard = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)
    assert heard.shape[1] / rate == pytest.approx(1, abs=0.06)  # cut where the frames end
    spectrum = np.abs(np.fft.rfft(heard[0, :rate]))
    assert np.fft.rfftfreq(rate, 1 / rate)[spectrum.argmax()] == pytest.approx(440, abs=2)


def test_motions_that_cannot_be_rendered(tmp_path):
    with pytest.raises(InputError, match="are not a dance"):
        next(render(np.zeros((5, 22, 3)), 30, (64, 64)))
    with pytest.raises(InputError, match="NaN"):
        next(render(np.full((5, 24, 3), np.nan), 30, (64, 64)))
    with pytest.raises(InputError, match="at least one"):
        write_film(tmp_path / "d.mp4", [], 30)
    with pytest.raises(InputError, match="not writable"):
        write_video(standing(2), tmp_path / "nowhere" / "d.mp4", 30, size=(64, 64))
    assert not list(tmp_path.iterdir())
