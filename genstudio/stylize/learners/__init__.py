"""How the nets of style transfer are trained.

base.py     what all of them share: photographs and paintings, cut out at one scale
encoder.py  the encoder learns VGG-16's features; factor.py: where it begins
eyes.py     the fast net's eyes learn to see what VGG-16 sees; slim.py: where they begin
fast.py     the fast net learns to give any style in one pass
conditional.py    so does its successor; conditional_losses.py: by which losses
own_style.py      one painting's own parameters, the net standing still
paintings.py      on which pictures: at many scales, hues turned
"""
