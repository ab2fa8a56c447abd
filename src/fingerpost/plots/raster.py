"""A picture as pixels, for documents that hold no SVG."""

from __future__ import annotations

import vl_convert

from fingerpost.plots.picture import Picture

SCALE = 2.0  # pixels to a pixel of the drawing: sharp in print


def png(picture: Picture, *, scale: float = SCALE) -> bytes:
    """Return the wide drawing of a picture as a PNG file."""
    return bytes(vl_convert.svg_to_png(picture.wide, scale=scale))
