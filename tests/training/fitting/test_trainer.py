"""Training on a small release: it learns, resumes exactly, stops at NaN; processes agree with each other."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from popdanceset.errors import InputError
from training.data import DanceWindows
from training.fitting import checkpoint
from training.fitting.recipe import Recipe
from training.fitting.trainer import Trainer, TrainingError
from training.popdg.config import PAPER, ModelConfig, Objective

SMALL = ModelConfig(width=32, feedforward=32, heads=4, layers=1, music_layers=1)


@pytest.fixture
def windows(release_dir, tmp_path):
    return DanceWindows(release_dir, "train", length=30, stride=10, cache_dir=tmp_path / "cache")


def recipe(**more):
    return Recipe(
        **{"steps": 6, "batch_size": 4, "learning_rate": 1e-3, "log": "none", "checkpoint_every": 2} | more
    )


def losses(trainer, steps):
    """The loss of each step."""
    return [trainer.step(*batch)["loss/total"] for batch in trainer.batches.stream(trainer.done, steps)]


def test_it_learns(windows, tmp_path):
    curve = losses(Trainer(windows, SMALL, PAPER.objective, recipe(steps=40), tmp_path / "run"), 40)
    assert sum(curve[-5:]) < 0.7 * sum(curve[:5])


def test_a_resumed_run_is_the_uninterrupted_one(windows, tmp_path):
    wish = recipe(steps=8, warmup=3, mirrored=True, rotated=True)  # dropout and masks are on too
    whole = Trainer(windows, SMALL, PAPER.objective, wish, tmp_path / "whole")
    curve = losses(whole, 8)
    whole.save()

    first = Trainer(windows, SMALL, PAPER.objective, wish, tmp_path / "parts")
    begun = losses(first, 5)
    first.save()
    second = Trainer(windows, SMALL, PAPER.objective, wish, tmp_path / "parts")
    assert second.done == 5
    resumed = losses(second, 8)
    second.save()

    assert begun + resumed == pytest.approx(curve, abs=1e-6)
    one, other = checkpoint.load(tmp_path / "whole"), checkpoint.load(tmp_path / "parts")
    for part in ("model", "average"):
        for name, values in one[part].items():
            torch.testing.assert_close(values, other[part][name], atol=1e-6, rtol=0)


def test_run_writes_checkpoints_and_logs(windows, tmp_path):
    seen = []

    def validate(network, scaler, music_scaler):
        assert not network.training
        seen.append(music_scaler.mean.shape)
        return {"validation/x": 1.0}

    wish = recipe(log="tensorboard", log_every=1, validate_every=3, keep=2)
    last = Trainer(windows, SMALL, PAPER.objective, wish, tmp_path / "run").run(validate)
    assert last.name == "checkpoint-00000006.pt"
    assert sorted(p.name for p in (tmp_path / "run").glob("*.pt")) == [
        "checkpoint-00000004.pt",
        "checkpoint-00000006.pt",
    ]
    assert len(seen) == 2
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "run/log")).Reload()
    assert [e.step for e in events.Scalars("loss/total")] == [1, 2, 3, 4, 5, 6]
    assert [e.step for e in events.Scalars("validation/x")] == [3, 6]
    assert {"loss/simple", "loss/bound", "gradient"} <= set(events.Tags()["scalars"])
    # Nothing is left to do.
    again = Trainer(windows, SMALL, PAPER.objective, wish, tmp_path / "run")
    assert again.run() == last


def test_a_folder_with_another_run(windows, tmp_path):
    Trainer(windows, SMALL, PAPER.objective, recipe(steps=2), tmp_path / "run").run()
    with pytest.raises(InputError, match=r"contains another run: width 32 \(now 16\)"):
        Trainer(
            windows, ModelConfig(width=16, heads=4, layers=1), PAPER.objective, recipe(), tmp_path / "run"
        )
    with pytest.raises(InputError, match=r"learning_rate 0.001 \(now 0.5\), seed 0 \(now 3\)"):
        Trainer(windows, SMALL, PAPER.objective, recipe(learning_rate=0.5, seed=3), tmp_path / "run")
    longer = Trainer(windows, SMALL, PAPER.objective, recipe(steps=3, log_every=1), tmp_path / "run")
    assert longer.done == 2


def test_nan_stops_the_training_and_saves_the_batch(windows, tmp_path):
    trainer = Trainer(windows, SMALL, PAPER.objective, recipe(), tmp_path / "run")
    motion, music = trainer.batches.batch(0)
    music[1, 3, 0] = float("nan")
    with pytest.raises(TrainingError, match=r"loss of step 0 is nan; its batch is saved"):
        trainer.step(0, motion, music)
    saved = torch.load(tmp_path / "run/not-finite-00000000-0.pt", weights_only=True)
    assert torch.isnan(saved["music"]).nonzero().tolist() == [[1, 3, 0]]
    assert saved["noise"].shape == (4, 30, 156)


def test_out_of_memory_is_one_line(windows, tmp_path, monkeypatch):
    trainer = Trainer(windows, SMALL, PAPER.objective, recipe(), tmp_path / "run")

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nlong story")

    monkeypatch.setattr(trainer, "step", full)
    with pytest.raises(InputError, match=r"out of memory with 4 windows.*try a batch of 2"):
        trainer.run()


def test_half_precision_and_the_released_objective_train(windows, tmp_path):
    from training.popdg.config import RELEASED

    trainer = Trainer(windows, SMALL, RELEASED.objective, recipe(precision="bf16"), tmp_path / "run")
    assert all(0 < value < 1e5 for value in losses(trainer, 3))


def test_impossible_settings(windows, tmp_path):
    with pytest.raises(InputError, match="steps is 0"):
        recipe(steps=0)
    with pytest.raises(InputError, match="learning_rate is nan"):
        recipe(learning_rate=float("nan"))
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="not writable"):
        Trainer(windows, SMALL, Objective(), recipe(), tmp_path / "file")


DRIVER = """
import sys
from pathlib import Path
from training.data import DanceWindows
from training.popdg.config import PAPER, ModelConfig
from training.fitting.recipe import Recipe
from training.fitting.trainer import Trainer
release, cache, out, steps, batch, every = sys.argv[1:]
windows = DanceWindows(release, "train", length=30, stride=10, cache_dir=Path(cache))
small = ModelConfig(
    width=32, feedforward=32, heads=4, layers=1, music_layers=1, dropout=0, frame_mask=0, attention_dropout=0
)
recipe = Recipe(
    steps=int(steps), batch_size=int(batch), learning_rate=1e-3, log="none", checkpoint_every=int(every)
)
Trainer(windows, small, PAPER.objective, recipe, Path(out)).run()
"""


@pytest.fixture
def driver(release_dir, windows, tmp_path):
    """Starts a training in one or more processes: (out, steps, every, processes) → Popen."""
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)

    def start(out, steps, every, processes=1):
        launch = [sys.executable]
        if processes > 1:
            launch += ["-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--standalone"]
        arguments = [script, release_dir, tmp_path / "cache", out, steps, 4, every]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
        return subprocess.Popen(
            [*launch, *map(str, arguments)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    return start


@pytest.mark.slow
def test_two_processes_train_as_one_does(driver, tmp_path):
    runs = [driver(tmp_path / "one", 5, 5), driver(tmp_path / "two", 5, 5, processes=2)]
    for run in runs:
        output, _ = run.communicate(timeout=240)
        assert run.returncode == 0, output.decode()
    one, two = checkpoint.load(tmp_path / "one"), checkpoint.load(tmp_path / "two")
    for name, values in one["model"].items():
        torch.testing.assert_close(values, two["model"][name], atol=1e-5, rtol=0, msg=name)
    # The comparison could fail: training moved the parameters by far more than that.
    fresh = checkpoint.load(tmp_path / "one")["average"]
    assert max((one["model"][name] - fresh[name]).abs().max() for name in fresh) > 1e-4


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_as_if_never_killed(driver, tmp_path):
    run = driver(tmp_path / "whole", 24, 1)
    assert run.wait(timeout=240) == 0
    kills = 0
    for seen in (3, 14):  # checkpoints that must be there before the kill
        run = driver(tmp_path / "killed", 24, 1)
        while run.poll() is None:
            newest = checkpoint.latest(tmp_path / "killed")
            if newest is not None and int(newest.stem[-8:]) >= seen:
                run.send_signal(signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.01)
        run.wait()
    run = driver(tmp_path / "killed", 24, 1)
    output, _ = run.communicate(timeout=240)
    assert run.returncode == 0, output.decode()
    assert kills == 2
    one, other = checkpoint.load(tmp_path / "whole"), checkpoint.load(tmp_path / "killed")
    for name, values in one["model"].items():
        torch.testing.assert_close(values, other["model"][name], atol=1e-6, rtol=0, msg=name)
