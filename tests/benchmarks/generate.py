"""Training steps a second of a DCGAN of 64 px: ours beside the loop of pytorch/examples, one run.

    python tests/benchmarks/generate.py [--batch 64] [--seconds 20] [--device auto]

The peer is that example's loop, transcribed: its nets, float32, a DataLoader with two workers over the
same pictures (in memory, so that nobody waits for a disk), three backward passes, and the numbers it prints
after every step. Ours are the recipes' own steps: dcgan-64 as it is, and plain-64, which computes what the
peer does.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from genstudio import device as devices
from genstudio.generate.learner import GANLearner, GANRecipe
from genstudio.generate.pictures import PictureSet
from genstudio.generate.train import RECIPES
from genstudio.training.loop import averaged, follow
from genstudio.training.recipe import Update

PICTURES = 2_000


def peer_nets() -> tuple[nn.Module, nn.Module]:
    """pytorch/examples/dcgan/main.py: nz 100, ngf 64, ndf 64, nc 3."""
    generator = nn.Sequential(
        *(nn.ConvTranspose2d(100, 512, 4, 1, 0, bias=False), nn.BatchNorm2d(512), nn.ReLU(True)),
        *(nn.ConvTranspose2d(512, 256, 4, 2, 1, bias=False), nn.BatchNorm2d(256), nn.ReLU(True)),
        *(nn.ConvTranspose2d(256, 128, 4, 2, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU(True)),
        *(nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(True)),
        *(nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh()),
    )
    discriminator = nn.Sequential(
        *(nn.Conv2d(3, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)),
        *(nn.Conv2d(64, 128, 4, 2, 1, bias=False), nn.BatchNorm2d(128), nn.LeakyReLU(0.2, inplace=True)),
        *(nn.Conv2d(128, 256, 4, 2, 1, bias=False), nn.BatchNorm2d(256), nn.LeakyReLU(0.2, inplace=True)),
        *(nn.Conv2d(256, 512, 4, 2, 1, bias=False), nn.BatchNorm2d(512), nn.LeakyReLU(0.2, inplace=True)),
        *(nn.Conv2d(512, 1, 4, 1, 0, bias=False), nn.Sigmoid()),
    )
    return generator, discriminator


def peer(pixels: np.ndarray, batch: int, device: torch.device) -> Iterator[None]:
    """The example's loop, a step for each `next`."""
    net, judge = (each.to(device) for each in peer_nets())
    pictures = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    loader = DataLoader(TensorDataset(pictures), batch, shuffle=True, num_workers=2, drop_last=True)
    criterion = nn.BCELoss()
    judge_optimizer = torch.optim.Adam(judge.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999))
    while True:
        for (data,) in loader:
            judge.zero_grad()
            real = data.to(device)
            label = torch.full((len(real),), 1.0, device=device)
            output = judge(real).flatten()
            error_real = criterion(output, label)
            error_real.backward()
            output.mean().item()
            fake = net(torch.randn(len(real), 100, 1, 1, device=device))
            label.fill_(0.0)
            output = judge(fake.detach()).flatten()
            error_fake = criterion(output, label)
            error_fake.backward()
            output.mean().item()
            judge_optimizer.step()
            net.zero_grad()
            label.fill_(1.0)
            output = judge(fake).flatten()
            error = criterion(output, label)
            error.backward()
            output.mean().item()
            optimizer.step()
            (error_real + error_fake).item(), error.item()
            yield


def ours(recipe: GANRecipe, pixels: np.ndarray, device: torch.device, precision: str) -> Iterator[None]:
    """The loop's own work on a learner's steps: the batch, both updates, the average."""
    accelerator = Accelerator(
        cpu=device.type == "cpu", mixed_precision={"bfloat16": "bf16", "float32": "no"}[precision]
    )
    learner = GANLearner(recipe, PictureSet(pixels, np.zeros(len(pixels), np.int64), ()))
    average = averaged(learner.net)
    learner.prepare(accelerator)
    average.module.to(accelerator.device)
    update, k = Update(accelerator, recipe.clip_norm), 0
    while True:
        losses = learner.step(learner.batch(k, 0), 0.5, update)
        follow(average, learner.net, recipe.ema_decay)
        k += 1
        if k % 50 == 0:
            [value.item() for value in losses.values()]
        yield


def rate(steps: Iterator[None], seconds: float, device: torch.device) -> float:
    """Steps a second after a few to warm up; the device has finished at both ends."""
    wait: Callable[[], None] = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    for _ in range(5):
        next(steps)
    wait()
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        next(steps)
        count += 1
    wait()
    return count / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--device", default="auto")
    asked = parser.parse_args()
    device = devices.pick(asked.device)
    pixels = np.random.default_rng(0).integers(0, 256, (PICTURES, 64, 64, 3), dtype=np.uint8)
    theirs = rate(peer(pixels, asked.batch, device), asked.seconds, device)
    print(f"DCGAN of 64 px, batches of {asked.batch}, {device}, {torch.get_num_threads()} threads")
    print(f"{'pytorch/examples, float32':36}{theirs:9.2f} steps/s")
    for name in ("generate/plain-64", "generate/dcgan-64"):
        # One precision for both, as accelerate takes one for a process; plain-64 is trained in float32.
        recipe = replace(RECIPES[name], batch_size=asked.batch, metric="untrained")
        found = rate(ours(recipe, pixels, device, "bfloat16"), asked.seconds, device)
        print(f"{name + ', bfloat16':36}{found:9.2f} steps/s{found / theirs:8.2f} times")


if __name__ == "__main__":
    main()
