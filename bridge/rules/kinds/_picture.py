"""Whatever a mail calls a picture → a picture of the size that is asked for. The one place that opens one.

Looked at before it is decoded: which kind it is (five decoders of Pillow's, no other), how many pixels it says it has,
and of a JPEG how many scans, each of which costs a walk over all of them. A JPEG is decoded at an eighth, a quarter or
a half of its size where that is enough: 12 megapixels for 800 x 480 take about a third of a second less that way.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from typing import TYPE_CHECKING

from bridge.mail import limits
from bridge.rules.kinds import _raster

if TYPE_CHECKING:
    from PIL import Image

DECODERS = ("JPEG", "PNG", "GIF", "WEBP", "BMP")
ORIENTATION = 0x0112  # EXIF; 5 to 8 are turned by a quarter
MARKERS = 1_000  # in a JPEG
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)
_SCAN, _END = b"\xda", b"\xd9"


def load() -> None:
    """
    Raises:
        ImportError: Pillow is not installed.
    """
    import PIL.Image
    import PIL.WebPImagePlugin  # else all of its plugins are loaded to find it

    del PIL


def converted(raw: bytes, target: _raster.Target) -> bytes:
    """
    Raises:
        ValueError: it is no picture, or a broken or a very large one, or cannot be made as it is asked for.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a broken picture is like is nothing for the log
        try:
            picture = _fitted(_opened(raw), target)
        except _raster.Refused:
            raise
        except Exception as error:  # noqa: BLE001 — a decoder raises what it likes
            raise ValueError(f"cannot be read as a picture ({type(error).__name__})") from None
        return _raster.encoded(picture, target)


def _opened(raw: bytes) -> Image.Image:
    from PIL import Image, UnidentifiedImageError

    if len(raw) > limits.PICTURE_BYTES:
        raise _raster.Refused(f"is larger than {limits.PICTURE_BYTES} bytes")
    try:
        picture = Image.open(io.BytesIO(raw), formats=DECODERS)
    except UnidentifiedImageError:
        raise _raster.Refused("is no picture that can be read: JPEG, PNG, GIF, WebP and BMP are") from None
    except Image.DecompressionBombError:
        raise _raster.Refused("has too many pixels") from None
    most = _most_pixels(picture, raw)
    if picture.width * picture.height > most:
        raise _raster.Refused(f"has {picture.width} x {picture.height} pixels, and {most} are the most")
    return picture


def _most_pixels(picture: Image.Image, raw: bytes) -> int:
    if picture.format not in ("JPEG", "MPO"):
        return limits.PICTURE_PIXELS_WHOLE
    scans = _scans(raw)
    return limits.PICTURE_PIXELS if scans <= 1 else limits.PICTURE_PIXELS_SCANNED // scans


def _scans(raw: bytes) -> int:
    """How many scans the first picture of a JPEG has (ITU-T T.81, annex B); its thumbnail is in a segment that is
    stepped over.
    """
    count, at = 0, 2
    for _ in range(MARKERS):
        marker = _MARKER.search(raw, at)
        if marker is None or marker[1] == _END:
            return count
        count += marker[1] == _SCAN
        at = marker.end() + int.from_bytes(raw[marker.end() : marker.end() + 2], "big")
    return MARKERS


def _fitted(picture: Image.Image, target: _raster.Target) -> Image.Image:
    """Decoded, turned upright, flattened and scaled, in shades of grey or in RGB."""
    from PIL import Image, ImageOps

    turned = picture.getexif().get(ORIENTATION) in (5, 6, 7, 8)
    width, height = picture.size[::-1] if turned else picture.size
    size = target.size(width, height)
    inner = _raster.inside((width, height), size) if target.fit == "contain" else size
    least = _needed((width, height), inner, target)
    picture.draft(target.mode, least[::-1] if turned else least)
    picture = ImageOps.exif_transpose(picture)
    part = _raster.box(picture.size, inner) if target.fit == "crop" else None
    picture = _flat(picture, target.mode).resize(inner, Image.Resampling.HAMMING, box=part, reducing_gap=2.0)
    if inner == size:
        return picture
    whole = Image.new(target.mode, size, "white")
    whole.paste(picture, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return whole


def _needed(size: tuple[int, int], inner: tuple[int, int], target: _raster.Target) -> tuple[int, int]:
    """How large the whole picture has to be decoded, so that no part of it is enlarged afterwards."""
    scales = inner[0] / size[0], inner[1] / size[1]
    scale = min(1.0, max(scales))
    return math.ceil(size[0] * scale), math.ceil(size[1] * scale)


def _flat(picture: Image.Image, mode: str) -> Image.Image:
    """Without transparency, depth and palette of its own."""
    from PIL import Image

    if picture.mode.startswith("I") or picture.mode == "F":  # 16 bits a pixel
        picture = picture.point(lambda value: value * (1 / 256)).convert("L")
    if "A" in picture.mode or "a" in picture.mode or "transparency" in picture.info:
        seen = picture.convert("RGBA")
        picture = Image.new("RGB", seen.size, "white")
        picture.paste(seen, mask=seen.getchannel("A"))
    return picture.convert(mode)
