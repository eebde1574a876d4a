"""The recipes of upscalers, each with what it cost and what it gave.

    python -m genstudio.upscale.train compact-x4 --data PHOTOS --out runs/compact-x4

is the same as `genstudio train upscale/compact-x4 ...`.
"""

from dataclasses import replace

from genstudio.data.store import PictureStore
from genstudio.upscale.adversarial import AdversarialLearner, AdversarialRecipe
from genstudio.upscale.compact import CompactConfig
from genstudio.upscale.discriminator import DiscriminatorConfig
from genstudio.upscale.fidelity import FidelityLearner, FidelityRecipe
from genstudio.upscale.rrdbnet import RRDBNetConfig
from genstudio.upscale.srcnn import SRCNNConfig


def make_learner(recipe: FidelityRecipe, store: PictureStore | None) -> FidelityLearner:
    """The learner of a recipe; without a store it can only load and export."""
    if isinstance(recipe, AdversarialRecipe):
        return AdversarialLearner(recipe, store)
    return FidelityLearner(recipe, store)


compact_x4 = FidelityRecipe(name="upscale/compact-x4", net=CompactConfig(scale=4), lr=2.5e-3, steps=20_000)
"""20,000 steps, 76 minutes on a busy 2-core CPU: Set5 31.49, Set14 28.19, CBSD68 27.49 dB (Y, n=5, 14, 68).

    genstudio train upscale/compact-x4 --data PHOTOS

The shipped file is that and 24,000 steps more, half of their crops reduced. First 12,000 (78 minutes, one
core): --resume --steps 36000 --set shrunk=0.5 for 3,260 of them, then --steps 32000: Set5 31.55, Set14 28.19,
CBSD68 27.51 dB, and 29.97 on the held-back photographs, where it stood from step 28,000 on. Then 12,000 on
larger crops (103 minutes of one slower core): a run of its own with --set warm_start=compact-x4
--set crop_px=64 --set batch_size=8 --set lr=2e-3 --set shrunk=0.5: Set5 31.58, Set14 28.17, CBSD68 27.52 dB,
and 30.02 on the held-back photographs.

The first 3,200 steps had twice the learning rate, which was too much: halving it gained 0.4 dB by step 4,000
on the held-back photographs (n=12). There, after 800 steps from scratch: Adam and a tail that sees the last
layer alone 28.86 dB, Muon 29.09, Muon and the tail as it is 29.30. After 20,000: 29.93.
"""

compact_x3 = replace(
    compact_x4,
    name="upscale/compact-x3",
    net=CompactConfig(scale=3),
    warm_start="compact-x4",
    steps=2_200,
    lr=1e-3,
    mse_after=0.7,
    validate_every=1_000,
)
"""2,200 steps from compact-x4's body, 8 minutes on a 2-core CPU: Set5 33.70 dB (Y, n=5).

    genstudio train upscale/compact-x3 --data PHOTOS

The shipped file is that and 4,400 steps more (20 minutes of one core), some 400 of them towards 8,000:
--resume --steps 6600 --set lr=2e-3 --set shrunk=0.5: 33.73 dB.
"""

compact_x2 = replace(compact_x3, name="upscale/compact-x2", net=CompactConfig(scale=2))
"""As compact-x3, 7 minutes: Set5 37.42 dB (Y, n=5); the shipped file, 6,600 steps as well, 37.47."""

srcnn_x4 = FidelityRecipe(
    name="upscale/srcnn-x4",
    net=SRCNNConfig(scale=4),
    steps=14_000,
    batch_size=8,
    crop_px=24,
    validate_every=1_000,
)
"""14,000 steps (10,000, then resumed), 18 minutes on a busy 2-core CPU: Set5 30.31 dB (Y, n=5).

    genstudio train upscale/srcnn-x4 --data PHOTOS
"""

rrdb_x4 = replace(compact_x4, name="upscale/rrdb-x4", net=RRDBNetConfig(scale=4), steps=60_000)
"""Meant for a GPU; no weights of it ship yet. On 2 CPU cores forward, backward and optimizer take 1.0 s for
8 crops, compact-x4's 0.15 s for 16.
"""

photo_compact_x4 = AdversarialRecipe(
    name="upscale/photo-compact-x4",
    net=CompactConfig(scale=4),
    warm_start="compact-x4",
    steps=3_200,
    batch_size=12,
    crop_px=32,
    judged_px=20,
    perceptual_weight=0.2,
    perceptual_after=0.4375,
    gan_weight=0.3,
    gan_after=0.53,
    discriminator=DiscriminatorConfig(width=32),
    discriminator_lr=4e-4,
    validate_every=650,
)
"""
    genstudio train upscale/photo-compact-x4 --data PHOTOS

23 minutes on a busy 2-core CPU. On the held-back photographs (n=12) LPIPS was 0.421 before VGG-16's features
counted and 0.328 in the end. The shipped file is this run and 2,200 steps more, with less of the
discriminator for fewer spots on smooth skin (--resume --steps 5400 --set perceptual_after=0 --set gan_after=0
--set perceptual_weight=0.4 --set gan_weight=0.15 --set discriminator_lr=2e-4 --set lr=7e-4; 55 minutes of
half a core): there LPIPS 0.332, on damaged Set14 0.352 (n=14), where bicubic has 0.634.
"""

photo_x4 = AdversarialRecipe(
    name="upscale/photo-x4",
    net=RRDBNetConfig(scale=4),
    warm_start="rrdb-x4",
    steps=60_000,
    batch_size=32,
    crop_px=64,
    judged_px=64,
)
"""Meant for a GPU; no weights of it ship yet."""

RECIPES: dict[str, FidelityRecipe] = {
    r.name: r for r in (compact_x4, compact_x3, compact_x2, srcnn_x4, rrdb_x4, photo_compact_x4, photo_x4)
}


if __name__ == "__main__":
    from genstudio.training.script import main

    raise SystemExit(main("upscale"))
