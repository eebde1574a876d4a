"""The recipes of denoisers, each with what it cost and what it gave.

    python -m genstudio.denoise.train dae-color --data PHOTOS --out runs/dae-color

is the same as `genstudio train denoise/dae-color ...`.
"""

from dataclasses import replace

from genstudio.data.store import PictureStore
from genstudio.denoise.dae import DAEConfig
from genstudio.denoise.dae_plain import DAEPlainConfig
from genstudio.denoise.learner import DenoiseLearner, DenoiseRecipe, NeighbourLearner


def make_learner(recipe: DenoiseRecipe, store: PictureStore | None) -> DenoiseLearner:
    """The learner of a recipe; without a store it can only load and export."""
    return (DenoiseLearner if recipe.clean == "given" else NeighbourLearner)(recipe, store)


dae_color = DenoiseRecipe(name="denoise/dae-color", net=DAEConfig(), steps=8_000)
"""
    genstudio train denoise/dae-color --data PHOTOS

42 minutes on a busy 2-core CPU: CBSD68 at 15 / 25 / 50 (told; RGB, dB; n=68) 33.48 / 30.83 / 27.57. The
shipped file is that and 20,000 steps more (210 minutes, mostly on one core): --resume --steps 22000 --set
batch_size=4 crop_px=128, grey=0.2 for the last 9,000, then --steps 28000 --set shrunk=0.5 mse_after=0.5. At
22,000 33.55 / 30.91 / 27.67, in the end 33.54 / 30.93 / 27.70. Pictures that no net was trained on gained
more by these last 6,000: 12 photographs .04 / .06 / .06 dB, the same at half size .10 / .12 / .11, 41 flowers
of 96 px .07 / .10 / .10. 4,000 steps beyond them with paintings among the photographs changed nothing. From
noisy pictures alone with `--clean none`.

Why this net, in dB on the held-back photographs (mean over the three levels, n=12, 400 steps in bfloat16, the
better of two learning rates where two were tried): 64 channels and 2 blocks 30.05, with Adam instead of Muon
29.06, with a third level and 1 block 29.88; 96 channels and 1 block 30.18, and 30.27 in 775 steps; 96
channels and 2 blocks 30.31 for the arithmetic of those 775.
"""

dae_fast = replace(
    dae_color,
    name="denoise/dae-fast",
    net=DAEConfig(width=40, blocks=1),
    lr=5e-3,
    crop_px=96,
    batch_size=8,
    steps=3_000,
)
"""A tenth of dae-color's arithmetic, several times its speed; 4 minutes on a busy 2-core CPU: 32.87 /
30.29 / 27.12 dB.

    genstudio train denoise/dae-fast --data PHOTOS
"""

dae_plain = replace(dae_fast, name="denoise/dae-plain", net=DAEPlainConfig(), steps=2_000)
"""What it was before it had skips, at dae-fast's cost; 2 minutes: 30.35 / 29.02 / 26.73 dB.

    genstudio train denoise/dae-plain --data PHOTOS
"""

photo = replace(
    dae_color,
    name="denoise/photo",
    net=DAEConfig(told=False),
    noise="photo",
    white=0.25,
    drawn=0.25,
    shrunk=0.3,
    most_noise=50,
    warm_start="dae-color",
    crop_px=96,
    batch_size=8,
    lr=1e-3,
    steps=3_200,
    validate_every=1_000,
)
"""For photographs as cameras write them: blind, for what they leave of the noise has no one level.

    genstudio train denoise/photo --data PHOTOS

22 minutes on a busy 2-core CPU, the first 2,000 steps without white noise, 1,600 steps more with grey white
noise on grey pictures (--resume --steps 4800), 2,400 with drawings (--steps 7200), 5,800 with fine lines and
dithering among these, half of the white noise as JPEG and pictures reduced (--steps 13000 --set drawn=0.25,
then 0.2, shrunk=0.3), and 1,500 with untouched=0.25 and grey=0.25: 129 minutes in all. On the held-back
photographs (n=12) 34.28 dB of camera noise and 30.70 dB of white noise of 25. Lines of small type that are
clean come back at 72 to 86 dB, before the first drawings at 17 to 49; graph paper and hatching at 55 to 76,
before fine lines were among them at 19 to 59.
"""

RECIPES = {r.name: r for r in (dae_color, dae_fast, dae_plain, photo)}


if __name__ == "__main__":
    from genstudio.training.script import main

    raise SystemExit(main("denoise"))
