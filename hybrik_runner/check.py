"""Compares the network with the official one: with its recorded outputs, or with the official package itself.

Usage: `python -m hybrik_runner.check GOLDEN.pt --smpl FOLDER`, and where the official package is installed
(docker/gpu.Dockerfile) `python -m hybrik_runner.check --official`.

Golden files contain images, a salt for the weights (hybrik_runner/hybrik/recipe.py), and the outputs of up to
three runs: without boxes, with boxes, with boxes and flip test. With `--official` both networks get the same
weights and images and all three runs, and nothing needs a licence: without a golden file the images are four
frames of a dance that the simulator ships, without `--smpl` the body is made by rule. Everything runs on the
CPU, on which the published flip test was recorded (`heads.PUBLISHED_SHIFT`). The exit code is 1 if an output
differs by too much.
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

OFFICIAL_OUTPUTS = (
    "pred_phi", "pred_delta_shape", "pred_shape", "pred_theta_mats", "pred_uvd_jts", "pred_xyz_jts_29",
    "pred_xyz_jts_24", "pred_xyz_jts_24_struct", "pred_xyz_jts_17", "maxvals", "cam_scale", "cam_root",
    "transl", "pred_camera", "pred_sigma", "scores",
)  # fmt: skip


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


def build(golden: dict[str, Any], smpl: Path | None) -> HybrIK:
    """Builds the network with the golden file's weights.

    Args:
        golden: the file's content, or `images`.
        smpl: folder of the SMPL files; None: a body made by rule.

    Raises:
        AssetError: the body model cannot be read, or the golden file lists other entries than the network
            has.
    """
    from hybrik_runner.hybrik import recipe, smpl_file
    from hybrik_runner.hybrik.network import HybrIK

    network = HybrIK(recipe.body() if smpl is None else smpl_file.read(smpl), published=True)
    ours = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    theirs = (
        dict(zip(golden["keys"], map(tuple, golden["shapes"]), strict=True)) if "keys" in golden else ours
    )
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


def images() -> dict[str, Any]:
    """Returns what a golden file contains besides recorded outputs, from a dance that the simulator ships."""
    from importlib.resources import as_file, files

    import numpy as np
    import torch

    from hybrik_runner.hybrik import crop
    from popdanceset.media import frames

    with as_file(files("popdanceset.simulator") / "media" / "dance_a.mp4") as path:
        shown = np.stack([frame.image for frame in frames(path)])
    shown = shown[np.linspace(0, len(shown) - 1, 4).astype(int)]
    height, width = shown.shape[1:3]
    # Boxes that differ in place and size, each with most of the dancer in it.
    shares = np.array([[0.3, 0.1, 0.7, 0.9], [0.2, 0.05, 0.7, 1], [0.35, 0, 0.75, 0.8], [0.3, 0.2, 0.8, 1]])
    x, boxes, centres = crop.crop(shown, shares * [width, height, width, height])
    tensors = {"x": x, "bboxes": boxes, "img_center": centres}
    return {"salt": "official", **{name: torch.from_numpy(value) for name, value in tensors.items()}}


def recorded(network: HybrIK, golden: dict[str, Any]) -> dict[str, Any]:
    """Returns the golden content with the outputs of all runs of the official package in place of its own.

    Raises:
        AssetError: the package is not installed, or another version.
    """
    from hybrik_runner.hybrik import official

    theirs, known = official.build(network), ("bboxes", "img_center")
    outputs, vertices = {}, {}
    for name in RUNS:
        boxes = (None, None) if name == "plain" else (golden[known[0]], golden[known[1]])
        seen = official.run(theirs, golden["x"], *boxes, flip=name.endswith("flip"))
        outputs[name] = {output: seen[output] for output in OFFICIAL_OUTPUTS}
        vertices[name] = seen["pred_vertices"][0]
    return {**golden, "outputs": outputs, "vertices_0": vertices}


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
@click.argument("golden", type=click.Path(path_type=Path), required=False)
@click.option(
    "--official", is_flag=True, help="Compare with the official package instead of recorded outputs."
)
@click.option("--smpl", type=click.Path(path_type=Path), help="Folder of the SMPL files.")
def check(golden: Path | None, official: bool, smpl: Path | None) -> None:
    """Compare the network with the outputs recorded in GOLDEN, or with the official package."""
    if not official and (golden is None or smpl is None):
        raise click.UsageError("name GOLDEN and --smpl FOLDER, or compare with --official")
    failed = 0
    try:
        content = images() if golden is None else read(golden)
        network = build(content, smpl)
        if official:
            content = recorded(network, content)
        for difference in compare(network, content):
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
