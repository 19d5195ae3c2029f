"""``label``: what stands beside a label, or below it."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.mail import Mail, page
from bridge.rules import labels
from tests.unit.rules import making

T = "Temperature"


def value(label: Any, text: str, kind: str = "text/plain") -> Any:
    """What the label gives in a mail of this text; None where there is nothing."""
    mail = making.mail(text.replace("\n", "\r\n"), Content_Type=f"{kind}; charset=utf-8")
    rule = making.rule(extract={"x": {"label": label, "default": None}})
    (verdict,) = making.evaluate(mail, rule)
    return verdict.values["x"]


@pytest.mark.parametrize(
    "text",
    [
        "Temperature: 21.5",
        "TEMPERATURE : 21.5",
        "Temperature:21.5",
        "Temperature = 21.5",
        "Temperature=21.5",
        "Temperature ....... 21.5",
        "Temperature.......: 21.5",
        "Temperature . . . . 21.5",
        "Temperature ______ 21.5",
        "Temperature… 21.5",
        "Temperature -> 21.5",
        "Temperature → 21.5",
        "Temperature - 21.5",
        "Temperature – 21.5",
        "Temperature： 21.5",
        "Temperature\t21.5",
        "Temperature  21.5",
        "Temperature:   21.5   ok",
        "Temperature   :   21.5",
        "Temperature (°C): 21.5",
        "* Temperature: 21.5",
        "> Temperature: 21.5",
        "*Temperature:* 21.5",
        "**Temperature**: 21.5",
        "- __Temperature:__ 21.5",
        "| Temperature | 21.5 |",
        "Temperature:\n21.5",
        "Temperature:\n\n21.5",
        "Temperature:\n-----------\n21.5",
        "Temperature\n21.5",
        "Temperature 21.5",
        "A letter\nTemperature 21.5\nTemperature",
        "Temperature 3\nTemperature: 21.5",
        "Humidity: 4, Temperature: 21.5",
        "Temperature: 21.5, Humidity: 40",
        "Temperature: 21.5; Humidity: 40",
        "H=4 Temperature=21.5 X=3",
        "Temperature   21.5\nHumidity      40",
        "Name\tTemperature\nHall\t21.5",
        "Name\tTemperature\tHumidity\n\t21.5\t40",
        "Name  Temperature  Humidity\nHall  21.5  40",
        "Sensor        Temperature   Humidity\nBig hall             21.5         40",
        "Sensor        Temperature   Humidity\n------------------------\n                     21.5         40",
        "| Sensor | Temperature |\n|---|---|\n| Hall | 21.5 |",
        "| Sensor |  | Temperature |\n|---|---|---|\n| Hall | x | 21.5 |",
        "+---+---+\n| Temperature | 21.5 |\n+---+---+",
        "Temp: 3\nOutside temperature: 4\nTemperature: 21.5",
        "Temperature:\nHumidity: 4\nTemperature: 21.5",
        "Temperature\n\nThe values of today\n\nTemperature: 21.5",
        "Temperature: 21.5\nTemperature: 99",
    ],
)
def test_the_value_beside_or_below_a_label_in_a_text(text: str) -> None:
    assert value(T, text) == "21.5"


@pytest.mark.parametrize(
    ("label", "text", "wanted"),
    [
        ("Temp", "Temperature: 3", None),
        (T, "Outside temperature: 5", None),
        (T, "The temperature is 5", None),
        (T, "The temperature 5", None),
        (T, "Temperature of 5", None),
        ("Zone 4", "Zone 4 21.5", "21.5"),
        (T, "Temperature", None),
        (T, "Temperature:\nHumidity: 5", None),
        (T, "Temperature:\nHumidity:\n5", None),
        ("outside   temperature", "Outside temperature: 5", "5"),
        ("Temperature:", "Temperature: 5", "5"),
        ("Temperature (°C)", "Temperature (°C): 5", "5"),
        ("Außentemperatur", "AUßENTEMPERATUR: 5", "5"),
        ("Kühlwasser", "Ku\u0308hlwasser: 5", "5"),
        ("Ku\u0308hlwasser", "Kühlwasser: 5", "5"),
        ("a.c", "abc: 1\na.c: 2", "2"),
        (["No", "Temp", "Temperature"], "Temperature: 5", "5"),
        (["Temp", "Humidity"], "Humidity: 4\nTemp: 5", "4"),
        ("/(outside )?temp.*/", "Outside temperature: 5", "5"),
        ("/^t$/", "at: 4\nT: 5", "5"),
        ("/(^t$|^u$)/", "at: 4\n* T: 5", "5"),
        ("/T/c", "t: 4\nT: 5", "5"),
        ("Status", "Status   OK\nDoor   closed", "OK"),
        ("Name", "Name\tHall\nTemp\t21.5", "Hall"),
        ("Sensor", "| Sensor | Temp |\n|---|---|\n| Hall | 21.5 |", "Hall"),
        ("Total", "Total: € 1.234,50", "€ 1.234,50"),
        ("Card", "Card: ****1234", "****1234"),
        ("When", "When: Monday, November 2 at 10:00", "Monday, November 2 at 10:00"),
        ("When", "When: 2026-11-03 10:00:00", "2026-11-03 10:00:00"),
        ("Link", "Link: https://x.org/?a=1&b=2", "https://x.org/?a=1&b=2"),
        ("N/A", "n/a: -", "-"),
        ("Temp", "Temp | - | 5", "-"),
        ("Humidity", "Name\tTemp\tHumidity\nHall\t21.5\t", None),
    ],
)
def test_a_label_is_compared_as_a_whole(label: Any, text: str, wanted: str | None) -> None:
    assert value(label, text) == wanted


@pytest.mark.parametrize(
    ("label", "html", "wanted"),
    [
        (T, "<table><tr><th>Name<th>Temperature<tr><td><td>21.5</table>", "21.5"),
        (T, "<table><tr><th>Temperature<td>21.5</table>", "21.5"),
        (T, "<table><tr><td>Temperature:<td><td>21.5</table>", "21.5"),
        (T, "<table><tr><td>Temperature<td>21.5<tr><td>Humidity<td>40</table>", "21.5"),
        (T, "<table><tr><td>Name<td>Temperature<td>H<tr><td>Hall<td>21.5<td>40</table>", "21.5"),
        (T, "<table><tr><th>Temperature<tr><td>21.5</table>", "21.5"),
        (T, "<table><thead><tr><td>Temperature<td>H</thead><tr><td>warm<td>5</table>", "warm"),
        (T, "<table><tr><th scope=row>Temperature<th>21.5<tr><td>1<td>2</table>", "21.5"),
        (T, "<table><tr><td scope=col>Temperature<td>x<tr><td>1<td>2</table>", "1"),
        (T, "<table><tr><th>Temperature<th>H<tr><td>&nbsp;<td><tr><td>1<td>2</table>", "1"),
        (T, "<table><tr><th>Temperature<th>H<tr><td><td>2<tr><td>1<td>2</table>", None),
        ("H", "<table><tr><th rowspan=2>S<th colspan=2>In<tr><th>T<th>H<tr><td>a<td>1<td>2</table>", "2"),
        ("In", "<table><tr><th rowspan=2>S<th colspan=2>In<tr><th>T<th>H<tr><td>a<td>1<td>2</table>", "1"),
        (T, "<dl><dt>Temperature<dd>21.5<dt>H<dd>4</dl>", "21.5"),
        (T, "<table><tr><td><table><tr><td>Temperature</table><td><table><tr><td>21.5</table></table>", "21.5"),
        (T, "<table><tr><td>Temperature<br>21.5<td>Humidity<br>3</table>", "21.5"),
        (T, "<table><tr><td>Temperature: 21.5<td>Humidity: 3</table>", "21.5"),
        (T, "<div>Temperature</div><div>21.5</div>", "21.5"),
        (T, "<p><b>Temperature:</b> 21.5&nbsp;&deg;C", "21.5 °C"),
        (T, "<table><tr><td>Temperatur&#101;<td>a<br>b</table>", "a b"),
    ],
)
def test_the_value_beside_or_below_a_label_in_html(label: str, html: str, wanted: str | None) -> None:
    assert value(label, html, "text/html") == wanted


def alternative(text: str, html: str) -> Mail:
    body = f"--b\r\nContent-Type: text/plain\r\n\r\n{text}\r\n--b\r\nContent-Type: text/html\r\n\r\n{html}\r\n--b--\r\n"
    return making.mail(body, Content_Type="multipart/alternative; boundary=b")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("Temperature: 1", 1.0), ("no table here", 2.0), ("Temperature\r\n\r\n1", 2.0), ("Temperature:", 2.0)],
)
def test_what_people_read_comes_first_and_then_the_tables_of_the_html(text: str, wanted: float) -> None:
    mail = alternative(text, "<table><tr><td>Temperature<td>2</table>")
    (verdict,) = making.evaluate(mail, making.rule(extract={"x": {"label": T, "type": "float"}}))
    assert verdict.values == {"x": wanted}


@pytest.mark.parametrize(
    ("written", "place", "message"),
    [
        ("", (), "a label has letters or digits"),
        (": *", (), "a label has letters or digits"),
        ([], (), "must not be empty"),
        (5, (), "write a label, such as Temperature, or a list of them (a number needs quotes)"),
        (["a", "/(/"], (1,), "RE2 refuses this regex: missing ): ("),
        (["a", None], (1,), "write a label, such as Temperature, or a list of them (a number needs quotes)"),
    ],
)
def test_what_is_no_label_is_a_fault_at_its_place(written: Any, place: tuple[int, ...], message: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        making.rule(extract={"x": {"label": written}})
    (line,) = caught.value.errors()
    assert line["loc"] == ("extract", "x", "label", *place)
    assert line["msg"].removeprefix("Value error, ") == message


_PIECES = st.sampled_from(
    [
        "x",
        "X:",
        " ",
        "  ",
        "\t",
        "\n",
        "|",
        ":",
        "=",
        "...",
        "-",
        "5",
        ", ",
        "x=1",
        "(",
        ")",
        "*",
        "_",
        "---",
        "\ud800",
        "ü",
    ]
)
_LABELS = labels.Labels([labels.Label("x"), labels.Label("/x.*|.*5$/")])


@settings(deadline=None)
@given(st.lists(st.one_of(_PIECES, st.text(max_size=3)), max_size=40).map("".join))
def test_any_text_at_all_is_looked_through(text: str) -> None:
    for found in (_LABELS.in_text(text), _LABELS.below_in_text(text), _LABELS.in_tables(page.parse(text))):
        assert found is None or (found and found == " ".join(found.split()))


@pytest.mark.parametrize(
    "text",
    [
        "x\n" * 60_000,
        "x  " * 80_000,
        "x: " * 80_000,
        "x" + "." * 200_000,
        "x" + " " * 200_000,
        "x=" * 90_000,
        "|" * 200_000,
    ],
    ids=range(7),
)
def test_hostile_text_is_looked_through_within_limits(text: str) -> None:
    assert len(_LABELS.in_text(text) or "") <= 1_024
