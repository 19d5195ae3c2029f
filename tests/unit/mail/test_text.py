"""A part's bytes → the text that people read."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mail import limits, text, transfer
from bridge.mail.part import Part


def plain(raw: bytes, **part: object) -> str:
    return text.readable(Part(section="1", **part), raw)  # type: ignore[arg-type]


def html(source: str, **part: object) -> str:
    return plain(source.encode(), type="text/html", charset="utf-8", **part)


@pytest.mark.parametrize(
    ("raw", "part", "shown"),
    [
        (b"temp=21.5\r\n", {}, "temp=21.5"),
        ("Köln".encode(), {"charset": "utf-8"}, "Köln"),
        ("Köln".encode(), {}, "Köln"),
        ("Köln".encode("latin-1"), {}, "Köln"),
        ("Köln".encode("latin-1"), {"charset": "no-such"}, "Köln"),
        ("„Köln“".encode("cp1252"), {"charset": "iso-8859-1"}, "„Köln“"),
        ("Привет".encode("koi8-r"), {"charset": "koi8-r"}, "Привет"),
        ("日本".encode("iso2022_jp"), {"charset": "iso-2022-jp"}, "日本"),
        ("中文".encode("gb18030"), {"charset": "gb2312"}, "中文"),
        ("Köln".encode("utf-16"), {"charset": "utf-16"}, "Köln"),
        (b"\xef\xbb\xbfhi", {"charset": "utf-8"}, "hi"),
        (b"K=C3=B6ln =\r\nam Rhein=20", {"encoding": "quoted-printable", "charset": "utf-8"}, "Köln am Rhein"),
        (b"K=C3=B6ln=C3", {"encoding": "quoted-printable", "charset": "utf-8"}, "Köln"),
        (b"a=ZZ=", {"encoding": "quoted-printable"}, "a=ZZ"),
        (b"S8O2\r\nbG4=", {"encoding": "base64", "charset": "utf-8"}, "Köln"),
        (b"S8O2bG4", {"encoding": "base64", "charset": "utf-8"}, "Köln"),
        (b"S8O2b", {"encoding": "base64", "charset": "utf-8"}, "Kö"),
        (b"S8!O2-bG4=\r\nfooter", {"encoding": "base64", "charset": "utf-8"}, "Köln"),
        ("so\u00adft\u200b zero\ufeff\u00a0nbsp".encode(), {"charset": "utf-8"}, "soft zero nbsp"),
        (b"a  \r\n\r\n\r\n\r\nb\x00\x07c\rd", {}, "a\n\nb  c\nd"),
        (b"first \r\nsecond\r\n-- \r\nAda", {"flowed": True}, "first second\n--\nAda"),
        (b"> a \r\n> b\r\nc \r\nd", {"flowed": True}, "> a b\nc d"),
        (b"ab \r\ncd", {"flowed": True, "delsp": True}, "abcd"),
    ],
)
def test_plain_text_is_read(raw: bytes, part: dict[str, object], shown: str) -> None:
    assert plain(raw, **part) == shown


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("<p>temp=<b>21</b>.5&nbsp;&deg;C</p>", "temp=21.5 °C"),
        ("one<br>two<br/>three<div>four</div>five", "one\ntwo\nthree\nfour\nfive"),
        ("<table><tr><td>Temp</td><td> 21 </td></tr><tr><th>A<th>B</table>", "Temp\t21\nA\tB"),
        ("a\n  b\tc", "a b c"),
        ("<pre>a\n  b</pre>", "a\nb"),
        ("<html><head><title>T</title><style>p{}</style></head><body>x</body></html>", "x"),
        ("a<script>if (1 < 2) {}</script>b<!-- <p>no</p> -->c<![if !mso]>d<![endif]>", "abcd"),
        ("a<style>never ended", "a"),
        ("a<!-- never ended", "a"),
        ("1 &lt; 2 & 3 < 4 &amp;lt; &#8364; &#x20AC; &unknown;", "1 < 2 & 3 < 4 &lt; € € &unknown;"),
        ("<p title=\"a > b\" class='<p>'>x</p>", "x"),
        ("<p it's>don't</p>", "don't"),
        ("<P ALIGN=LEFT>x</P>", "x"),
        ("x<p", "x"),
        ("<<i>b>x &amp; y", "<b>x & y"),
        ("<ul><li>a<li>b</ul>", "a\nb"),
        ('see <a href="https://x.org/?a=1&amp;b=2">here</a> now', "see here now\n\nhttps://x.org/?a=1&b=2"),
        ('<a href="https://x.org/">https://x.org/</a>', "https://x.org/"),
        ('<a href="javascript:alert(1)">x</a><a href="mailto:a@b.c">y</a>', "xy"),
        ('<div style="display:none">pre</div>x', "x"),
        ("<span style='color:#fff; DISPLAY : none !important'>pre</span>x", "x"),
        ("<div style=display:none;max-height:0>pre<div>in</div>pre</div>x", "x"),
        ('<div style="max-height:0px;overflow:hidden">pre</div>x', "x"),
        ('<span style="opacity:0">pre</span><span style="opacity:0.5">x</span>', "x"),
        ('<td style="font-size:0"><span style="font-size:14px">x</span></td>', "x"),
        ('<td style="line-max-height:0">x</td>', "x"),
        ('<p style="display:none">pre<p>x', "x"),
        ('<table><tr><td style="display:none"><table><tr><td>pre</table><td>x</table>', "x"),
        ('<tr style="display:none"><td>pre</td></tr><tr><td>x</td></tr>', "x"),
        ('<ul><li style="display:none">pre<li>x</ul>', "x"),
        ('<img style="display:none" src="x"><br style="display:none">x', "x"),
        ('<div style="display:none"><a href="https://x.org/">pre</a><blockquote></div>x', "x"),
        ('<div title="display:none">x</div>', "x"),
        ('x<div style="display:none">never ended', "x"),
        ('<DIV STYLE="DISPLAY:NONE">pre</DIV>x', "x"),
        ("pre" + "&zwnj;&nbsp;&#847;&#8199;&shy;" * 50 + "header", "pre header"),
        ("one&zwnj; &zwnj; &zwnj; two&#x2800; &#65279;three", "one two three"),
        ("<table><tr><td><p>T<o:p></o:p></p></td><td><p>21</p></td></tr><tr><td><div>G</div></td></tr>", "T\t21\nG"),
        ("<table><tr><td>a<br>b</td><td>c</td></tr></table>", "a\nb\tc"),
        ("<table><tr><td><table><tr><td>a</td></tr></table></td><td>b</td></tr></table>", "a\nb"),
        ("<table><tr><td></td><td>b</td><td></td><td>d</td></table>", "b\t\td"),
        ('ok <img alt="👍" src="x"> <img alt="logo"><img alt=\'&#9733;\'>', "ok 👍 ★"),
        ("<blockquote>a<blockquote type=cite>b</blockquote></blockquote>c", "a\nb\nc"),
        ("<BR>a<br clear=all />b</br>c<BR/>d", "a\nb\nc\nd"),
        ("<B>a</B><O:P>b</O:P><TD>c", "ab\tc"),
        ("&#" + "9" * 10_000 + ";x", "\ufffdx"),
        ("a\x1eb\x1fc\x00d", "a b c d"),
        ("", ""),
    ],
)
def test_html_is_turned_to_what_people_see(source: str, shown: str) -> None:
    assert html(source) == shown


def test_what_html_quotes_has_its_sign_where_it_is_asked_for() -> None:
    source = (
        '<a href="https://x.org/">a</a><blockquote class="gmail_quote">b<table><tr><td>c<td>d</table>'
        '<blockquote type="cite">e</blockquote></blockquote>f<blockquote>g</blockquote></blockquote>h'
    )
    part = Part(section="1", type="text/html")
    assert text.readable(part, source.encode(), cited=True) == "a\n> b\n> c\td\n> e\nf\ng\nh"


def test_html_names_its_own_charset_where_the_part_does_not() -> None:
    source = '<meta http-equiv="Content-Type" content="text/html; charset=koi8-r"><p>Привет'.encode("koi8-r")
    assert plain(source, type="text/html") == "Привет"


@pytest.mark.parametrize(
    "source",
    [
        *("<p style='display:none'>" * 10_000, "<b>" * 80_000 + "<td style='opacity:0'>"),
        *("<p " + "style='" * 37_000, "<p style='" + "display " * 30_000 + "'>", "&nbsp;&zwnj;" * 20_000),
        *("<blockquote class=quote>" * 9_000, "<div>" * 50_000, "<b a=1>" * 30_000, "<!--" * 60_000),
        *("<" * 260_000, '<a ="' * 50_000),
    ],
    ids=range(11),
)
def test_hostile_html_gives_its_text_within_limits(source: str) -> None:
    assert len(html(source + "x")) <= limits.TEXT_CHARS


def test_input_and_output_are_capped() -> None:
    assert len(plain(b"x" * 1_000_000)) == limits.TEXT_BYTES
    assert len(plain(base64.b64encode(b"x" * 1_000_000), encoding="base64")) == limits.TEXT_BYTES * 3 // 4


@pytest.mark.parametrize("cut", range(60))
def test_a_cut_anywhere_leaves_the_beginning(cut: int) -> None:
    whole = "Grüße aus Köln, 日本 und überall"
    for encoding, raw in (("base64", base64.b64encode(whole.encode())), ("8bit", whole.encode())):
        shown = plain(raw[:cut], encoding=encoding, charset="utf-8")
        assert whole.startswith(shown)


def test_attachments_are_decoded_to_the_octets_that_were_sent() -> None:
    octets = bytes(range(256)) * 3
    jpeg = Part(section="2", type="image/jpeg", encoding="base64")
    assert text.decode(jpeg, base64.encodebytes(octets)) == octets
    assert text.decode(Part(section="2", encoding="binary"), octets) == octets
    assert transfer.decode(b"=41=\r\n=42", "quoted-printable") == b"AB"


@given(st.text("AQgw+/=\r\n !", max_size=14).map(str.encode))
def test_base64_is_read_up_to_its_padding_whatever_lies_in_between(raw: bytes) -> None:
    digits = bytes(octet for octet in raw if octet not in b"\r\n !").partition(b"=")[0]
    digits = digits[: len(digits) - (len(digits) % 4 == 1)]
    assert transfer.base64(raw) == base64.b64decode(digits + b"=" * (-len(digits) % 4))


@pytest.mark.parametrize("around", ["{}", "\u00e9{}"])
@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a\r\nb\rc\vd\fe\x1cf\x1eg", "a\nb\nc\nd\ne\nf\ng"),
        ("a\r\r\nb", "a\n\nb"),
        ("a\x00b\x1fc\x7fd\te", "a b c d\te"),
        ("a \x00\r\nb", "a\nb"),
        ("a\n\n\n\n\nb", "a\n\nb"),
    ],
)
def test_white_space_is_tidied_alike_in_ascii_and_other_texts(around: str, written: str, shown: str) -> None:
    assert text.tidy(around.format(written)) == around.format(shown)


@pytest.mark.parametrize("char", ["\x85", "\u2028", "\u2029"])
def test_line_ends_beyond_ascii_are_line_ends(char: str) -> None:
    assert text.tidy(f"a{char}b") == "a\nb"


def test_eight_bits_are_no_utf_7() -> None:
    assert plain("K\u00f6ln +AGE-".encode(), charset="utf-7") == "K\u00f6ln +AGE-"
    assert plain(b"K+APY-ln", charset="utf-7") == "K\u00f6ln"
