"""``type: image``: whatever a mail calls a picture, a display gets what it takes or nothing."""

from __future__ import annotations

import io
import sys
from typing import Any

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from bridge import plugins
from bridge.mail import limits
from bridge.rules import sources
from bridge.rules.kinds import _picture, _raster, image
from tests.unit.rules import making
from tests.unit.rules.kinds import drawing

MAIL = making.mail()
BLACK, WHITE, RED = (0, 0, 0), (255, 255, 255), (255, 0, 0)


def made(raw: Any, **options: Any) -> bytes:
    found: bytes = image.make(image.Options.model_validate(options))(raw, MAIL, making.moment())
    return found


def drawn(raw: bytes, **options: Any) -> Image.Image:
    return drawing.read(made(raw, **options))


def near(found: Any, wanted: tuple[int, ...]) -> bool:
    return all(abs(a - b) < 12 for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"width": 32}, (32, 24)),
        ({"height": 12}, (16, 12)),
        ({"width": 30, "height": 30}, (30, 30)),
        ({"width": 30, "height": 30, "fit": "contain"}, (30, 30)),
        ({"width": 30, "height": 30, "fit": "stretch"}, (30, 30)),
        ({"width": 128}, (128, 96)),
        ({}, (64, 48)),
    ],
)
def test_a_picture_has_the_size_that_is_asked_for(options: dict[str, Any], size: tuple[int, int]) -> None:
    found = drawn(drawing.octets(drawing.halves()), **options)
    assert (found.format, found.mode, found.size) == ("JPEG", "RGB", size)


def test_without_a_size_a_picture_is_made_no_larger_than_a_page() -> None:
    raw = drawing.octets(drawing.halves(4_000, 3_000), "JPEG")
    assert drawn(raw).size == (_raster.DEFAULT_EDGE, 750)


@pytest.mark.parametrize(
    ("fit", "corners"),
    [("crop", (BLACK, BLACK, WHITE)), ("contain", (WHITE, WHITE, WHITE)), ("stretch", (RED, BLACK, RED))],
)
def test_another_shape_is_cut_off_or_given_white_or_distorted(fit: str, corners: Any) -> None:
    """A wide picture, red, then black and white, then red, in a square."""
    picture = drawing.halves(200, 100)
    picture.paste(RED, (0, 0, 20, 100))
    picture.paste(RED, (180, 0, 200, 100))
    found = drawn(drawing.octets(picture), width=100, height=100, fit=fit, format="png")
    assert near(found.getpixel((1, 1)), corners[0])
    assert near(found.getpixel((20, 2)), corners[1])
    assert near(found.getpixel((98, 98)), corners[2])


