"""What somebody wrote this time: without quoted history and signature."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge import mail
from bridge.mail import limits, quoting
from bridge.mail.fresh import fresh

PLACE = mail.Place(mailbox="home", folder="INBOX", uidvalidity=1, uid=1)
INTROS = [
    "On Mon, Nov 2, 2026 at 10:00 AM Ada Lovelace <ada@example.org> wrote:",
    "On Nov 2, 2026, at 10:00, Ada <ada@example.org> wrote:",
    "On Monday, November 2, 2026 at 10:00:00 AM GMT+1, Ada <ada@example.org> wrote:",
    "On 02.11.26 10:00, Ada Lovelace wrote:",
    "Am Mo., 2. Nov. 2026 um 10:00 Uhr schrieb Ada Lovelace <ada@example.org>:",
    "Am 02.11.2026 um 10:00 schrieb Ada:",
    "Am 02.11.26 um 10:00 schrieb Ada Lovelace:",
    "Le lun. 2 nov. 2026 à 10:00, Ada <ada@example.org> a écrit :",
    "Le 02/11/2026 à 10:00, Ada a écrit :",
    "El lun, 2 nov 2026 a las 10:00, Ada (<ada@example.org>) escribió:",
    "Il giorno lun 2 nov 2026 alle ore 10:00 Ada <ada@example.org> ha scritto:",
    "Op ma 2 nov 2026 om 10:00 schreef Ada <ada@example.org>:",
    "Op 2 nov. 2026 om 10:00 heeft Ada <ada@example.org> het volgende geschreven:",
    "Em seg., 2 de nov. de 2026 às 10:00, Ada <ada@example.org> escreveu:",
    "pon., 2 lis 2026 o 10:00 Ada <ada@example.org> napisał(a):",
    "W dniu 2.11.2026 o 10:00, Ada pisze:",
    "Den mån 2 nov. 2026 kl 10:00 skrev Ada <ada@example.org>:",
    "Den man. 2. nov. 2026 kl. 10.00 skrev Ada <ada@example.org>:",
    "man. 2. nov. 2026 kl. 10:00 skrev Ada <ada@example.org>:",
    "po 2. 11. 2026 v 10:00 odesílatel Ada <ada@example.org> napsal:",
    "Dne 02. 11. 26 v 10:00 Ada napsal(a):",
    "ma 2. marrask. 2026 klo 10.00 Ada (ada@example.org) kirjoitti:",
]
QUOTE_ONLY = [
    "Ada Lovelace wrote:",
    "* Ada <ada@example.org> [2026-11-02 10:00]:",
    "пн, 2 нояб. 2026 г. в 10:00, Ada <ada@example.org>:",
    "2026年11月2日(月) 10:00 Ada <ada@example.org>:",
    "Ada <ada@example.org> 于2026年11月2日周一 10:00写道：",
]
HEADERS = [
    "From: Ada <ada@example.org>\nSent: Monday, November 2, 2026 10:00 AM\nTo: Bob\nSubject: RE: Gate",
    "*From:* Ada <ada@example.org>\n*Sent:* Monday, November 2, 2026 10:00 AM\n*To:* Bob\n*Subject:* Gate",
    "Von: Ada <ada@example.org>\nGesendet: Montag, 2. November 2026 10:00\nAn: Bob\nCc: Eve\nBetreff: Tor",
    "Gesendet: Montag, 2. November 2026 um 10:00 Uhr\nVon: Ada <ada@example.org>\nAn: Bob\nBetreff: Tor",
    "From: Ada\nSent: Monday\nTo: Bob <bob@example.org>;\n  Eve Long\n  <eve@example.org>\nCc: x\nSubject: Gate",
    "De : Ada <ada@example.org>\nEnvoyé : lundi 2 novembre 2026 10:00\nÀ : Bob\nObjet : Porte",
    "De: Ada <ada@example.org>\nEnviado: lunes, 2 de noviembre de 2026 10:00\nPara: Bob\nAsunto: Puerta",
    "Da: Ada <ada@example.org>\nInviato: lunedì 2 novembre 2026 10:00\nA: Bob\nOggetto: Porta",
    "Van: Ada <ada@example.org>\nVerzonden: maandag 2 november 2026 10:00\nAan: Bob\nOnderwerp: Poort",
    "De: Ada <ada@example.org>\nEnviada em: segunda-feira, 2 de novembro de 2026 10:00\nPara: Bob\nAssunto: Porta",
    "Od: Ada <ada@example.org>\nWysłano: poniedziałek, 2 listopada 2026 10:00\nDo: Bob\nTemat: Brama",
    "Från: Ada <ada@example.org>\nSkickat: den 2 november 2026 10:00\nTill: Bob\nÄmne: Porten",
    "Fra: Ada <ada@example.org>\nSendt: 2. november 2026 10:00\nTil: Bob\nEmne: Porten",
    "Od: Ada <ada@example.org>\nOdesláno: pondělí 2. listopadu 2026 10:00\nKomu: Bob\nPředmět: Vrata",
    "发件人: Ada <ada@example.org>\n发送时间: 2026年11月2日 10:00\n收件人: Bob\n主题: 门",
]
SENT_FROM = [
    "Sent from my iPhone",
    "Sent from my Samsung Galaxy smartphone.",
    "Sent from Outlook for iOS",
    "Get Outlook for Android<https://aka.ms/AAb9ysg>",
    "Sent with Proton Mail secure email.",
    "Von meinem iPhone gesendet",
    "Von meinem Samsung Galaxy Smartphone gesendet.",
    "Diese Nachricht wurde von meinem Android-Gerät mit GMX Mail gesendet.",
    "Gesendet von Outlook für iOS",
    "Envoyé de mon iPhone",
    "Enviado desde mi iPhone",
    "Enviado do meu iPhone",
    "Inviato da iPhone",
    "Verzonden vanaf mijn iPhone",
    "Skickat från min iPhone",
    "Sendt fra min iPhone",
    "Wysłane z iPhone'a",
    "Odesláno z iPhonu",
    "Lähetetty iPhonesta",
    "Отправлено с iPhone",
    "iPhoneから送信",
]


def wrapped(line: str, lines: int) -> str:
    """As a mail program breaks it."""
    words = line.split(" ")
    size = -(-len(words) // lines)
    return "\n".join(" ".join(words[at : at + size]) for at in range(0, len(words), size))


@pytest.mark.parametrize("lines", [1, 2, 3])
@pytest.mark.parametrize("intro", INTROS)
def test_an_answer_above_a_quote_is_all_that_is_fresh(intro: str, lines: int) -> None:
    assert fresh(f"Yes, open it.\n\n{wrapped(intro, lines)}\n\n> Shall I?\n>\n> Bob") == "Yes, open it."


@pytest.mark.parametrize("intro", INTROS)
def test_what_follows_an_introduction_is_old_even_without_marks(intro: str) -> None:
    assert fresh(f"Yes, open it.\n{intro}\nShall I?\n\nBob") == "Yes, open it."


@pytest.mark.parametrize("intro", QUOTE_ONLY)
def test_some_introductions_are_known_only_by_the_quote_behind_them(intro: str) -> None:
    assert fresh(f"Yes.\n\n{intro}\n> Shall I?") == "Yes."
    assert fresh(f"Yes.\n\n{intro}\nShall I?") == f"Yes.\n\n{intro}\nShall I?"


@pytest.mark.parametrize("above", ["", "-----Original Message-----\n", "_" * 32 + "\n", "_" * 32 + "\n\n"])
@pytest.mark.parametrize("header", HEADERS)
def test_behind_a_header_everything_is_old(header: str, above: str) -> None:
    assert fresh(f"Yes, open it.\n\n{above}{header}\n\nShall I open the gate?\n\nAda") == "Yes, open it."


@pytest.mark.parametrize(
    "mark",
    [
        "-----Original Message-----",
        "-----Ursprüngliche Nachricht-----",
        "-------- Original Message --------",
        "-----Message d'origine-----",
        "-----Oorspronkelijk bericht-----",
        "---------- Forwarded message ---------",
        "Begin forwarded message:",
        "-------- Weitergeleitete Nachricht --------",
    ],
)
def test_behind_a_mark_everything_is_old(mark: str) -> None:
    assert fresh(f"FYI\n\n{mark}\nand so on") == "FYI"


@pytest.mark.parametrize("line", SENT_FROM)
def test_the_line_of_a_phone_is_no_text(line: str) -> None:
    assert fresh(f"open\n\n{line}") == "open"
    assert fresh(f"open\n\n{line}\n\nOn 02.11.26 10:00, Ada wrote:\n> {line}") == "open"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("On 02.11.26 10:00, Ada wrote:\n> When?\n\nAt ten.\n\n> Where?\n\nHere.", "At ten.\n\nHere."),
        ("> When?\nAt ten.", "At ten."),
        ("a\n> b\n>> c\n> d", "a"),
        ("open\n\n--\nAda\nNewnham Road 1", "open"),
        ("open\n--\nAda\n\nOn 02.11.26 10:00, Ada wrote:\n> x", "open"),
        ("On 02.11.26 10:00, Ada wrote:\n> x\n> -- \n> Bob\nopen\n--\nAda", "open"),
        ("--\nAda", ""),
        ("> only\n> this", ""),
        ("open\n_______________________________________________\nGates mailing list\ngates@lists.example", "open"),
        ("", ""),
    ],
)
def test_replies_between_quotes_stay_and_signatures_go(text: str, left: str) -> None:
    assert fresh(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "EVENT TYPE: Motion\nDate: 2026-11-02\nCAMERA NAME: hall\nFrom: hall\ntemp=21.5",
        "The temperature at 10:00 is:\n21.5",
        "He wrote:\nnothing",
        "temp 21.5\n____________________________________\nhumidity 40",
        "Subject: x",
        "Sent from the cellar: water",
        "From: 10:00\nTo: 11:00\nRoom: 5",
        "a -- b",
        "1 > 0\n - x > y",
        "Original message",
        "The list that Ada wrote in 2026 at 10:00 has:\n- gates",
    ],
)
def test_a_text_that_only_looks_like_it_stays(text: str) -> None:
    assert fresh(text) == text


def test_a_long_signature_is_text() -> None:
    text = "a\n--\n" + "\n".join(f"line {n}" for n in range(60))
    assert fresh(text) == text


def test_html_answers_are_told_from_what_they_quote() -> None:
    raw = (
        b"From: a@b.c\r\nContent-Type: text/html\r\n\r\n<div dir=ltr>Yes.</div><br><div class=gmail_quote>"
        b'<div class=gmail_attr>On Mon, Nov 2, 2026 at 10:00 AM Ada &lt;<a href="mailto:a@b.org">a@b.org</a>'
        b"&gt; wrote:<br></div><blockquote class=gmail_quote><div>Shall I?</div></blockquote></div>"
    )
    assert mail.Mail.from_bytes(raw, place=PLACE).fresh == "Yes."


PIECES = st.sampled_from(
    [
        *(*INTROS[:6], *QUOTE_ONLY, *HEADERS[:3], *SENT_FROM[:3]),
        *("> x", ">", "", "text", "--", "_" * 32, "From: a", "To: b", "Subject: c", "On 2 Nov", "x:"),
        *("Foo mailing list", "-----Original Message-----", "he wrote:", "<ada@example.org> wrote:"),
    ]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=12).map("\n".join))


@given(TEXTS)
@example(" >")
def test_what_is_fresh_stays_fresh(text: str) -> None:
    once = fresh(text)
    assert fresh(once) == once
    assert set(once.split("\n")) <= {"", *(line.strip() for line in text.split("\n")), *text.split("\n")}


@pytest.mark.parametrize(
    "line", ["> x", "From: a", "On 2026 he wrote:", "Sent from my iPhone", "--", "a:", "text", "x" * 60]
)
def test_every_line_is_looked_at_a_bounded_number_of_times(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    label = quoting.label

    def counted(one: str) -> tuple[str, str] | None:
        nonlocal looked
        looked += 1
        return label(one)

    monkeypatch.setattr(quoting, "label", counted)
    counts = []
    for lines in (limits.LINES // 10, limits.LINES):
        looked = 0
        fresh("\n".join([line] * lines))
        counts.append(looked)
    assert counts[1] <= 11 * counts[0] + 20


def test_a_text_of_too_many_lines_is_left_as_it_is() -> None:
    text = "\n".join(["> x"] * (limits.LINES + 1))
    assert fresh(text) == text


def test_a_long_history_goes_all_the_same() -> None:
    history = "\n".join(["old"] * 2 * limits.LINES)
    assert fresh(f"Yes.\n\n{INTROS[0]}\n{history}") == "Yes."
