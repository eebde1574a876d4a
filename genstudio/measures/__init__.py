"""How good pictures are: against an original, as sets, and in the features of nets.

fidelity.py   PSNR and SSIM, as the literature computes them
lpips.py      LPIPS: a distance as people see it
vgg.py        VGG's features, and a loss on them
style.py      how much of a style a picture has taken on
features.py   nets that answer each picture with a vector
distances.py  how far two sets of such vectors are apart
"""