def turned(picture: Image.Image, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[_picture.ORIENTATION] = orientation
    exif[0x010F] = "Secret Cameras"
    return drawing.octets(picture, "JPEG", exif=exif, quality=95)


@pytest.mark.parametrize(
    ("orientation", "size", "place"),
    [(1, (160, 80), (10, 10)), (3, (160, 80), (150, 70)), (6, (80, 160), (70, 10)), (8, (80, 160), (10, 150))],
)
def test_a_picture_is_turned_as_its_exif_says(orientation: int, size: tuple[int, int], place: tuple[int, int]) -> None:
    """Red is its upper left corner as the camera has it."""
    picture = Image.new("RGB", (1_280, 640), WHITE)
    picture.paste(RED, (0, 0, 160, 160))
    found = drawn(turned(picture, orientation), width=size[0])
    assert found.size == size
    assert near(found.getpixel(place), RED)


@pytest.mark.parametrize("kind", ["jpeg", "png", "bmp"])
def test_nothing_but_the_picture_goes_on(kind: str) -> None:
    raw = turned(drawing.halves(), 1)
    assert b"Secret Cameras" in raw
    found = made(raw, width=32, format=kind)
    assert b"Secret" not in found
    assert not drawing.read(found).getexif()


@pytest.mark.parametrize(
    "raw",
    [
        drawing.octets(drawing.halves(), "JPEG"),
        drawing.octets(drawing.halves(), "JPEG", progressive=True),
        drawing.octets(drawing.halves().convert("CMYK"), "JPEG"),
        drawing.octets(drawing.halves().convert("L"), "JPEG"),
        drawing.octets(drawing.halves().convert("P"), "PNG"),
        drawing.octets(drawing.halves().convert("1"), "PNG"),
        drawing.octets(drawing.halves().convert("L").convert("I;16").point(lambda value: value * 257), "PNG"),
        drawing.octets(drawing.halves().convert("LA"), "PNG"),
        drawing.octets(drawing.halves(), "GIF"),
        drawing.octets(drawing.halves(), "GIF", save_all=True, append_images=[Image.new("RGB", (64, 48), RED)]),
        drawing.octets(drawing.halves(), "WEBP", lossless=True),
        drawing.octets(drawing.halves(), "WEBP", save_all=True, append_images=[Image.new("RGB", (64, 48), RED)]),
        drawing.octets(drawing.halves(), "BMP"),
        drawing.octets(drawing.halves(), "MPO", save_all=True, append_images=[Image.new("RGB", (64, 48), RED)]),
    ],
    ids=["jpeg", "progressive", "cmyk", "grey", "palette", "bilevel", "16 bits", "grey and alpha", "gif",
         "animated gif", "webp", "animated webp", "bmp", "mpo"],
)  # fmt: skip
@pytest.mark.parametrize("bits", [8, 24])
def test_a_picture_of_any_kind_looks_the_same(raw: bytes, bits: int) -> None:
    found = drawn(raw, width=32, format="png", bits=bits).convert("RGB")
    assert near(found.getpixel((5, 12)), BLACK)
    assert near(found.getpixel((26, 12)), WHITE)


def test_sixteen_bits_of_grey_are_told_apart() -> None:
    raw = drawing.octets(Image.new("I;16", (8, 8), 0x4000))
    assert made(raw, width=8, height=8, bits=8) == b"\x40" * 64


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_what_is_transparent_becomes_white(kind: str) -> None:
    picture = Image.new("RGBA", (64, 48), (0, 0, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 32, 48))
    found = drawn(drawing.octets(picture, kind), width=32, format="png")
    assert near(found.getpixel((5, 12)), RED)
    assert near(found.getpixel((26, 12)), WHITE)


@pytest.mark.parametrize(
    ("bits", "octets"),
    [
        (1, "00 7f e0" * 2),  # 19 pixels: nine are black, ten white; five bits to fill the row
        (2, "00 00 3f ff fc" * 2),
        (4, "00 00 00 00 0f ff ff ff ff f0" * 2),
        (8, ("00 " * 9 + "ff " * 10) * 2),
        (16, ("0000 " * 9 + "ffff " * 10) * 2),
        (24, ("000000 " * 9 + "ffffff " * 10) * 2),
    ],
)
@pytest.mark.parametrize("dither", [None, False])
def test_raw_is_rows_of_whole_octets_with_the_leftmost_pixel_in_the_highest_bits(
    bits: int, octets: str, dither: bool | None
) -> None:
    options = {} if dither is None else {"dither": dither}
    found = made(drawing.octets(drawing.halves(19, 2)), width=19, height=2, bits=bits, **options)
    assert found.hex() == octets.replace(" ", "")
    assert len(found) == image.Options(width=19, height=2, bits=bits).target.octets


def test_inverted_black_is_one_and_what_fills_a_row_stays_nought() -> None:
    raw = drawing.octets(drawing.halves(19, 2))
    assert made(raw, width=19, height=2, bits=1, invert=True).hex() == "ff8000" * 2


@pytest.mark.parametrize(
    ("colour", "octets"),
    [(RED, "f800"), ((0, 255, 0), "07e0"), ((0, 0, 255), "001f"), ((0x12, 0x34, 0x56), "11aa"), (WHITE, "ffff")],
)
def test_rgb565_has_its_high_octet_first(colour: tuple[int, ...], octets: str) -> None:
    raw = drawing.octets(Image.new("RGB", (2, 1), colour))
    assert made(raw, width=2, height=1, bits=16).hex() == octets * 2


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_shades_are_dithered_unless_told(bits: int) -> None:
    raw = drawing.octets(Image.new("L", (64, 64), 100))
    dithered = made(raw, width=64, height=64, bits=bits)
    plain = made(raw, width=64, height=64, bits=bits, dither=False)
    assert len(set(plain)) == 1
    assert len(set(dithered)) > 1


@pytest.mark.parametrize(("value", "level"), [(0, 0), (42, 0), (43, 1), (127, 1), (128, 2), (212, 2), (213, 3)])
def test_without_dithering_a_shade_is_the_nearest(value: int, level: int) -> None:
    raw = drawing.octets(Image.new("L", (4, 1), value))
    assert made(raw, width=4, height=1, bits=2, dither=False) == bytes([level * 0b01010101])


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 24])
def test_a_png_has_the_depth_that_is_asked_for(bits: int) -> None:
    found = made(drawing.octets(drawing.halves()), width=32, format="png", bits=bits)
    assert (found[24], found[25]) == ((8, 2) if bits == 24 else (bits, found[25]))  # IHDR: depth, colour type
    assert [drawing.read(found).convert("L").getpixel(at) for at in ((2, 2), (30, 20))] == [0, 255]


