"""The table of the released code's quirks and their effects."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from popdanceset.errors import InputError
from training.metrics.effects import effects, main, read_joints


@pytest.fixture
def run(monkeypatch, capsys):
    """`run(path, …)` → exit code, standard output, standard error."""

    def go(*arguments):
        monkeypatch.setattr(sys, "argv", ["effects", *map(str, arguments)])
        with pytest.raises(SystemExit) as exited:
            main()
        return exited.value.code, *capsys.readouterr()

    return go


def test_each_quirk_has_a_line(plain: ModuleType) -> None:
    motions = {
        "long": plain.dances(1, 200, seed=1)[0],
        "short": plain.dances(1, 130, seed=2)[0],
    }
    lines = list(effects(motions))
    assert {line.difference.partition(":")[0] for line in lines} >= {
        "kinetic features", "geometric features", "motion beats", "BAS", "PFC", "PBC", "standardisation",
    }  # fmt: skip
    step = next(line for line in lines if "1/60 s" in line.difference)
    assert float(step.released) == pytest.approx(4 * float(step.corrected), rel=1e-2)
    assert list(effects({"long": motions["long"]}))  # one motion alone is cut into both sets


def test_pose_tables_and_other_motions_are_read(tmp_path, plain: ModuleType, run) -> None:
    joints = plain.dances(1, 130, seed=3)[0]
    root = joints[:, 0]
    table = pa.table(
        {
            "joints3d": pa.FixedSizeListArray.from_arrays((joints - root[:, None]).ravel(), 72),
            "smpl_trans": pa.FixedSizeListArray.from_arrays(root.ravel(), 3),
        }
    )
    pq.write_table(table, tmp_path / "poses.parquet")
    np.testing.assert_allclose(read_joints(tmp_path / "poses.parquet"), joints, atol=1e-6)
    np.savez(tmp_path / "other.npz", full_pose=joints)
    code, out, _ = run(tmp_path / "poses.parquet", tmp_path / "other.npz")
    assert code == 0
    out = out.splitlines()
    assert out[0] == "| difference | number, released → corrected | poses | other | sets |"
    assert {line.count("|") for line in out} == {6}
    assert sum("1/60 s" in line for line in out) == 1


def test_bad_files_get_one_line(tmp_path, run) -> None:
    code, out, err = run(tmp_path / "none.parquet")
    assert (code, out) == (2, "")
    assert err.startswith(
        f"python -m training.metrics.effects: {tmp_path / 'none.parquet'}: is not a pose table"
    )
    np.savez(tmp_path / "fast.npz", full_pose=np.zeros((80, 24, 3)), fps=60)
    with pytest.raises(InputError, match="has 60 frames a second"):
        read_joints(tmp_path / "fast.npz")
    assert run()[0] == 2
    assert run("--help")[0] == 0
