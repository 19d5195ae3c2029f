"""Pictures as cameras, phones and people send them, drawn here; and a source of values that gives them."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from bridge import rules
from bridge.mail import Mail

HALVES = ((0, 0, 0), (255, 255, 255))  # left, right


def halves(
    width: int = 64, height: int = 48, *, left: tuple[int, ...] = HALVES[0], right: tuple[int, ...] = HALVES[1]
) -> Image.Image:
    """One colour on the left, another on the right."""
    picture = Image.new("RGB", (width, height), left)
    picture.paste(right, (width // 2, 0, width, height))
    return picture


def noise(width: int, height: int) -> Image.Image:
    """What no encoding makes small."""
    return Image.merge("RGB", [Image.effect_noise((width, height), 90 + n) for n in range(3)])


def octets(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def read(raw: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(raw))
    picture.load()
    return picture


class Album(rules.Finder):
    """Finds the picture that it was given."""

    need = rules.Need.HEAD
    wanted = "a picture"

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def find(self, mail: Mail, moment: rules.Moment) -> Any:
        return self._raw


PLUGIN = rules.ExtractPlugin(setting=bytes, make=Album, summary="A picture.")
