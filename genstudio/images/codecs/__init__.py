"""Formats taken apart into pixels and metadata, and what Pillow neither tells nor writes of them.

jpeg.py png.py tiff.py   shown to a decoder without their metadata, so that damage there costs no picture
tiff_write.py            TIFF files
webp.py avif.py gif.py   lossless or not, how often an animation plays, films of equal frames
pieces.py                a file made of pieces of another, without a copy
"""