@pytest.mark.parametrize("bits", [1, 8, 24])
def test_a_bmp_has_the_depth_that_is_asked_for(bits: int) -> None:
    found = made(drawing.octets(drawing.halves()), width=32, format="bmp", bits=bits)
    assert int.from_bytes(found[28:30], "little") == bits
    assert [drawing.read(found).convert("L").getpixel(at) for at in ((2, 2), (30, 20))] == [0, 255]


def test_a_jpeg_of_eight_bits_is_grey_and_baseline() -> None:
    found = made(drawing.octets(drawing.halves()), width=32, format="jpeg", bits=8)
    assert drawing.read(found).mode == "L"
    assert b"\xff\xc0" in found
    assert b"\xff\xc2" not in found


def test_quality_is_what_it_says() -> None:
    raw = drawing.octets(drawing.noise(128, 96))
    sizes = [len(made(raw, quality=quality)) for quality in (10, 50, 85, 95)]
    assert sizes == sorted(sizes)
    assert len(made(raw)) == sizes[2]


@pytest.mark.parametrize("budget", [900, 2_000, 5_000, 10_000])
def test_a_jpeg_has_the_best_quality_that_fits_its_budget(budget: int) -> None:
    raw = drawing.octets(drawing.noise(128, 96))
    found = made(raw, max_bytes=budget)
    assert len(found) <= budget
    if drawing.read(found).size == (128, 96):  # the next better one is too large
        sizes = [len(made(raw, quality=quality)) for quality in range(_raster.LEAST_QUALITY, 86)]
        assert len(found) == max(size for size in sizes if size <= budget)
    else:
        assert len(made(raw, quality=_raster.LEAST_QUALITY)) > budget


