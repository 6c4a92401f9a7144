"""The state of a training is complete, even if the network is sharded over processes."""

import os
import subprocess
import sys

import pytest

SHARDED = """
import gc
import sys
from pathlib import Path
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from training.fitting import snapshot
from training.fitting.ema import ExponentialMovingAverage
from training.fitting.adan import Adan

dist.init_process_group("gloo")
rank, mesh = dist.get_rank(), init_device_mesh("cpu", (2,))
data = torch.randn(4, 6, generator=torch.Generator().manual_seed(1))


class Training:
    def __init__(self, sharded):
        torch.manual_seed(0)
        self.net = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
        if sharded:
            fully_shard(self.net, mesh=mesh)
        self.optimizer = Adan(self.net.parameters(), lr=0.01, weight_decay=0.02)
        self.average = ExponentialMovingAverage(self.net.parameters(), 0.9)
        self.mine = data[2 * rank : 2 * rank + 2] if sharded else data

    def step(self):
        self.net(self.mine).square().mean().backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update()

    def taken(self):
        return snapshot.take(self.net, self.optimizer, self.average)


def main():
    spread, whole = Training(sharded=True), Training(sharded=False)
    for _ in range(2):
        spread.step()
        whole.step()
    saved, path = spread.taken(), Path(sys.argv[1])
    if rank == 0:
        for name, value in whole.taken()["average"].items():
            torch.testing.assert_close(saved["average"][name], value, atol=1e-6, rtol=0)
        torch.save(saved, path)
    dist.barrier()
    resumed = Training(sharded=True)
    snapshot.put(torch.load(path, weights_only=True), resumed.net, resumed.optimizer, resumed.average)
    spread.step()
    resumed.step()
    one, other = spread.taken(), resumed.taken()
    if rank == 0:
        for part in ("model", "average"):
            for name, value in one[part].items():
                assert torch.equal(value, other[part][name]), (part, name)
            assert not torch.equal(one[part]["0.weight"], saved[part]["0.weight"])
        print("resumed exactly")


main()
gc.collect()  # sharded networks hold process groups, whose threads must end before the interpreter does
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_a_network_sharded_over_two_processes_is_saved_and_restored(tmp_path):
    script = tmp_path / "sharded.py"
    script.write_text(SHARDED)
    launch = [
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--standalone",
        script,
        tmp_path / "s.pt",
    ]
    done = subprocess.run(
        [sys.executable, *map(str, launch)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "resumed exactly" in done.stdout
