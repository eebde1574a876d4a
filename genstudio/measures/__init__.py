"""Measures of pictures: against an original, between sets, and in the features of nets.

fidelity.py   PSNR and SSIM, as the literature computes them
lpips.py      LPIPS: a perceptual distance
vgg.py        VGG's features, and a loss on them
style.py      style loss and content distance
style_match.py    share of results whose own style is the nearest by texture; palettes
features.py   nets that map each picture to a feature vector
distances.py  distances between two sets of feature vectors
"""
