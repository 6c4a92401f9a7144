"""What a run does: it trains its stages and dances. Each part finds what an earlier attempt has finished."""

from __future__ import annotations

from pathlib import Path

from popdanceset.locks import locked
from popdanceset.release.reader import Release
from training.bench.runs import Run
from training.interface import Trained
from training.sampling.generate import generate, save
from training.sampling.pieces import clips_with_music, pieces_of_release
from training.sampling.trained import load_trained
from training.train import train


def work(run: Run, device: str, cache: Path | None) -> None:
    """Trains and dances; raises whatever goes wrong.

    Args:
        run: the run.
        device: name in torch.
        cache: folder of cached arrays; None: the user's.
    """
    run.begin()
    with locked(run.folder / "lock"):  # until the process of a bench that was killed has gone
        place = ["--device", device, *(["--cache", str(cache)] if cache else [])]
        for number in range(len(run.stages)):
            if not _mark(run, number).is_file():
                train.main([*run.arguments(number), *place], "popdanceset train", standalone_mode=False)
                _mark(run, number).touch()
        trained = load_trained(run.stage_folder(len(run.stages) - 1), device, run.kind)
        dance_all(run, trained)
        run.finish(sum(parameter.numel() for parameter in trained.model.parameters()))


def dance_all(run: Run, trained: Trained) -> None:
    """Dances to all music of the split, as far as dances are missing.

    A dance has the name of its clip and the number of its random numbers, which differs between seeds and
    variants.
    """
    chosen = run.sampling
    with Release(run.address) as release:
        clips = clips_with_music(release, run.split, trained.extractor)
        for number in range(run.seed * run.variants, (run.seed + 1) * run.variants):
            files = {clip: run.dances / f"{clip}-{number}.npz" for clip in clips}
            waiting = [clip for clip, path in files.items() if not path.is_file()]
            for piece in pieces_of_release(release, waiting, trained):
                dance = generate(
                    trained,
                    piece.features,
                    sampler=chosen.sampler,
                    steps=chosen.steps,
                    guidance=chosen.guidance,
                    seed=number,
                )
                save(dance, files[piece.name])


def _mark(run: Run, number: int) -> Path:
    return run.stage_folder(number) / "finished"
