"""The words that a one-time code stands near, and those that say that a number is something else. All are folded."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator
from typing import Literal

from bridge.rules.written import fold, words

Kind = Literal["code", "perhaps", "other"]

_CODE = words(
    "code codes codigo codice codi cod codul kod kodu kodunuz kodun kode koden koda kodas kods kood koodi koodisi kodja"
    " kodod kodom kodem kodet код кода коду кодом кодот otp mtan smstan pushtan passcode pin κωδικος κωδικο"
    " einmalpasswort einmalkennwort engangslosenord engangsadgangskode engangspassord kertakayttosalasana"
)
_CODE_ENDS = ("code", "kod", "kode", "koden", "koodi", "koodisi", "kodu", "passcode", "otp")
_NO_CODES = words("decode encode unicode decoded encoded geocode transcode")
_OTHER_CODES = words(  # what stands before a code that is typed nowhere, as a word or the beginning of one
    "post zip postal area country city error status exit response promo promotional discount coupon voucher gift"
    " referral invite card bar qr source dress tracking booking reservation swift sort colour color product item tax"
    " gutschein gutscheins rabatt fehler buchungs aktions promotion quell farb lander postleit vorteils kupon kortings"
    " rabat alennus postinumero promocional descuento sconto reduction promo postal fiscal fiscale"
)
_OTHER_COMPOUNDS = frozenset(("pincode", *(start + end for start in _OTHER_CODES for end in _CODE_ENDS)))
_PERHAPS = words(
    "verification verify verifizierung verifizieren bestatigung verificacion verificar verificacao verifica verificatie"
    " verifiering bekraftelse vahvistus weryfikacji weryfikacja weryfikacyjny overeni potvrzeni dogrulama onay"
    " подтверждения подтверждение подтвердить authentication authentifizierung authenticate password passwort kennwort"
    " parola пароль haslo heslo contrasena senha losenord wachtwoord salasana jelszo sifre login anmeldung anmelden"
    " token clave confirm authentification connexion inloggen"
)
_OTHER = words(
    "chapter kapitel chapitre page seite step"
    " order orders bestellung bestellnummer bestellnr auftrag auftragsnummer auftragsnr invoice rechnung"
    " rechnungsnummer rechnungsnr customer kundennummer kundennr kunde account konto kontonummer iban bic card"
    " karte kreditkarte ending endet ticket case ref reference referenz referenznummer aktenzeichen booking"
    " buchung buchungsnummer reservation tracking sendung sendungsnummer paket shipment phone tel telefon"
    " telephone call fax hotline whatsapp mobile mobil handy telefonnummer plz postleitzahl pincode room zimmer"
    " flight flug contract vertrag vertragsnummer number nummer nr numero numer cislo номер serial seriennummer"
    " sku artikel artikelnummer article model modell id copyright suite pedido factura commande facture ordine"
    " fattura encomenda bestelling factuur klantnummer ordernummer faktura zamowienie zamowienia objednavka"
    " objednavky rendeles siparis заказ заказа счет policy police version build extension ext vat ust ustid"
    " steuernummer hrb member membership telefono telefoon telefone puhelin телефон street strasse road avenue"
    " vorgang vorgangsnummer ordre ordrenummer kundenr zip postnummer transaction transaktion"
)
_PHRASES: dict[Kind, str] = {
    "code": "验证码|驗證碼|校验码|校驗碼|动态码|动态密码|動態密碼|安全码|安全碼|確認碼|确认码|驗證代碼|认证码"
    "|認證碼|認証コード|認証番号|確認コード|確認番号|ワンタイムパスワード|パスコード"
    "|セキュリティコード|セキュリティ コード|暗証番号|コード|인증번호|인증 번호|인증코드|인증 코드"
    "|확인 코드|보안 코드|코드|رمز|كود|קוד|कोड|ओटीपी|รหัส|ma xac minh|ma xac thuc|ma xac nhan"
    "|one-time password|one time password|onetime password|mot de passe a usage unique"
    "|contrasena de un solo uso|haslo jednorazowe|jednorazove heslo|jednorazowe haslo"
    "|одноразовый пароль|senha de uso unico|password monouso|eenmalig wachtwoord|verification number"
    "|login number|code number",
    "other": "订单|訂單|注文番号|ご注文|주문번호|주문 번호|郵便番号|电话|電話|전화|优惠码|クーポンコード"
    "|クーポン コード|쿠폰 코드|쿠폰코드|po box|p o box",
}
_WORD = re.compile(r"[^\W\d_]+")


@dataclasses.dataclass(frozen=True, slots=True)
class Hit:
    """A word that tells something of the numbers near it."""

    kind: Kind
    start: int
    end: int


def find(text: str) -> list[Hit]:
    """In the order of the text."""
    folded = fold(text)
    named = [*_phrases(folded), *_words(text, folded)]
    return sorted(named, key=lambda hit: (hit.start, -hit.end))


def _words(text: str, folded: str) -> Iterator[Hit]:
    before, ended = "", 0
    for word in _WORD.finditer(folded):
        start, end = word.span()
        near = before if start - ended <= 2 else ""
        if kind := _kind(word[0], near, text[start:end]):
            yield Hit(kind, start, end)
        before, ended = word[0], end


def _kind(word: str, before: str, written: str) -> Kind | None:
    if word in _CODE or (word.endswith(_CODE_ENDS) and word not in _NO_CODES):
        return "other" if before in _OTHER_CODES or word in _OTHER_COMPOUNDS else "code"
    if word.endswith("tan") and written.endswith("TAN"):
        return "code"
    if word in _PERHAPS:
        return "perhaps"
    return "other" if word in _OTHER else None


@functools.cache
def _pattern() -> re.Pattern[str]:
    named = sorted((phrase, kind) for kind, phrases in _PHRASES.items() for phrase in map(fold, phrases.split("|")))
    groups = {kind: sorted((p for p, k in named if k == kind), key=len, reverse=True) for kind in _PHRASES}
    return re.compile("|".join(f"(?P<{kind}>{'|'.join(map(re.escape, groups[kind]))})" for kind in ("other", "code")))


def _phrases(folded: str) -> Iterator[Hit]:
    for found in _pattern().finditer(folded):
        yield Hit("other" if found["other"] else "code", *found.span())
