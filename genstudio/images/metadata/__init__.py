"""What a file says beside its pixels, kept true of the pixels that are written.

model.py   Metadata, made true of the picture turned upright and of a result of another size
exif.py    EXIF blocks, and the descriptive part of a TIFF file's directory
xmp.py     XMP packets, by an XML parser
geo.py     GeoTIFF
ifd.py     TIFF's directories field by field, which EXIF has as well
"""
