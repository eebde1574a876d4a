"""Denoising: autoencoders that remove noise of a level that is given, estimated, or not needed.

pipeline.py           chooses the net, gives it the noise level, blends its result with the picture
options.py            the options
dae.py dae_plain.py   the nets
train.py              the recipes
learner.py            training on pairs; neighbours.py: from noisy pictures alone
"""

ARCHS = {
    "dae": "genstudio.denoise.dae:DAE",
    "dae-plain": "genstudio.denoise.dae_plain:DAEPlain",
}