def test_a_jpeg_that_fits_is_left_alone() -> None:
    raw = drawing.octets(drawing.noise(128, 96))
    assert made(raw, max_bytes="1MB") == made(raw)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"max_bytes": 300}, "cannot be made so small that anything is seen in it"),
        ({"format": "png", "max_bytes": 300}, "does not fit into 300 bytes: as png it has"),
        (
            {"format": "raw", "bits": 8, "width": 128, "max_bytes": 300},
            "does not fit into 300 bytes: as raw it has 12288",
        ),
    ],
)
def test_what_does_not_fit_its_budget_is_no_picture(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        made(drawing.octets(drawing.noise(128, 96)), **options)


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is so large, with nothing in it."""
    raw = bytearray(drawing.octets(Image.new("1", (8, 8))))
    raw[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    raw[29:33] = __import__("zlib").crc32(bytes(raw[12:29])).to_bytes(4, "big")
    return bytes(raw)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "is no picture that can be read"),
        (b"hello", "is no picture that can be read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is no picture that can be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is no picture that can be read"),
        (drawing.octets(drawing.halves(), "TIFF"), "is no picture that can be read"),
        (drawing.octets(drawing.halves(), "PPM"), "is no picture that can be read"),
        (drawing.octets(drawing.halves(), "ICO"), "is no picture that can be read"),
        (bomb(60_000, 60_000), "has too many pixels"),
        (bomb(12_000, 12_000), "has 12000 x 12000 pixels, and 2100000 are the most"),
        (bomb(1_921, 1_100), "has 1921 x 1100 pixels, and 2100000 are the most"),
        (drawing.octets(drawing.halves(4_200, 3_200), "JPEG"), "has 4200 x 3200 pixels, and 13000000 are the most"),
        (drawing.octets(drawing.halves(2_400, 2_000), "JPEG", progressive=True), "and 4000000 are the most"),
        (drawing.octets(drawing.noise(300, 200), "JPEG")[:9_000], "cannot be read as a picture"),
        (drawing.octets(drawing.noise(300, 200))[:9_000], "cannot be read as a picture"),
        (b"\0" * (limits.PICTURE_BYTES + 1), "is larger than 6000000 bytes"),
        ("text", "is no picture"),
        (7, "is no picture"),
    ],
)  # fmt: skip
def test_what_is_no_picture_or_too_large_a_one_says_why(raw: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        made(raw, width=32)


def test_a_picture_that_would_become_too_large_says_so() -> None:
    with pytest.raises(ValueError, match="of 2 x 600 would become 100 x 30000, which is too large"):
        made(drawing.octets(drawing.halves(2, 600)), width=100)


def test_scans_are_counted_without_those_of_thumbnails_and_further_pictures() -> None:
    thumbnail = drawing.octets(drawing.halves(16, 12), "JPEG")
    raw = drawing.octets(drawing.halves(), "JPEG")
    segment = b"\xff\xe5" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    assert _picture._scans(raw) == 1
    assert _picture._scans(raw[:2] + segment + raw[2:] + thumbnail) == 1
    assert _picture._scans(drawing.octets(drawing.halves(), "JPEG", progressive=True)) == 10
    assert _picture._scans(b"\xff\xd8" + b"\xff\xda\x00\x02\x00" * 5_000) == _picture.MARKERS


def test_a_large_jpeg_is_decoded_small(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    transpose = ImageOps.exif_transpose
    monkeypatch.setattr(ImageOps, "exif_transpose", lambda picture: loaded.append(picture.size) or transpose(picture))
    made(turned(drawing.halves(4_000, 3_000), 6), width=300, height=400)
    assert loaded == [(500, 375)]  # an eighth


PICTURES = [
    drawing.octets(drawing.noise(24, 16), "JPEG"),
    drawing.octets(drawing.noise(24, 16), "JPEG", progressive=True),
    turned(drawing.noise(24, 16), 6),
    drawing.octets(drawing.noise(24, 16).convert("CMYK"), "JPEG"),
    drawing.octets(drawing.noise(24, 16)),
    drawing.octets(drawing.halves().convert("RGBA"), "PNG"),
    drawing.octets(drawing.noise(24, 16), "GIF"),
    drawing.octets(drawing.noise(24, 16), "WEBP"),
    drawing.octets(drawing.noise(24, 16), "BMP"),
    drawing.octets(drawing.halves().convert("P"), "BMP"),
]


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """A picture with some octets that are others, and a piece of it missing or twice."""
    raw = bytearray(draw(st.sampled_from(PICTURES)))
    for _ in range(draw(st.integers(0, 8))):
        raw[draw(st.integers(0, min(len(raw) - 1, 400)) | st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    begin, end = sorted((draw(st.integers(0, len(raw))), draw(st.integers(0, len(raw)))))
    raw[begin:end] = draw(st.sampled_from([bytes(raw[begin:end]), b"", bytes(raw[begin:end]) * 2]))
    return bytes(raw)


@given(raw=mangled() | st.binary(), options=st.sampled_from([{}, {"bits": 1}, {"bits": 16}, {"max_bytes": 400}]))
@settings(max_examples=300, deadline=None)
def test_any_bytes_at_all_are_a_picture_or_a_value_error(raw: bytes, options: dict[str, Any]) -> None:
    try:
        found = made(raw, width=16, height=16, **options)
    except ValueError as error:
        assert str(error).isprintable()  # noqa: PT017 — either way is right
        return
    if options.get("bits"):
        assert len(found) == 32 * options["bits"]
    else:
        assert drawing.read(found).format == "JPEG"


@pytest.mark.parametrize(
    ("options", "place", "message"),
    [
        ({"format": "raw"}, ("format",), "raw needs bits: 1, 2, 4, 8, 16 or 24"),
        ({"format": "jpeg", "bits": 1}, ("bits",), "a jpeg has 8, 24 bits a pixel"),
        ({"format": "bmp", "bits": 16}, ("bits",), "a bmp has 1, 8, 24 bits a pixel"),
        ({"bits": 3}, ("bits",), None),
        ({"width": 0}, ("width",), None),
        ({"width": "800"}, ("width",), None),
        ({"width": 5_000}, ("width",), None),
        ({"width": 4_000, "height": 4_000}, ("width",), "width and height: more than 2100000 pixels"),
        ({"width": 10, "fit": "crop"}, ("fit",), "is for a picture with both width and height"),
        ({"dither": True}, ("dither",), "is for 1, 2 or 4 bits"),
        ({"format": "png", "quality": 50}, ("quality",), "a png has none; it is for jpeg"),
        ({"quality": 99}, ("quality",), None),
        ({"width": 800, "height": 480, "bits": 1, "max_bytes": "1kB"}, ("max_bytes",), "this picture has 48000 bytes"),
        ({"format": "gif"}, ("format",), None),
        ({"heigth": 5}, ("heigth",), 'unknown key; did you mean "height"?'),
    ],
)
def test_options_that_cannot_be_are_told_at_their_key(
    options: dict[str, Any], place: tuple[str, ...], message: str | None
) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        sources.Extract({"body": "/x/", "type": "image", **options})
    (error,) = caught.value.errors()
    assert error["loc"] == place
    assert message is None or error["msg"] == message


def test_without_pillow_a_rule_that_needs_it_is_a_fault_that_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(pydantic.ValidationError) as caught:
        sources.Extract({"body": "/x/", "type": "image", "width": 8})
    (error,) = caught.value.errors()
    assert (error["loc"], error["msg"]) == (("type",), 'image needs Pillow; install "mailwire[image]"')


@pytest.fixture
def album(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(plugins._siblings("extract"), "album", drawing.__name__)


@pytest.mark.usefixtures("album")
def test_a_rule_sends_a_picture_as_it_is() -> None:
    extract = {
        "photo": {"album": drawing.octets(drawing.halves()), "type": "image", "width": 16, "height": 8, "bits": 1}
    }
    action = {"sink": "broker", "topic": "a", "payload": "{{ photo }}"}
    (sent,) = making.deliveries(MAIL, action, extract=extract)
    assert sent.payload == b"\x00\xff" * 8
    assert sent.media_type == "application/octet-stream"


@pytest.mark.usefixtures("album")
def test_an_explanation_tells_of_a_picture_how_large_it_is() -> None:
    extract = {
        "photo": {"album": drawing.octets(drawing.halves()), "type": "image", "width": 16, "height": 8, "bits": 1}
    }
    (found,) = making.compiled(making.rule(extract=extract)).evaluate(MAIL, making.moment(), explain=True)
    (line,) = [one for one in found.conditions if one.path == "extract.photo"]
    assert line.saw == "16 bytes: 00 ff 00 ff 00 ff 00 ff 00 ff 00 ff 00 ff 00 ff"


@pytest.mark.usefixtures("album")
def test_what_is_no_picture_is_not_found_and_said() -> None:
    extract = {"photo": {"album": b"\xff\xd8 no picture, but longer", "type": "image", "width": 16}}
    (found,) = making.compiled(making.rule(extract=extract)).evaluate(MAIL, making.moment(), explain=True)
    (line,) = [one for one in found.conditions if one.path == "extract.photo"]
    assert not line.held
    assert line.saw.startswith("25 bytes: ff d8 20")
    assert line.saw.endswith("BMP are")


def test_a_file_is_read_once_at_most() -> None:
    """Pillow is given octets, never a name."""
    with pytest.raises(ValueError, match="is no picture"):
        made(io.BytesIO(drawing.octets(drawing.halves())), width=8)
