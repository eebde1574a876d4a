"""Denoising: autoencoders that are told, or estimate, how much noise there is, and take it away.

pipeline.py           which net, told of how much noise, and how much of it to take
options.py            the knobs, declared once
dae.py dae_plain.py   the nets
train.py              the recipes
learner.py            training on pairs; neighbours.py: from noisy pictures alone
"""

ARCHS = {
    "dae": "genstudio.denoise.dae:DAE",
    "dae-plain": "genstudio.denoise.dae_plain:DAEPlain",
}
