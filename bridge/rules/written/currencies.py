"""How people write currencies: signs, codes (ISO 4217) and words."""

from __future__ import annotations

import functools
import re

# Without ALL, CUP, LAK, MOP, SOS and TOP, which are words when a mail shouts.
CODES = frozenset(
    (
        "AED AFN AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTC BTN BWP BYN BZD CAD CDF"
        " CHF CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ERN ETB ETH EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD"
        " HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LBP LKR LRD LSL LYD"
        " MAD MDL MGA MKD MMK MNT MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG"
        " QAR RMB RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SRD SSP STN SYP SZL THB TJS TMT TND TRY TTD TWD TZS"
        " UAH UGX USD USDT UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL"
    ).split()
)
FINE = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))  # with three decimals
_ANY_CASE = ("EUR", "USD", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "JPY", "INR")
_SIGNS = "R$ US$ AU$ CA$ NZ$ HK$ NT$ A$ C$ S$ Mex$ ₿ ¢ $ € £ ¥ ￥ ₹ ₽ ₺ ₴ ₪ ₩ ₫ ฿ ₦ ₱ ₡ ₲ ₵ ₸ ₼ ₾ ₮ ₭ ＄ ￡ ￦".split()
_WORDS = (  # whatever their case
    "euro euros dollar dollars franken francs yen kronor kroner korun forint złotych zł zl kč kr kn lei лв грн руб"
    " рублей рубля р гривень ден дин ft rp rs rm fr sfr ευρώ"
).split()
_IDEOGRAPHS = "円 元 圓 원 บาท".split()
_ENDS = "円元圓원"
COMMA_BEHIND = frozenset(("€", "kr", "zł", "kč", "ft", "lei", "лв", "грн", "руб", "р", "₽", "₴", "₺"))


@functools.cache
def _any() -> str:
    words = [*(rf"(?i:{re.escape(word)})" for word in sorted((*_ANY_CASE, *_WORDS), key=len, reverse=True))]
    letters = "|".join([*words, *sorted(CODES)])
    signs = "|".join(map(re.escape, [*_SIGNS, *_IDEOGRAPHS]))
    return rf"(?:{signs}|(?<![^\W\d_])(?:{letters})(?![^\W\d_])\.?)"


@functools.cache
def before() -> re.Pattern[str]:
    """A currency at the end of what stands before a number, and the sign between or before them."""
    return re.compile(rf"(?P<first>[+-]?)(?P<currency>{_any()}) ?(?P<second>[+-]?) ?$")


@functools.cache
def behind() -> re.Pattern[str]:
    """A currency at the beginning of what stands behind a number."""
    return re.compile(rf" ?(?P<currency>{_any()})")
