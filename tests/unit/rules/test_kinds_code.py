"""``{type: code}``: the one-time codes of mails as services write them, and the numbers that are none."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import strategies

from bridge import plugins, rules
from tests.unit.rules import making

convert = plugins.find("kinds", "code").make(rules.NoOptions())

FOUND = [
    # English
    ("Your verification code is 123456.", "123456"),
    ("Your verification code is: 123 456", "123456"),
    ("123456 is your Facebook confirmation code", "123456"),
    ("G-123456 is your Google verification code.", "123456"),
    ("FB-12345 is your Facebook password reset code", "12345"),
    ("Hi Bob,\n\nUse this code to sign in:\n\n847 291\n\nIt expires in 10 minutes.", "847291"),
    ("Enter the following code:\n\n    X7K9P2\n\nSteam Support, Bellevue, WA 98004", "X7K9P2"),
    ("Enter the code displayed on your device: AB12-CD34", "AB12-CD34"),
    ("Verification code: 019283 (valid for 3600 seconds)", "019283"),
    ("Order 445566 was placed on 2026-11-14 at 18:05.\nTo confirm it, enter the code 908172.", "908172"),
    ("Invoice 20261114-77, total $1,234.56.\nYour one-time passcode: 5512", "5512"),
    ("Your Amazon OTP is 553311. Do not share it. Call 1-800-555-0199 for help.", "553311"),
    ("OTP: 4829", "4829"),
    ("PIN: 1998", "1998"),
    ("Your PIN is 2026.", "2026"),
    ("Please use 662211 to verify your e-mail address.", "662211"),
    ("Security code\n\n7391046\n\nThanks,\nThe Microsoft account team", "7391046"),
    ("Your Apple ID Code is: 918273. Don't share it with anyone.", "918273"),
    ("Login code: 12345. Do not give this code to anyone, even if they say they are from Telegram!", "12345"),
    ("Your login code\n4 8 1 5 1 6\nValid until 14 November 2026, 18:05", "481516"),
    ("Code\t774411\nExpires\t18:05", "774411"),
    ("Reference\t99887766\nCode\t774411", "774411"),
    ("Account 12345678: your code is 771100", "771100"),
    ("code=123456", "123456"),
    ('{"code": "123456", "ttl": 600}', "123456"),
    ("**Your code: 123456**\n\n© 2026 Example Ltd, 20 High Street, London", "123456"),
    ("> Your temporary password is 48211907", "48211907"),
    ("336699 is your code, not #112233.", "336699"),
    (".code { width: 640px; color: #336699; margin: 1234; }\nYour code: 551177", "551177"),
    ("Confirm your address https://x.example/verify?code=111111\nor type the code 222222", "222222"),
    ("Your 2FA code: 123-456", "123456"),
    ("Here is your passcode 1234 5678", "12345678"),
    ("Your code is ABC123. It was sent to +1 (212) 555-0143.", "ABC123"),
    ("Your code:\n\n4\n8\n1\n5\n1\n6\n\nThanks", "481516"),
    ("Here is the Steam Guard code you need to login to account bob:\n\nR4XKM", "R4XKM"),
    ("Zugangscode für Zimmer 204: 7719", "7719"),
    ("Your parcel JJD000390007882 is in locker 14. Pickup code 482913.", "482913"),
    ("Hi! Your unique code 987-654 expires at 18:05.", "987654"),
    ("123456\nis your verification code", "123456"),
    # German
    ("Ihr Bestätigungscode lautet: 837465", "837465"),
    ("Ihr Sicherheitscode: 12 34 56", "123456"),
    ("Das Einmalpasswort für Ihre Anmeldung ist 660012.", "660012"),
    ("mTAN: 482913 für Ihre Überweisung über 1.250,00 EUR an DE89370400440532013000", "482913"),
    ("Auftrag 7788990 über 120,00 EUR\nIhre SMS-TAN lautet 334455 (14.11.2026 18:05)", "334455"),
    ("Die TAN 918273 ist bis 18:05 Uhr gültig.", "918273"),
    ("Hallo,\n\ndein Anmeldecode:\n\n  556677\n\nExample GmbH, Hauptstr. 5, 10115 Berlin", "556677"),
    ("Bestellung 100200300\nCode zur Freigabe: 4711", "4711"),
    # French
    ("Votre code de vérification est le 456789.", "456789"),
    ("Code de sécurité : 908 172", "908172"),
    ("456123 est votre code de connexion.", "456123"),
    # Spanish, Portuguese, Italian, Catalan, Romanian
    ("Tu código de verificación es 246810", "246810"),
    ("Su clave de acceso: 7788", "7788"),
    ("Seu código de confirmação é 135790.", "135790"),
    ("O seu código:\n\n135790", "135790"),
    ("Il tuo codice di verifica è 192837", "192837"),
    ("Codice OTP: 8812", "8812"),
    ("El teu codi de verificació és 564738", "564738"),
    ("Codul tău de verificare este 918273", "918273"),
    # Dutch, Nordic
    ("Uw verificatiecode is 554433.", "554433"),
    ("Din verifieringskod är 776655", "776655"),
    ("Din engangskode er 443322", "443322"),
    ("Vahvistuskoodisi on 112211", "112211"),
    # Slavic, Hungarian, Turkish, Greek
    ("Twój kod weryfikacyjny to 665544", "665544"),
    ("Váš ověřovací kód je 887766.", "887766"),
    ("Ваш код подтверждения: 990011. Никому его не сообщайте.", "990011"),
    ("Ваш код підтвердження — 332211", "332211"),
    ("Az ellenőrző kódod: 121212", "121212"),
    ("Doğrulama kodunuz: 343434", "343434"),
    ("Ο κωδικός επαλήθευσης είναι 565656", "565656"),
    # East Asian, Arabic, Hebrew, Indic, Vietnamese, Indonesian
    ("【某某】您的验证码是123456，5分钟内有效。", "123456"),
    ("您的驗證碼為 654321", "654321"),
    ("認証コード：１２３４５６", "123456"),
    ("確認コード\n\n778899\n\n有効期限は10分です。", "778899"),
    ("인증번호는 [445566] 입니다.", "445566"),
    ("رمز التحقق: ١٢٣٤٥٦", "123456"),
    ("קוד האימות שלך: 787878", "787878"),
    ("आपका ओटीपी 909090 है", "909090"),
    ("Mã xác minh của bạn là 232323", "232323"),
    ("Kode verifikasi Anda adalah 454545", "454545"),
]

NONE = [
    "",
    "Hello",
    "See you in 2026!",
    "Order 123456 has shipped.",
    "Your verification code will arrive by post.",
    "Bestellung 123456, Rechnung 2026-4711 über 1.234,56 EUR",
    "© 2026 Example Ltd.",
    "Our code of conduct was last changed in 2024.",
    "Call us: 030 12345678 or +49 170 1234567",
    "Your code will be sent to +49 170 1234567.",
    "Background-color: #336699",
    ".code { color: #336699; width: 1200px; }",
    "Your discount code: SAVE2026",
    "Gutscheincode: ABC123",
    "Fehlercode: 404404",
    "Error code 500123",
    "Zip code: 94043",
    "Postcode: 12345",
    "PLZ 10115 Berlin",
    "Pincode: 560001",
    "Tracking code: 123456789",
    "https://x.example/code/123456",
    "https://x.example/?code=123456",
    "The meeting is at 18:05 on 14.11.2026, code review after it.",
    "You owe EUR 1234.50. PIN and card are in another letter.",
    "Card ending in 1234",
    "Room 1234 is ready; the QR code is attached.",
    "Your code has 12345678901234567890 in it",
    "In the source code 4711 lines were changed",
    "IBAN DE89 3704 0044 0532 0130 00",
    "code 1.23456",
    "Version 123456 build 7890",
    "クーポンコード: 123456",
    "您的订单 123456 已发货",
    "Use code SUMMER25 at checkout for 25% off!",
    "Here is the code from the lecture, chapter 1234",
    "New sign-in to your account.\n© 2026 Example LLC, 1600 Amphitheatre Parkway, Mountain View, CA 94043, USA",
    "Booking reference\n445566\nPlease bring the code.",
    "Your code was sent to +49 1234 5678",
    "Your PIN was sent to Hauptstr. 5, 10115 Berlin",
    "Your PIN was sent to Main St, Springfield, IL 62701",
    "Your code expires after 3600 seconds.",
]


@pytest.mark.parametrize(("text", "code"), FOUND)
def test_the_code_near_its_keyword_is_found(text: str, code: str) -> None:
    assert code == convert(text, making.mail(), making.moment())


@pytest.mark.parametrize("text", NONE)
def test_what_only_looks_like_a_code_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"has no one-time code"):
        convert(text, making.mail(), making.moment())


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("123456", "123456"),
        (" 123 456 ", "123456"),
        ("123-456", "123456"),
        ("G-123456", "123456"),
        ("AB12-CD34", "AB12-CD34"),
        ("X7K9P2", "X7K9P2"),
        ("2026", "2026"),
        ("١٢٣٤", "1234"),
        (123456, "123456"),
    ],
)
def test_what_a_regex_found_needs_no_keyword(raw: object, code: str) -> None:
    assert code == convert(raw, making.mail(), making.moment())


@pytest.mark.parametrize("raw", ["word", "123", "12:30", "#336699", "2026-11-14", "12345678901", b"123456", None, True])
def test_what_a_regex_found_is_no_code(raw: object) -> None:
    with pytest.raises(ValueError, match=r"^(has no one-time code|is no text)$"):
        convert(raw, making.mail(), making.moment())


def test_a_code_without_a_keyword_is_found_if_the_subject_has_one() -> None:
    text = "Hi Bob,\n\n837465\n\nOrder 4711, 10115 Berlin"
    mail = making.mail(text, Subject="Your verification code")
    assert "837465" == convert(text, mail, making.moment())
    with pytest.raises(ValueError, match="has no one-time code"):
        convert(text, making.mail(text, Subject="News"), making.moment())


@pytest.mark.parametrize(
    "extract",
    [
        {"type": "code"},
        {"subject": True, "type": "code"},
        {"body": r"/lautet (.*)\./", "type": "code"},
    ],
)
def test_a_rule_takes_it_from_the_body_unless_told(extract: dict[str, object]) -> None:
    mail = making.mail("Ihr Code lautet 123 456.", Subject="123456 is your code")
    (verdict,) = making.evaluate(mail, making.rule(extract={"code": extract}))
    assert {"code": "123456"} == dict(verdict.values)


PIECES = strategies.sampled_from(
    [
        *("code", "123456", "12 34 56", "G-123456", " ", "\n", "\t", ":", "is", "PIN", "2026", "{", "}", ";", "#", "€"),
        *(
            "0",
            "-",
            "https://",
            "@",
            "+49 ",
            "order",
            "验证码",
            "１２",
            "\0",
            "\ud800",
            "AB12-CD34",
            ".",
            "Berlin",
            "www.",
        ),
    ]
)


@hypothesis.given(strategies.lists(PIECES, max_size=40).map("".join) | strategies.text(max_size=200))
def test_any_text_gives_a_code_or_a_value_error(text: str) -> None:
    try:
        code = convert(text, making.mail(), making.moment())
    except ValueError:
        return
    assert 4 <= len(code.replace("-", "")) <= 10
    assert code.isascii()
    assert any(char.isdecimal() for char in code)
