"""Denoising: autoencoders that are told, or estimate, how much noise there is, and take it away."""

ARCHS = {
    "dae": "genstudio.denoise.dae:DAE",
    "dae-plain": "genstudio.denoise.dae_plain:DAEPlain",
}
