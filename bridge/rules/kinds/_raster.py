"""A decoded picture → the octets that a display takes. Knows Pillow, but imports none of it."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from PIL import Image

MOST_EDGE = 4_096
MOST_PIXELS = 2_100_000
DEFAULT_EDGE = 1_000  # of a picture that is to have no certain size, its longer side; a quarter of 12 megapixels'
LEAST_QUALITY = 20  # below, a smaller picture shows more
LEAST_EDGE = 16
SMALLER = 6  # how often a picture is made smaller, so that it has so few octets as it may
BITS: Mapping[str, tuple[int, ...]] = {
    "jpeg": (8, 24),
    "png": (1, 2, 4, 8, 24),
    "bmp": (1, 8, 24),
    "raw": (1, 2, 4, 8, 16, 24),
}
_LEVELS = {bits: [n * 255 // (2**bits - 1) for n in range(2**bits)] for bits in (1, 2, 4)}


class Refused(ValueError):
    """The picture is not looked at further, or cannot be made as it is asked for."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What is asked for."""

    width: int | None = None
    height: int | None = None
    fit: Literal["crop", "contain", "stretch"] = "crop"
    format: Literal["jpeg", "png", "bmp", "raw"] = "jpeg"
    bits: int = 24
    dither: bool = False
    invert: bool = False
    quality: int = 85
    max_bytes: int | None = None

    @property
    def mode(self) -> Literal["L", "RGB"]:
        return "L" if self.bits <= 8 else "RGB"

    @property
    def octets(self) -> int | None:
        """How many there will be, where that is known before."""
        if self.format != "raw" or not self.width or not self.height:
            return None
        return (self.width * self.bits + 7) // 8 * self.height

    def size(self, width: int, height: int) -> tuple[int, int]:
        """How large a picture of this size becomes.

        Raises:
            Refused: it would be too large.
        """
        if self.width and self.height:
            return self.width, self.height
        scale = min(1.0, DEFAULT_EDGE / max(width, height))
        if self.width or self.height:
            scale = self.width / width if self.width else (self.height or height) / height
        found = max(1, round(width * scale)), max(1, round(height * scale))
        if max(found) > MOST_EDGE or found[0] * found[1] > MOST_PIXELS:
            raise Refused(f"of {width} x {height} would become {found[0]} x {found[1]}, which is too large")
        return found


def box(size: tuple[int, int], target: tuple[int, int]) -> tuple[float, float, float, float]:
    """The largest part of a picture, about its middle, that has the target's shape: left, top, right, bottom."""
    (width, height), (wide, high) = size, target
    scale = min(width / wide, height / high)
    left, top = (width - wide * scale) / 2, (height - high * scale) / 2
    return left, top, width - left, height - top


def inside(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int]:
    """The largest size of the picture's shape that the target has room for."""
    scale = min(target[0] / size[0], target[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def encoded(picture: Image.Image, target: Target) -> bytes:
    """
    Raises:
        Refused: it cannot be made so small.
    """
    from PIL import ImageOps

    if target.invert:
        picture = ImageOps.invert(picture)
    if target.format == "jpeg":
        return _jpeg(picture, target)
    octets = _raw(picture, target) if target.format == "raw" else _lossless(picture, target)
    if target.max_bytes is not None and len(octets) > target.max_bytes:
        raise Refused(f"does not fit into {target.max_bytes} bytes: as {target.format} it has {len(octets)}")
    return octets


def _jpeg(picture: Image.Image, target: Target) -> bytes:
    for _ in range(SMALLER):
        octets = _jpeg_of(picture, target.quality)
        if target.max_bytes is None or len(octets) <= target.max_bytes:
            return octets
        lowest = min(LEAST_QUALITY, target.quality)
        least = _jpeg_of(picture, lowest)
        if len(least) <= target.max_bytes:
            return _best(picture, least, lowest, target.quality, target.max_bytes)
        picture = _smaller(picture, target.max_bytes / len(least))
    raise Refused(f"does not fit into {target.max_bytes} bytes, however small")


def _best(picture: Image.Image, found: bytes, fits: int, too_big: int, limit: int) -> bytes:
    """The best quality between one that fits, which is ``found``, and one that does not."""
    while too_big - fits > 1:
        middle = (fits + too_big) // 2
        octets = _jpeg_of(picture, middle)
        if len(octets) <= limit:
            found, fits = octets, middle
        else:
            too_big = middle
    return found


def _smaller(picture: Image.Image, share: float) -> Image.Image:
    """A picture of about so many of its octets.

    Raises:
        Refused: nothing would be seen in it.
    """
    scale = min(0.9, share**0.5)
    size = round(picture.width * scale), round(picture.height * scale)
    if min(size) < LEAST_EDGE:
        raise Refused("cannot be made so small that anything is seen in it")
    return picture.resize(size)


def _jpeg_of(picture: Image.Image, quality: int) -> bytes:
    """Baseline: microcontrollers' decoders know nothing else."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def _lossless(picture: Image.Image, target: Target) -> bytes:
    file = io.BytesIO()
    ready = _shades(picture, target) if target.bits in _LEVELS else picture
    options = {"bits": target.bits} if target.bits in (2, 4) else {}
    ready.save(file, target.format.upper(), **options)
    return file.getvalue()


def _raw(picture: Image.Image, target: Target) -> bytes:
    if target.bits == 16:
        return _rgb565(picture)
    if target.bits in (2, 4):
        return _shades(picture, target).tobytes("raw", f"P;{target.bits}")
    return (_shades(picture, target) if target.bits == 1 else picture).tobytes()


def _shades(picture: Image.Image, target: Target) -> Image.Image:
    """The picture in as many greys as there are; its pixels are their numbers, black first."""
    from PIL import Image

    levels = _LEVELS[target.bits]
    if target.bits == 1:
        return picture.convert("1", dither=Image.Dither.FLOYDSTEINBERG if target.dither else Image.Dither.NONE)
    palette = Image.new("P", (1, 1))
    palette.putpalette([level for level in levels for _ in "RGB"])
    if target.dither:
        return picture.convert("RGB").quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    most = len(levels) - 1
    numbers = picture.point([(value * most + 127) // 255 for value in range(256)])
    plain = Image.frombytes("P", picture.size, numbers.tobytes())
    plain.putpalette(palette.getpalette() or [])
    return plain


def _rgb565(picture: Image.Image) -> bytes:
    from PIL import Image, ImageChops

    red, green, blue = picture.split()
    high = ImageChops.add(red.point([v & 0xF8 for v in range(256)]), green.point([v >> 5 for v in range(256)]))
    low = ImageChops.add(green.point([v << 3 & 0xE0 for v in range(256)]), blue.point([v >> 3 for v in range(256)]))
    return Image.merge("LA", (high, low)).tobytes()
