"""Brightness and colour differences as JPEG has them (ITU T.871), rows Y Cb Cr of RGB. No torch."""

YCC_OF_RGB = (
    (0.299, 0.587, 0.114),
    (-0.168736, -0.331264, 0.5),
    (0.5, -0.418688, -0.081312),
)
