r"""``image``: an attached picture, made ready for a small display.

photo: { attachment: "*.jpg", type: image, width: 800, height: 480 }                      # a JPEG of that size
photo: { attachment: "*.jpg", type: image, width: 296, height: 128, bits: 1 }             # raw, for e-paper
photo: { attachment: "*.jpg", type: image, width: 320, max_bytes: 8kB }                   # the best JPEG of 8 kB

What is decoded: JPEG, PNG, GIF, WebP and BMP, of an animation the first picture. It is turned as its EXIF says, what
is transparent becomes white, and nothing but the picture goes on: no place, no camera, no thumbnail.

``raw`` is what a display's memory holds, without any header: rows from the top, each begun with a whole octet, the
leftmost pixel in the highest bits. ``bits: 1 2 4 8`` are shades of grey, 0 black; 16 is RGB565, the high octet first;
24 is R, G, B. So 1 is white, as e-paper controllers have it (and ``drawInvertedBitmap`` of GxEPD2); where 1 has to be
black, as for ``drawBitmap`` of GxEPD2 and Adafruit GFX, ``invert: true`` swaps them. ESPHome's ``online_image`` takes
``jpeg``, ``png`` and ``bmp``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

import pydantic

from bridge import rules, schema
from bridge.mail import Mail
from bridge.mail.large import Large
from bridge.rules import nested
from bridge.rules.kinds import _picture, _raster

DITHERED = 4  # bits a pixel: with so few, shades are dithered unless told
_Edge = Annotated[int, pydantic.Field(ge=1, le=_raster.MOST_EDGE, strict=True)]


class Options(schema.Model):
    """How the picture is made."""

    width: _Edge | None = pydantic.Field(None, description="Pixels. With one of width and height the other follows.")
    height: _Edge | None = pydantic.Field(None, description="Pixels. With both the picture has exactly this size.")
    fit: Literal["crop", "contain", "stretch"] = pydantic.Field(
        "crop", description="Another shape than asked for: cut off at its edges, with white beside it, or distorted."
    )
    format: Literal["jpeg", "png", "bmp", "raw"] | None = pydantic.Field(
        None, description="Default: raw with bits, else jpeg. raw: rows of pixels and nothing else."
    )
    bits: Literal[1, 2, 4, 8, 16, 24] | None = pydantic.Field(
        None, description="A pixel: 1 2 4 8 are shades of grey, 16 is RGB565, 24 is RGB. Default: 24."
    )
    dither: pydantic.StrictBool | None = pydantic.Field(
        None, description="Floyd-Steinberg. Default: true for 1, 2 and 4 bits."
    )
    invert: pydantic.StrictBool = pydantic.Field(default=False, description="Black for white: of one bit, 1 is black.")
    quality: Annotated[int, pydantic.Field(ge=1, le=95, strict=True)] = pydantic.Field(85, description="Of a jpeg.")
    max_bytes: Annotated[schema.Size, pydantic.Field(ge=1)] | None = pydantic.Field(
        None, description="The most it may have: a jpeg gets the best quality that fits, then a smaller size."
    )

    @pydantic.model_validator(mode="after")
    def _fits_together(self) -> Self:
        if wrong := list(_faults(self)):
            raise nested.error(wrong)
        return self

    @property
    def target(self) -> _raster.Target:
        bits = self.bits or 24
        return _raster.Target(
            width=self.width,
            height=self.height,
            fit=self.fit,
            format=self.format or ("raw" if self.bits else "jpeg"),
            bits=bits,
            dither=self.dither if self.dither is not None else bits <= DITHERED,
            invert=self.invert,
            quality=self.quality,
            max_bytes=self.max_bytes,
        )


def _faults(options: Options) -> list[tuple[nested.Place, str]]:
    """What does not go together, each at its key."""
    target, given = options.target, options.model_fields_set
    found: list[tuple[nested.Place, str]] = []
    if target.format == "raw" and options.bits is None:
        found.append((("format",), "raw needs bits: 1, 2, 4, 8, 16 or 24"))
    if target.bits not in _raster.BITS[target.format]:
        known = ", ".join(map(str, _raster.BITS[target.format]))
        found.append((("bits",), f"a {target.format} has {known} bits a pixel"))
    if "fit" in given and not (options.width and options.height):
        found.append((("fit",), "is for a picture with both width and height"))
    if options.dither and target.bits > DITHERED:
        found.append((("dither",), "is for 1, 2 or 4 bits"))
    if "quality" in given and target.format != "jpeg":
        found.append((("quality",), f"a {target.format} has none; it is for jpeg"))
    if options.width and options.height and options.width * options.height > _raster.MOST_PIXELS:
        found.append((("width",), f"width and height: more than {_raster.MOST_PIXELS} pixels"))
    if target.octets is not None and target.octets > (options.max_bytes or target.octets):
        found.append((("max_bytes",), f"this picture has {target.octets} bytes"))
    return found


def make(options: Options) -> Callable[[Any, Mail, rules.Moment], bytes]:
    """
    Raises:
        pydantic.ValidationError: Pillow is not installed.
    """
    try:
        _picture.load()
    except ImportError:
        raise nested.error([(("type",), 'image needs Pillow; install "mailwire[image]"')]) from None
    target = options.target

    def convert(raw: Any, mail: Mail, moment: rules.Moment) -> bytes:
        if isinstance(raw, Large):
            raise ValueError("is too large to be looked at as a picture")  # noqa: TRY004 — the contract of types
        if not isinstance(raw, bytes | bytearray | memoryview):
            raise ValueError("is no picture")  # noqa: TRY004 — the contract of types
        return _picture.converted(bytes(raw), target)

    return convert


PLUGIN = rules.KindPlugin(make=make, summary="A picture, scaled for a display.", options=Options, octets=True)
