"""`python -m training.evaluate` and `popdanceset evaluate`: folders and releases, tables, and bad input."""

from __future__ import annotations

import csv
import json
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from popdanceset.cli import main as popdanceset_main
from popdanceset.music.command import features as features_command
from training.evaluate import main


@pytest.fixture
def run(monkeypatch, capsys):
    """`run("--real", …)` → exit code, standard output, standard error."""

    def go(*arguments, bootstrap=20):
        words = ["evaluate", *map(str, arguments), "--bootstrap", str(bootstrap)]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as exited:
            main()
        out, err = capsys.readouterr()
        return exited.value.code, out, err

    return go


# -- the released numbers


def differences(expected, found, path=""):
    """(path, relative difference) of every number of a nested document that is expected."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            yield from differences(value, found[key], f"{path}/{key}")
    elif isinstance(expected, list):
        assert len(expected) == len(found), path
        for value, other in zip(expected, found, strict=True):
            yield from differences(value, other, path)
    elif isinstance(expected, str):
        assert found == expected.removeprefix("printed "), path
    else:
        yield path, abs(found - expected) / max(abs(expected), 1e-12)


ABOUT_THE_RUN = {
    "versions", "sqrtm_disp_kw", "patches_used", "FID_k_warnings", "FID_g_warnings",
    "seconds_per_300_frame_motion", "calculate_avg_distance_seconds",
}  # fmt: skip
"""Entries that say how the reference was run."""


def test_all_released_numbers_from_one_command(shared, run):
    golden = shared / "golden/metrics"
    code, out, _ = run(
        "--real", golden / "real", "--motions", golden / "generated", "--music", golden / "music_beats",
        "--mode", "released", "--json", bootstrap=0,
    )  # fmt: skip
    assert code == 0
    found = json.loads(out)
    expected = json.loads((golden / "expected.json").read_text())

    # The distance of a set from itself: the reference differs from 0 by rounding.
    assert abs(found["GT_FID_k"] - expected.pop("GT_FID_k")) < 1e-4
    assert abs(found["GT_FID_g"] - expected.pop("GT_FID_g")) < 1e-4
    compared = list(differences({k: v for k, v in expected.items() if k not in ABOUT_THE_RUN}, found))

    assert len(compared) > 1_400
    for path, difference in compared:
        exact = "per_file" in path or "motion_beat_frames" in path
        tolerance = 0 if exact else 1e-4 if "FID" in path else 1e-5
        assert difference <= tolerance, path
    assert found["protocol"]["mode"] == "released"


def test_own_motions_give_a_document_of_the_same_form(folders, run):
    rng = np.random.default_rng(0)
    np.save(folders / "mine_real.npy", rng.normal(size=(60, 4)))
    np.save(folders / "mine_gen.npy", rng.normal(1, 1, size=(50, 4)))
    np.save(folders / "alone_real.npy", rng.normal(size=(60, 4)))
    code, out, _ = run(
        "--real", folders / "real", "--motions", folders / "model", "--music", folders / "music",
        "--mode", "released", "--json",
        "--features-real", f"elsewhere={folders / 'mine_real.npy'}",
        "--features-generated", folders / "mine_gen.npy",
    )  # fmt: skip
    assert code == 0
    found = json.loads(out)

    assert list(found["real"]["per_motion"]) == [f"test_BV{n}_Clip_1.pkl" for n in range(4)]
    motion = found["generated"]["per_motion"]["test_BV0_Clip_1.pkl"]
    assert (len(motion["kinetic"]), len(motion["manual"])) == (72, 32)
    beats = found["generated"]["beat_align_300"]
    assert list(beats["per_file"]) == [f"BV{n}" for n in range(4)]
    total = sum(beats["per_file"].values())
    assert beats["printed_value_unrounded_sum_over_24"] == pytest.approx(total / 24, rel=1e-6)
    assert found["mine"] == found["elsewhere"]
    assert "alone" not in found
    # Four shifted channels, unit spread: the squared shift in units of the real spread.
    assert found["mine"]["FID"] == pytest.approx(4, abs=1.5)


# -- the table


def test_ground_truth_and_models_in_every_format(folders, run):
    shutil.copytree(folders / "model", folders / "other")
    tables = [folders / f"out/table.{ending}" for ending in ("md", "csv", "json", "tex")]
    code, out, _ = run(
        "--real", folders / "real", "--motions", f"POPDG={folders / 'model'}", "--motions", folders / "other",
        "--music", folders / "music", "--against", "paper", "--against", "tokendance",
        "--figures", folders / "figures",
        *[word for path in tables for word in ("--table", path)],
    )  # fmt: skip

    assert (code, out) == (0, "")
    names = ["ground truth", "POPDG", "other"]
    with tables[1].open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows if row["kind"] != "paper"] == names
    assert rows[1]["PFC"] == rows[2]["PFC"]
    assert float(rows[0]["FID_k"]) == 0
    assert list(json.loads(tables[2].read_text())["table"])[:3] == names
    assert json.loads((folders / "out/table.protocol.json").read_text())["mode"] == "corrected"
    for path in (tables[0], tables[3]):
        assert "POPDG (paper, PopDanceSet)" in path.read_text()
        assert "TokenDance (TokenDance, PopDanceSet)" in path.read_text()
    assert (folders / "figures/bars.png").stat().st_size > 20_000
    assert (folders / "figures/radar.png").stat().st_size > 20_000


def test_an_unknown_source_is_named(folders, run):
    code, out, err = run("--real", folders / "real", "--against", "DanceGPT")
    assert (code, out) == (2, "")
    assert "no source is called 'dancegpt' (choose from all, peers, paper, BeatDance" in err


def test_copies_of_training_clips_are_named(folders, run, dance, tmp_path, caplog):
    """Four of five dances are new; one is a training clip that starts later, elsewhere."""
    (tmp_path / "train").mkdir()

    def write(name, made, first=0, stop=150, to=(0.0, 0.0, 0.0)):
        joints = made.joints[first:stop] + np.float32(to)
        content = {"smpl_poses": made.poses[first:stop], "smpl_trans": joints[:, 0], "full_pose": joints}
        (tmp_path / name).write_bytes(pickle.dumps(content))

    for number in range(12):
        write(f"train/BV5{number}_Clip_1.pkl", dance(150, 50 + number))
    write("model/copied.pkl", dance(150, 53), 20, 110, (1.0, 2.0, 0.0))
    arguments = ("--real", folders / "real", "--motions", folders / "model", "--training", tmp_path / "train")
    code, out, _ = run(*arguments)
    assert code == 0
    assert "model: copy of a training clip, copied: 0.0" in out
    assert "from BV53_Clip_1 at " in out
    assert "ground truth: nearest to a training clip, " in out
    assert "copied is a copy of the training clip BV53_Clip_1" in caplog.text

    document = json.loads(run(*arguments, "--json")[1])
    assert document["training"]["copies"] == {"ground truth": [], "model": ["copied"]}
    assert document["table"]["model"]["copies"]["value"] == pytest.approx(1 / 5)
    assert document["training"]["nearest"]["model"][0]["distance"] > 0


@pytest.mark.usefixtures("beats_in_releases")
def test_training_clips_come_from_a_split(make_release, synthetic, run):
    row = synthetic.clip_row
    release = make_release([row(f"BV{n}_Clip_1", 150, f"m{n}") for n in range(6)])
    code, out, _ = run("--release", release, "--training", "train", "--bootstrap", "0")
    assert code == 0
    assert "training clips with unrelated others are too few to say what a copy is" in out
    assert "ground truth: nearest to a training clip, BV" in out
    code, out, err = run("--release", release, "--training", "trian")
    assert (code, out) == (2, "")
    assert "trian is neither a split nor a folder (choose from train, test)" in err


def test_a_protocol_is_explained_on_the_given_dances(folders, run):
    code, _, _ = run(
        "--real", folders / "real", "--motions", folders / "model", "--music", folders / "music",
        "--bootstrap", "0", "--explain-protocol", folders / "why",
    )  # fmt: skip
    assert code == 0
    text = (folders / "why/protocol.md").read_text()
    assert "4 dances of model against 4 real ones" in text
    assert "| vertical axis | features take y for up | released POPDG code |" in text
    assert "27.13 (TokenDance, PopDanceSet) and 76.23 (Skeleton2Stage, PopDanceSet)" in text
    assert "What a protocol does" in (folders / "why/protocol.html").read_text()


def test_a_home_folder_behind_a_name(folders, run, monkeypatch):
    """Shells replace ~ at the beginning of a word only."""
    monkeypatch.setenv("HOME", str(folders))
    code, out, _ = run("--real", folders / "real", "--motions", "POPDG=~/model", "--music", "~/music")
    assert code == 0
    assert "POPDG: 4 motions" in out


def test_a_seed_makes_a_table_repeatable(folders, run):
    arguments = ("--real", folders / "real", "--motions", folders / "model", "--music", folders / "music")
    first, second, other = (run(*arguments, "--seed", seed)[1] for seed in (3, 3, 4))
    assert first == second != other


@pytest.mark.usefixtures("beats_in_releases")
def test_a_release_is_the_ground_truth(make_release, synthetic, tmp_path, run, dance):
    """Motions are paired with music by the names of clips, and dances to the same piece are compared."""
    row = synthetic.clip_row
    release = make_release(
        [row(f"BV{n}_Clip_1", 150, f"m{n}") for n in range(4)] + [row("BV9_Clip_1", 60, "m9", music_path="")]
    )
    splits = {part: (release / f"splits/{part}.txt").read_text().split() for part in ("train", "test")}
    (tmp_path / "made").mkdir()
    for clip in splits["train"]:
        for seed in range(2):
            made = dance(150, seed)
            np.savez(
                tmp_path / f"made/{clip}_seed{seed}.npz",
                smpl_poses=made.poses,
                smpl_trans=made.translation,
                seconds_to_generate=2.5 * (seed + 1),
            )

    code, out, _ = run("--release", release, "--split", "train", "--motions", tmp_path / "made", "--json")

    assert code == 0
    found = json.loads(out)
    table = found["table"]
    assert found["protocol"]["rows"]["ground truth"]["motions"] == len(splits["train"])
    assert table["made"]["multimodality_k"]["value"] > 0
    assert table["made"]["latency"]["value"] == pytest.approx(0.75)  # 2.5 s and 5 s for 5 s of dance
    assert "latency" not in table["ground truth"]
    assert next(iter(found["generated"]["per_motion"])) == f"{splits['train'][0]}_seed0.npz"


def test_other_rates_and_axes_are_stated_with_the_folder(folders, run, dance):
    (folders / "bailando").mkdir()
    for number in range(4):
        joints = dance(180, 10 + number, fps=60).joints
        y_up = np.stack([joints[..., 0], joints[..., 2], -joints[..., 1]], -1)
        np.save(
            folders / f"bailando/BV{number}_Clip_1.pkl.npy", {"pred_position": y_up.reshape(180, 72) * 100}
        )
    code, out, _ = run(
        "--real", folders / "real", "--motions", folders / "model", "--music", folders / "music",
        "--motions", f"bailando={folders / 'bailando'},fps=60,up=y,unit=cm", "--json",
    )  # fmt: skip

    assert code == 0
    found = json.loads(out)
    assert not any(found["validity"].values())
    assert found["protocol"]["rows"]["bailando"]["resampled_from"] == "60 fps"
    assert len(found["models"]["bailando"]["per_motion"]) == 4
    assert found["models"]["bailando"]["GT_Dist_k"] == found["models"]["model"]["GT_Dist_k"]
    for key in ("PFC", "BAS", "Div_k", "jitter"):  # the same dances
        ours, theirs = (found["table"][name][key]["value"] for name in ("model", "bailando"))
        assert theirs == pytest.approx(ours, rel=2e-3)


def test_dances_are_cut_to_a_common_length(folders, run):
    code, out, _ = run("--real", folders / "real", "--seconds", "2", "--columns", "PFC,jitter")
    assert code == 0
    assert "| | PFC (10⁻⁴ m²) ↓ | Jitter (m/s³) → |" in out
    assert "4 motions of 60 frames" in out


def test_sets_of_other_lengths_give_a_warning(folders, run, caplog):
    for path in (folders / "model").iterdir():
        rewrite(path, lambda joints: joints[:60])
    arguments = ("--real", folders / "real", "--motions", folders / "model")
    run(*arguments)
    assert "model: dances last 2.0 s, the ground truth's 3.0 s; --seconds 2 makes" in caplog.text
    caplog.clear()
    run(*arguments, "--seconds", 2)
    assert "dances last" not in caplog.text


def test_it_is_a_module(folders):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "training.evaluate",
            "--real",
            folders / "real",
            "--motions",
            folders / "none",
        ],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"python -m training.evaluate: {folders / 'none'}: not readable")


def test_popdanceset_evaluate_is_the_same_program(folders, run, capsys, monkeypatch):
    arguments = ["--real", str(folders / "real"), "--motions", str(folders / "model")]
    _, expected, _ = run(*arguments)
    monkeypatch.setattr(sys, "argv", ["popdanceset", "evaluate", *arguments, "--bootstrap", "20"])
    with pytest.raises(SystemExit) as exited:
        popdanceset_main()
    assert exited.value.code == 0
    assert capsys.readouterr().out == expected

    monkeypatch.setattr(sys, "argv", ["popdanceset", "evaluate"])
    with pytest.raises(SystemExit) as exited:
        popdanceset_main()
    assert exited.value.code == 2
    assert capsys.readouterr().err.startswith("popdanceset: the ground truth is missing")


# -- mistakes and bad input


def rewrite(path, change):
    with path.open("rb") as file:
        content = pickle.load(file)  # noqa: S301 -- written by the fixture
    path.write_bytes(pickle.dumps({"full_pose": change(content["full_pose"])}))


def test_mistakes_are_warnings_or_errors(folders, run):
    for path in (folders / "model").iterdir():
        rewrite(path, lambda joints: joints * 100)
    arguments = ("--real", folders / "real", "--motions", folders / "model")

    code, out, err = run(*arguments, "--json")
    assert code == 0
    assert [f["mistake"] for f in json.loads(out)["validity"]["model"]] == ["unit"] * 4

    code, out, err = run(*arguments, "--strict")
    assert (code, out) == (2, "")
    assert "model: test_BV0_Clip_1: the body is 100 times as large" in err
    assert "looks like centimetres: divide by 100); and 3 more" in err


def test_warnings_name_three_motions_and_count_the_rest(folders, run, caplog):
    for path in (folders / "model").iterdir():
        rewrite(path, lambda joints: joints * 100)
    run("--real", folders / "real", "--motions", folders / "model")
    warnings = [r.getMessage() for r in caplog.records if r.name == "training.evaluation.scoring"]
    assert len(warnings) == 4
    assert warnings[0].startswith("model: test_BV0_Clip_1: the body is 100 times")
    assert warnings[3] == "model: unit in 1 more motions"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda joints: np.where(np.arange(90)[:, None, None] == 5, np.nan, joints),
            "it holds NaN or infinity",
        ),
        (lambda joints: joints[:2], "it has 2 frames, 4 are needed"),
    ],
    ids=["NaN", "2 frames"],
)
def test_what_cannot_be_measured_is_left_out_with_its_reason(folders, run, change, reason):
    rewrite(folders / "model/test_BV1_Clip_1.pkl", change)
    arguments = ("--real", folders / "real", "--motions", folders / "model", "--music", folders / "music")

    code, out, _ = run(*arguments)
    assert code == 0
    assert f"model: test_BV1_Clip_1 was left out, {reason}" in out
    assert "model: 3 motions" in out
    assert run(*arguments, "--strict")[0] == 2

    for path in (folders / "model").iterdir():
        if path.name != "test_BV1_Clip_1.pkl":
            path.unlink()
    code, _, err = run(*arguments)
    assert code == 2
    assert f"none of 1 motions can be measured; test_BV1_Clip_1: {reason}" in err


def test_one_clip_is_scored_and_flagged(folders, run):
    for path in sorted((folders / "model").iterdir())[1:]:
        path.unlink()
    code, out, _ = run("--real", folders / "real", "--motions", folders / "model", "--json")
    assert code == 0
    row = json.loads(out)["table"]["model"]
    assert row["PFC"]["value"] > 0
    assert "one clip" in row["PFC"]["flag"]
    assert "one motion" in row["FID_k"]["flag"]


def test_no_music_leaves_beats_out(folders, run):
    code, out, _ = run("--real", folders / "real", "--motions", folders / "model", "--json")
    assert code == 0
    assert json.loads(out)["table"]["model"]["BAS"] == {
        "value": None, "low": None, "high": None, "flag": "no music: 4 of 4 clips left out",
    }  # fmt: skip
    _, out, _ = run("--real", folders / "real", "--mode", "released", "--json")
    assert json.loads(out)["real"]["beat_align_300"]["mean_over_files"] is None


def test_music_without_beats_is_flagged(folders, run):
    np.save(folders / "music/BV2_Clip_1.npy", np.zeros((90, 35), np.float32))
    _, out, _ = run("--real", folders / "real", "--music", folders / "music", "--json")
    found = json.loads(out)
    assert "no music beats: 1 of 4 clips left out" in found["table"]["ground truth"]["BAS"]["flag"]
    assert found["real"]["per_motion"]["test_BV2_Clip_1.pkl"]["BAS"] is None


@pytest.mark.parametrize("mode", ["corrected", "released"])
def test_dances_to_unknown_songs_are_left_out_of_the_beats(folders, run, caplog, mode):
    """As dances to any song are, when they are compared with a release that does not contain the song."""
    arguments = ["--real", folders / "real", "--motions", folders / "model", "--music", folders / "music"]
    for number in (2, 3):
        (folders / f"model/test_BV{number}_Clip_1.pkl").rename(folders / f"model/song {number}-0.pkl")
    code, out, _ = run(*arguments, "--mode", mode, "--json")
    assert code == 0
    assert (
        "model: no music fits 2 of 4 dances, which get no beat metrics: song 2-0, song 3-0 (name their songs "
        "with --music, or put the name of the music into that of the motion)"
    ) in caplog.text
    found = json.loads(out)
    row = found["table"]["model"]
    assert found["protocol"]["rows"]["model"]["without_music"] == ["song 2-0", "song 3-0"]
    assert found["protocol"]["rows"]["ground truth"]["without_music"] == []
    assert "no music: 2 of 4 clips left out" in row["BAS"]["flag"]
    assert "music not named: 2 of 4 clips left out" in row["music_diversity_k"]["flag"]
    assert row["music_diversity_k"]["value"] > 0
    each = found["generated"]["per_motion"]
    assert each["song 2-0.pkl"]["BAS"] is None
    assert row["PFC"]["value"] == pytest.approx(np.mean([motion["PFC"] for motion in each.values()]))
    if mode == "corrected":
        known = [each[f"test_BV{n}_Clip_1.pkl"]["BAS"] for n in (0, 1)]
        assert row["BAS"]["value"] == pytest.approx(np.mean(known))
    else:
        beats = found["generated"]["beat_align_300"]
        known = [score for score in beats["per_file"].values() if score is not None]
        assert len(known) == 2
        assert beats["mean_over_files"] == pytest.approx(np.mean(known))

    for number in (0, 1):
        (folders / f"model/test_BV{number}_Clip_1.pkl").rename(folders / f"model/song {number}-0.pkl")
    code, out, _ = run(*arguments, "--mode", mode)
    assert code == 0
    assert "no music: 4 of 4 clips left out" in out
    assert (
        "model: the music of 4 of 4 motions is unknown, so they have no beat metrics: song 0-0, song" in out
    )


@pytest.fixture
def clicks(tmp_path):
    """`clicks(name)` → a song of 3 s with a click each half second."""

    def make(name):
        rate = 22_050
        time = np.arange(3 * rate) / rate
        samples = (time % 0.5 < 0.02) * np.sin(2 * np.pi * 900 * time)
        soundfile.write(tmp_path / name, samples.astype(np.float32), rate)
        return tmp_path / name

    return make


def test_the_beats_of_songs_are_found(folders, clicks, run, caplog):
    """Songs and their features give the same numbers, alone and in a folder; further music is kept."""
    (folders / "model/test_BV3_Clip_1.pkl").rename(folders / "model/my song-0.pkl")
    clicks("my song.flac")
    features = CliRunner().invoke(
        features_command, [str(folders / "my song.flac"), "--out", str(folders / "features/my song.npz")]
    )
    assert features.exit_code == 0, features.output
    (folders / "songs").mkdir()
    shutil.copy(folders / "my song.flac", folders / "songs/my song.FLAC")
    (folders / "songs/cover.jpg").write_bytes(b"")
    numbers = []
    for music in ("my song.flac", "features/my song.npz", "features", "songs"):
        code, out, _ = run(
            "--real", folders / "real", "--motions", folders / "model", "--music", folders / "music",
            "--music", folders / music, "--json",
        )  # fmt: skip
        assert code == 0
        numbers.append(json.loads(out)["generated"]["per_motion"]["my song-0.pkl"]["BAS"])
    assert numbers[0] is not None
    assert numbers == [numbers[0]] * 4
    assert "no music fits" not in caplog.text


@pytest.mark.usefixtures("beats_in_releases")
def test_songs_come_beside_the_music_of_a_release(make_release, synthetic, clicks, tmp_path, run, dance):
    release = make_release([synthetic.clip_row(f"BV{n}_Clip_1", 90, f"m{n}") for n in range(4)])
    clip = (release / "splits/test.txt").read_text().split()[0]
    (tmp_path / "made").mkdir()
    for name in (f"{clip}-0", "song-0"):
        made = dance(90, 1)
        np.savez(tmp_path / f"made/{name}.npz", smpl_poses=made.poses, smpl_trans=made.translation, fps=30)
    arguments = ["--release", release, "--motions", tmp_path / "made", "--json"]
    for more, known in (([], False), (["--music", clicks("song.wav")], True)):
        code, out, _ = run(*arguments, *more)
        assert code == 0
        found = json.loads(out)
        scores = {name: motion["BAS"] for name, motion in found["generated"]["per_motion"].items()}
        assert scores[f"{clip}-0.npz"] is not None
        assert (scores["song-0.npz"] is not None) == known
        assert all(motion["BAS"] is not None for motion in found["real"]["per_motion"].values())


class Hostile:
    def __reduce__(self):
        return eval, ("1 + 1",)


def wrong(*words, message, spoil=lambda folders: None):
    return words, spoil, message


def write(name, content):
    return lambda folders: (folders / name).write_bytes(content)


REAL = ("--real", "{}/real")
WRONG = {
    "no ground truth": wrong("--motions", "{}/model", message="ground truth is missing"),
    "two ground truths": wrong(*REAL, "--release", "{}/real", message="given twice"),
    "no release": wrong("--release", "{}/real", message="is not a release"),
    "no folder": wrong(*REAL, "--motions", "{}/none", message="not readable"),
    "empty folder": wrong(
        *REAL, "--motions", "{}/empty", message="contains no motion", spoil=lambda f: (f / "empty").mkdir()
    ),
    "broken pickle": wrong(
        *REAL, "--motions", "{}/model", message="not a pickle of arrays",
        spoil=write("model/a.pkl", b"\x80\x04"),
    ),
    "hostile pickle": wrong(
        *REAL, "--motions", "{}/model", message="builtins.eval",
        spoil=write("model/a.pkl", pickle.dumps(Hostile())),
    ),
    "no music folder": wrong(*REAL, "--music", "{}/none", message="no such file"),
    "other music": wrong(
        *REAL, "--music", "{}/music", "--strict", message="no music fits 1 of 5 dances",
        spoil=lambda f: shutil.copy(f / "real/test_BV0_Clip_1.pkl", f / "real/odd.pkl"),
    ),
    "no song": wrong(*REAL, "--music", "{}/song.mp3", message="no such file"),
    "a song that is none": wrong(
        *REAL, "--music", "{}/song.mp3", message="is not a readable video or audio file",
        spoil=write("song.mp3", b"la la la"),
    ),
    "a dance as music": wrong(
        *REAL, "--music", "{}/d.npz", message="not music features",
        spoil=lambda f: np.savez(f / "d.npz", smpl_poses=np.zeros((9, 24, 3)), smpl_trans=np.zeros((9, 3))),
    ),
    "same names": wrong(*REAL, "--motions", "{}/model", "--motions", "{}/model", message="two rows"),
    "unknown table": wrong(*REAL, "--table", "{}/t.xls", message="unknown kind of table"),
    "unknown column": wrong(*REAL, "--columns", "FVD", message="no column is called"),
    "unknown key": wrong(*REAL, "--motions", "{}/model,speed=2", message="unknown key 'speed'"),
    "no rate": wrong(*REAL, "--motions", "{}/model,fps=fast", message="not a frame rate"),
    "unpaired features": wrong(*REAL, "--features-real", "{}/x.npy", message="--features-generated 0"),
    "no features": wrong(
        *REAL, "--json", "--features-real", "{}/x.npy", "--features-generated", "{}/x.npy",
        message="not readable",
    ),
    "table is a folder": wrong(
        *REAL, "--table", "{}/t.md", message="not writable", spoil=lambda f: (f / "t.md").mkdir()
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_bad_input_is_one_line_and_exit_code_2(folders, run, name):
    words, spoil, message = WRONG[name]
    spoil(folders)
    code, out, err = run(*(word.format(folders) for word in words))
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert err.startswith("python -m training.evaluate: ")


def test_features_of_other_widths_do_not_compare(folders, run):
    for name, width in (("a_real", 4), ("a_gen", 5)):
        np.save(folders / f"{name}.npy", np.ones((9, width)))
    code, _, err = run("--real", folders / "real", "--motions", folders / "model", "--json")
    assert code == 2
    assert "5 channels where a_real.npy has 4" in err


def test_click_handles_usage_errors_and_help(run):
    assert run("--mode", "guessed")[0] == 2
    assert run("--help")[0] == 0
