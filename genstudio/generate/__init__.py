"""Generating: nets that make pictures like those they were shown."""

ARCHS = {"dcgan": "genstudio.generate.dcgan:Generator"}
