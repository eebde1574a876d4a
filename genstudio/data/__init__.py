"""Pictures to learn from: read once, made worse, or made up.

store.py        a folder of pictures, decoded once into one memory-mapped file
labelled.py     pictures with labels; square.py: any picture as a square
degrade.py      how a good picture is made worse; jpeg.py: by JPEG, ycc.py: in its colours
noise.py        how a clean picture gets noisy; noise_level.py: how noisy one is
drawings.py     drawings made up by chance; patterns.py, halftone.py: of dots, lines and dithering
artworks/       comics, cartoons, graphics and lettering made up by chance
"""
