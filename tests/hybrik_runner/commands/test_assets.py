"""`popdanceset assets` as it is typed."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from hybrik_runner.blazepose import assets as blazepose
from hybrik_runner.commands.assets import assets
from hybrik_runner.hybrik import smpl_file
from popdanceset.errors import PopDanceSetError

NAMES = [
    "pose_detection.tflite", "pose_landmark_full.tflite", "pose_landmark_heavy.tflite", "hybrik_hrnet.pth",
    "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl", "J_regressor_h36m.npy", "h36m_mean_beta.npy",
]  # fmt: skip


def run(*options: object) -> Result:
    return CliRunner().invoke(assets, [str(option) for option in options])


def message(result: Result) -> str:
    """The one line in which the command line shows what went wrong."""
    assert isinstance(result.exception, PopDanceSetError)
    assert result.exception.exit_code == 2
    line = str(result.exception)
    assert "\n" not in line
    return line


def files(result: Result) -> dict[str, dict[str, object]]:
    return {file["name"]: file for file in json.loads(result.stdout)["files"]}


def test_an_empty_folder(tmp_path: Path) -> None:
    result = run("--set", f"pose.model_dir={tmp_path}")
    assert [line.split()[1] for line in result.stdout.splitlines() if line.startswith("missing")] == NAMES
    for gate in ("Apache-2.0, no registration", "https://smpl.is.tue.mpg.de", "Jeff-sjtu/HybrIK"):
        assert gate in result.stdout
    assert "blazepose cannot run: pose_detection.tflite, pose_landmark_full.tflite are missing" in message(
        result
    )
    assert "--fetch" in message(result)


def test_what_the_default_needs_is_fetched(models: Path) -> None:
    result = run("--fetch", "--set", f"pose.model_dir={models}")
    assert result.exit_code == 0, result.output
    pins = [line for line in result.stdout.splitlines() if line.endswith(".tflite") and len(line) > 64]
    assert f"{blazepose.DETECTOR.sha256}  pose_detection.tflite" in pins


def test_a_file_that_is_another(tmp_path: Path) -> None:
    (tmp_path / blazepose.DETECTOR.name).write_bytes(b"something else")
    result = run("--set", f"pose.model_dir={tmp_path}")
    assert "damaged    pose_detection.tflite" in result.stdout
    assert "pose_detection.tflite" in message(result)


@pytest.fixture
def body(tmp_path: Path, models: Path) -> Path:
    """A model folder with BlazePose's files and a body of SMPL's shapes."""
    count = smpl_file.VERTICES
    parents = [2**32 - 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21]
    content = {
        "v_template": np.zeros((count, 3)),
        "shapedirs": np.zeros((count, 3, 10)),
        "posedirs": np.zeros((count, 3, 207)),
        "J_regressor": np.zeros((24, count)),
        "weights": np.zeros((count, 24)),
        "kintree_table": np.array([parents, range(24)], np.uint32),
        "f": np.zeros((13776, 3), np.uint32),
    }
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "SMPL_NEUTRAL.pkl").write_bytes(pickle.dumps(content))
    np.save(folder / "J_regressor_h36m.npy", np.zeros((17, count)))
    np.save(folder / "h36m_mean_beta.npy", np.zeros(10))
    for asset in blazepose.ASSETS:
        (folder / asset.name).symlink_to(models / asset.name)
    return folder


def test_the_body_is_checked_by_its_content(body: Path) -> None:
    found = files(run("--json", "--set", f"pose.model_dir={body}"))
    assert found["SMPL_NEUTRAL.pkl"]["state"] == "present"
    assert found["J_regressor_h36m.npy"]["note"] == "arrays of the right shapes"

    np.save(body / "h36m_mean_beta.npy", np.zeros(11))
    (body / "SMPL_NEUTRAL.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    result = run("--json", "--set", f"pose.model_dir={body}")
    found = files(result)
    assert found["h36m_mean_beta.npy"]["state"] == "damaged"
    assert "(11,)" in str(found["h36m_mean_beta.npy"]["note"])
    assert "names os.system" in str(found["SMPL_NEUTRAL.pkl"]["note"])
    assert "SMPL_NEUTRAL.pkl" in message(result)


def test_pins_are_verified(body: Path, tmp_path: Path) -> None:
    printed = run("--set", f"pose.model_dir={body}")
    assert printed.exit_code == 0, printed.output
    pins = tmp_path / "pins.txt"
    pins.write_text("# ours\n" + printed.stdout.partition("pose.pins.\n")[2])
    options = ("--set", f"pose.model_dir={body}", "--set", f"pose.pins={pins}")
    assert run(*options).exit_code == 0

    np.save(body / "h36m_mean_beta.npy", np.ones(10))
    assert "not the one that pose.pins expects" in message(run(*options))

    pins.write_text(f"{hashlib.sha256(b'x').hexdigest()} *models/other.bin\n")
    result = run(*options)
    assert result.exit_code == 0
    assert "unknown files: other.bin" in result.stderr


@pytest.mark.parametrize("content", ["abc  name\n", "0" * 64 + "\n"])
def test_lines_that_are_no_pins(tmp_path: Path, content: str) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text(content)
    assert "line 1 is not a hash and a name" in message(run("--set", f"pose.pins={pins}"))


def test_pins_that_are_not_there(tmp_path: Path) -> None:
    assert "pins cannot be read" in message(run("--set", f"pose.pins={tmp_path / 'none'}"))


def test_weights_are_checked_by_their_names_and_shapes(body: Path) -> None:
    torch = pytest.importorskip("torch")
    from hybrik_runner.hybrik.network import HybrIK

    with torch.device("meta"):
        wanted = HybrIK(backbone="resnet34").state_dict()
    entries = {key: torch.zeros(()).expand(value.shape) for key, value in wanted.items()}
    torch.save(entries, body / "hybrik_res34.pth")
    options = ("--json", "--set", f"pose.model_dir={body}", "--set", "pose.estimator=hybrik")
    result = run(*options)
    assert result.exit_code == 0, result.output
    assert files(result)["hybrik_res34.pth"]["note"] == "ResNet-34; body included"
    assert not files(result)["SMPL_NEUTRAL.pkl"]["needed"]

    torch.save({k: v for k, v in entries.items() if not k.startswith("smpl.")}, body / "hybrik_res34.pth")
    assert files(run(*options))["SMPL_NEUTRAL.pkl"]["needed"]

    (body / "hybrik_hrnet.pth").write_bytes(b"half of it")
    result = run(*options)
    assert files(result)["hybrik_hrnet.pth"]["state"] == "damaged"
    assert files(result)["hybrik_res34.pth"]["purpose"] == "HybrIK's weights, not used: there are others"
    assert "hybrik cannot run: hybrik_hrnet.pth is damaged" in message(result)


def test_without_torch_the_content_stays_unchecked(body: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (body / "hybrik_hrnet.pth").write_bytes(b"weights")
    for name in [name for name in sys.modules if name.split(".")[0] == "torch"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "hybrik_runner.hybrik.checkpoint", raising=False)
    import hybrik_runner.hybrik as package

    monkeypatch.delattr(package, "checkpoint", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    result = run("--json", "--set", f"pose.model_dir={body}")
    assert result.exit_code == 0, result.output
    weights = files(result)["hybrik_hrnet.pth"]
    assert weights["state"] == "unchecked"
    assert "torch is not installed" in str(weights["note"])
    assert weights["sha256"] == hashlib.sha256(b"weights").hexdigest()
    chosen = run("--json", "--set", f"pose.model_dir={body}", "--set", "pose.estimator=hybrik")
    assert "torch is not installed" in message(chosen)


def test_importing_the_command_is_light() -> None:
    script = (
        "import sys, hybrik_runner.commands.assets; print(sys.modules.keys() & {'numpy', 'torch', 'pyarrow'})"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "set()"
