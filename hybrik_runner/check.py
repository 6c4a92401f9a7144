"""Compares the network with recorded outputs of the official one.

Usage: `python -m hybrik_runner.check GOLDEN.pt --smpl FOLDER`.

Golden files contain images, a salt for the weights (hybrik_runner/hybrik/recipe.py), and the outputs of up to
three runs: without boxes, with boxes, with boxes and flip test. The exit code is 1 if an output differs by
too much.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from popdanceset.errors import AssetError, PopDanceSetError

if TYPE_CHECKING:
    from torch import Tensor

    from hybrik_runner.hybrik.network import HybrIK, Result

CLOSE = 1e-3
"""Metres, fractions of the image, and the units of the other heads."""

TWISTED = 2e-3
"""For rotations: they depend on twists, and short bones magnify the rounding of everything above them."""

RUNS = ("plain", "bbox", "bbox_flip")


@dataclass(frozen=True)
class Difference:
    """The largest difference of one output of one run."""

    run: str
    output: str
    largest: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """False for NaN as well."""
        return self.largest <= self.tolerance


def named(result: Result) -> dict[str, tuple[Tensor, float]]:
    """Returns the outputs under their official names, flattened per image, with their tolerances."""
    from hybrik_runner.hybrik.heads import DEPTH_RANGE

    joints_29 = result.joints_29 / DEPTH_RANGE
    outputs = {
        "pred_phi": (result.phi, CLOSE),
        "pred_delta_shape": (result.delta_shape, CLOSE),
        "pred_shape": (result.betas, CLOSE),
        "pred_theta_mats": (result.rotations, TWISTED),
        "pred_uvd_jts": (result.uvd, CLOSE),
        "pred_xyz_jts_29": (joints_29, CLOSE),
        "pred_xyz_jts_24": (joints_29[:, :24], CLOSE),
        "pred_xyz_jts_24_struct": (result.joints_24 / DEPTH_RANGE, CLOSE),
        "pred_xyz_jts_17": (result.joints_17 / DEPTH_RANGE, CLOSE),
        "maxvals": (result.maxima, CLOSE),
        "cam_scale": (result.cam_scale, CLOSE),
        "cam_root": (result.cam_root, CLOSE),
        "transl": (result.cam_root, CLOSE),
        "pred_camera": (result.scale, CLOSE),
        "pred_sigma": (result.sigma, CLOSE),
        "scores": (1 - result.sigma, CLOSE),
    }
    return {name: (value.flatten(1), tolerance) for name, (value, tolerance) in outputs.items()}


def read(path: Path) -> dict[str, Any]:
    """Reads a golden file.

    Raises:
        AssetError: it is missing, damaged or incomplete.
    """
    import pickle

    import torch

    try:
        golden = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise AssetError(f"cannot be read: {error.strerror or error}", path) from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise AssetError(f"not a golden file: {str(error).splitlines()[0]}", path) from None
    wanted = ("salt", "x", "bboxes", "img_center", "keys", "shapes", "outputs")
    if not isinstance(golden, dict) or (lacking := [name for name in wanted if name not in golden]):
        raise AssetError(
            f"not a golden file: it lacks {', '.join(lacking) if isinstance(golden, dict) else 'everything'}",
            path,
        )
    return golden


def build(golden: dict[str, Any], smpl: Path) -> HybrIK:
    """Builds the network with the golden file's weights.

    Raises:
        AssetError: the body model cannot be read, or the golden file lists other entries than the network
            has.
    """
    from hybrik_runner.hybrik import recipe, smpl_file
    from hybrik_runner.hybrik.network import HybrIK

    network = HybrIK(smpl_file.read(smpl), published=True)
    ours = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    theirs = dict(zip(golden["keys"], map(tuple, golden["shapes"]), strict=True))
    if different := sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)):
        raise AssetError(f"keys or shapes differ: {', '.join(different[:5])}", "the network's weights")
    recipe.apply(network, golden["salt"], golden["x"])
    return network


def run(network: HybrIK, golden: dict[str, Any], name: str, rows: slice = slice(None)) -> Result:
    """Repeats one of the runs, for some of the images."""
    import torch

    boxes = {} if name == "plain" else {key: golden[key][rows] for key in ("bboxes", "img_center")}
    with torch.no_grad():
        return network(golden["x"][rows], **boxes, flip=name.endswith("flip"))  # type: ignore[no-any-return]


def compare(network: HybrIK, golden: dict[str, Any]) -> Iterator[Difference]:
    """Compares every output of every recorded run, and a batch with its images one by one.

    Raises:
        AssetError: the golden file contains an unknown run or output.
    """
    from hybrik_runner.hybrik.network import Result

    if unknown := set(golden["outputs"]) - set(RUNS):
        raise AssetError(f"unknown runs: {', '.join(sorted(unknown))}", "the golden file")
    for name, outputs in golden["outputs"].items():
        result = run(network, golden, name)
        ours = named(result)
        if unknown := set(outputs) - set(ours):
            raise AssetError(
                f"unknown outputs: {', '.join(sorted(unknown))}", f"run {name} of the golden file"
            )
        for output, value in outputs.items():
            yield Difference(name, output, largest(ours[output][0], value.flatten(1)), ours[output][1])
        if name in golden.get("vertices_0", {}):
            yield Difference(
                name, "vertices_0", largest(result.vertices[0], golden["vertices_0"][name]), CLOSE
            )
        if name == "bbox":
            count = len(golden["x"])
            single = named(Result.cat([run(network, golden, name, slice(i, i + 1)) for i in range(count)]))
            for output, (value, tolerance) in ours.items():
                difference = largest(single[output][0], value)
                yield Difference(f"batch 1 / {count}", output, difference, tolerance)


def largest(ours: Tensor, theirs: Tensor) -> float:
    """Returns the largest absolute difference; infinity if shapes differ."""
    if ours.shape != theirs.shape:
        return float("inf")
    return float((ours - theirs).abs().max())


@click.command()
@click.argument("golden", type=click.Path(path_type=Path))
@click.option("--smpl", required=True, type=click.Path(path_type=Path), help="Folder of the SMPL files.")
def check(golden: Path, smpl: Path) -> None:
    """Compare the network with the outputs recorded in GOLDEN."""
    failed = 0
    try:
        recorded = read(golden)
        for difference in compare(build(recorded, smpl), recorded):
            failed += not difference.passed
            verdict = "ok" if difference.passed else "TOO LARGE"
            click.echo(
                f"{difference.run:12} {difference.output:24} {difference.largest:9.2e}"
                f"  ≤ {difference.tolerance:.0e}  {verdict}"
            )
    except PopDanceSetError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(error.exit_code) from None
    if failed:
        click.echo(f"{failed} outputs differ by too much", err=True)
        raise SystemExit(1)


if __name__ == "__main__":
    check()
