"""What each choice of the GAN recipes is worth: variants trained at equal steps, one table.

    python tests/benchmarks/variants.py --data PICTURES --out RUNS [--size 32] [--width 64] [--batch 32]
        [--steps 1200] [--variants default no-augment plain ...] [--seeds 0 1 2 3 4] [--samples 2048]

By the features that `genstudio evaluate images` takes (--features): distance, precision, recall, coverage,
and diversity (1: as far apart as real pictures). The last row is real against real, one half of the training
pictures against the other. Runs resume; minutes are those of the machine as it was.
"""

import argparse
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from genstudio import device as devices
from genstudio.data.store import store_cache
from genstudio.generate import train
from genstudio.generate.learner import GANLearner, GANRecipe
from genstudio.generate.pictures import PictureSet, open_pictures
from genstudio.generate.sampling import as_pixels, latents
from genstudio.measures import distances, features
from genstudio.training import loop


def variants(base: GANRecipe, plain: GANRecipe) -> dict[str, GANRecipe]:
    spectral = replace(base.net, judge_norm="spectral")
    return {
        "default": base,
        "penalties x 10": replace(base, r1=10 * base.r1, r2=10 * base.r2),
        "penalties / 10": replace(base, r1=base.r1 / 10, r2=base.r2 / 10),
        "penalties at every step": replace(base, penalty_every=1),
        "r1 alone": replace(base, r2=0.0),
        "rates / 2": replace(
            base, generator_lr=base.generator_lr / 2, discriminator_lr=base.discriminator_lr / 2
        ),
        "beta1 0.5": replace(base, betas=(0.5, 0.99)),
        "no augmentation": replace(base, augment="none"),
        "adaptive augmentation": replace(base, augment="adaptive"),
        "non-saturating": replace(base, loss="nonsaturating"),
        "hinge, spectral norm": replace(base, loss="hinge", net=spectral, r1=0.0, r2=0.0, betas=(0.5, 0.9)),
        "no classes": replace(base, conditional=False),
        "plain": plain,
    }


@torch.no_grad()
def made(net: torch.nn.Module, recipe: GANRecipe, pictures: PictureSet, count: int) -> np.ndarray:
    """(count, H, W, 3) uint8, with classes as common as in the set."""
    classes = torch.from_numpy(np.random.default_rng(1).choice(pictures.labels, count))
    parts = zip(latents(1, range(count), recipe.net.latent).split(100), classes.split(100), strict=True)
    return np.concatenate([as_pixels(net.eval()(z, c)) for z, c in parts])


def row(name: str, minutes: float, real: np.ndarray, fake: np.ndarray) -> None:
    a, b = distances.statistics(real), distances.statistics(fake)
    precision, recall = distances.precision_recall(real, fake)
    _, coverage = distances.density_coverage(real, fake)
    print(
        f"| {name} | {distances.frechet(a, b):.4g} | {precision:.2f} | {recall:.2f} | {coverage:.2f} | "
        f"{b.spread / a.spread:.2f} | {minutes:.1f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=1_200)
    parser.add_argument("--variants", nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--samples", type=int, default=2_048)
    parser.add_argument("--features", default="classify/flowers")
    parser.add_argument("--device", default="auto")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    pictures = open_pictures(asked.data, store_cache(), asked.size)

    def at_equal_steps(recipe: GANRecipe) -> GANRecipe:
        net = replace(recipe.net, size=asked.size, width=asked.width, judge_width=asked.width)
        rare = max(1, asked.steps // 2)  # what is measured on the way costs time and decides nothing here
        return replace(
            recipe,
            net=net,
            steps=asked.steps,
            batch_size=asked.batch,
            precision="bfloat16",  # one for all: accelerate takes one for a process
            metric="untrained",
            validate_every=rare,
            best_by=None,
        )

    small = asked.size == 32
    base, plain = (
        at_equal_steps(train.RECIPES[f"generate/{name}"])
        for name in (("cifar-32", "plain-32") if small else ("dcgan-64", "plain-64"))
    )
    chosen = variants(base, plain)
    look = features.extractor(asked.features, devices.pick("cpu"))
    real = look(pictures.pixels[:: -(-len(pictures) // 10_000)])
    print(f"{len(pictures)} pictures of {asked.size} px, {asked.steps} steps of {asked.batch}, {look.name}")
    print("| variant | Fréchet | precision | recall | coverage | diversity | minutes |")
    print("|---|---|---|---|---|---|---|")
    for seed in asked.seeds:
        for name in asked.variants or chosen:
            recipe = replace(chosen[name], seed=seed)
            classes = pictures.classes if recipe.conditional else ()
            recipe = replace(recipe, net=replace(recipe.net, classes=classes))
            run = asked.out / f"{name.replace(' ', '-').replace('/', 'by')}-{seed}"
            resume = (run / "last.ckpt").is_file()
            run.mkdir(parents=True, exist_ok=True)
            loop.train(GANLearner(recipe, pictures), recipe, run, device=asked.device, resume=resume)
            net, _, minutes = loop.load_average(run, GANLearner(recipe, None))
            label = f"{name}, seed {seed}" if len(asked.seeds) > 1 else name
            row(label, minutes, real, look(made(net, recipe, pictures, asked.samples)))
    halves = np.array_split(np.random.default_rng(0).permutation(len(pictures))[:20_000], 2)
    row("real against real", 0, *(look(pictures.pixels[np.sort(half)]) for half in halves))


if __name__ == "__main__":
    main()
