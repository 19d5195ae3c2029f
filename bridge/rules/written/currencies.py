"""How people write currencies: signs, codes (ISO 4217) and words."""

from __future__ import annotations

import re

from bridge.rules.written import words

# Without ALL, CUP, LAK, MOP, SOS and TOP, which are words when a mail shouts.
CODES = words(
    "AED AFN AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTC BTN BWP BYN BZD CAD CDF"
    " CHF CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ERN ETB ETH EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD"
    " HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LBP LKR LRD LSL LYD"
    " MAD MDL MGA MKD MMK MNT MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG"
    " QAR RMB RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SRD SSP STN SYP SZL THB TJS TMT TND TRY TTD TWD TZS"
    " UAH UGX USD USDT UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL"
)
FINE = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))  # with three decimals
COMMA_BEHIND = frozenset(("€", "kr", "zł", "kč", "ft", "lei", "лв", "грн", "руб", "р", "₽", "₴", "₺"))
_WORDS = words(  # whatever their case
    "eur usd gbp chf sek nok dkk pln czk jpy inr euro euros dollar dollars franken francs yen kronor kroner korun"
    " forint złotych zł zl kč kr kn lei лв грн руб рублей рубля р гривень ден дин ft rp rs rm fr sfr ευρώ บาท"
    " r$ us$ au$ ca$ nz$ hk$ nt$ a$ c$ s$ mex$"
)
_SIGN = "[$¢€£¥￥₹₽₺₴₪₩₫฿₦₱₡₲₵₸₼₾₮₭₿＄￡￦円元圓원]"
_LETTER = r"[^\W\d_]"
_WORD = rf"{_LETTER}{{1,9}}(?:\$|(?!{_LETTER}))"
_BEFORE = re.compile(rf"([+-]?)({_SIGN}|(?<!{_LETTER}){_WORD}\.?) ?([+-]?) ?$")
_BEHIND = re.compile(rf" ?({_SIGN}|{_WORD})")
_BEFORE_CHARS = 14  # the longest currency, its minus and blanks


def is_one(word: str) -> bool:
    """Whether a sign or a word is a currency."""
    return word in CODES or word.lower() in _WORDS or (len(word) == 1 and word in _SIGN[1:-1])


def before(line: str, at: int) -> re.Match[str] | None:
    """A currency that ends before ``at``: (a minus before it, the currency, a minus behind it)."""
    found = _BEFORE.search(line[max(0, at - _BEFORE_CHARS) : at])
    return found if found and is_one(found[2].removesuffix(".")) else None


def behind(line: str, at: int) -> re.Match[str] | None:
    """A currency that begins at ``at``: (the currency)."""
    found = _BEHIND.match(line, at)
    return found if found and is_one(found[1]) else None
