"""How people write units of time, in many languages: a word → its seconds."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from bridge.rules.written import words

_WORDS = {
    0.001: "ms msec msecs millisecond milliseconds millisekunde millisekunden milliseconde milliseconden",
    1: (
        "s sec secs second seconds sek sekunde sekunden sekunder sekund seconde secondes seconden segundo segundos seg"
        " secondo secondi sekunda sekundy sekúnd másodperc mp secundă secunde sekunti sekuntia saniye sn"
        " с сек секунд секунда секунды секунди δευτερόλεπτα δευτ 秒 秒钟 초"
    ),
    60: (
        "m min mins minute minutes minuten minut minuto minutos minuti minuta minuty minuter minutter minutters minúta"
        " minúty minút perc perce minuutti minuuttia minuuttien minuut minuten dakika dk dak phút menit"
        " м мин минут минута минуты минути хв хвилин хвилини хвилина λεπτά λεπτό λεπ 分 分钟 分鐘 分間 분"
    ),
    3_600: (
        "h hr hrs hour hours std stunde stunden uur uren u heure heures hora horas ora ore timme timmar tim time timer"
        " tunti tuntia godzina godziny godzin godz hodina hodiny hodin hod hodín óra saat sa giờ jam"
        " ч час часа часов год година години годин ώρα ώρες 小时 小時 时 時間 시간"
    ),
    86_400: (
        "d day days tag tage tagen dag dagen dagar dage dager jour jours j dia dias día días giorno giorni gg päivä"
        " päivää dzień dni den dny dnů deň dní nap zi zile gün ngày hari"
        " день дня дней дн дні днів ημέρα ημέρες μέρες 天 日 日間 일"
    ),
    604_800: (
        "w wk wks week weeks woche wochen weken semaine semaines semana semanas settimana settimane vecka veckor uge"
        " uger uke uker viikko viikkoa tydzień tygodnie tygodni týden týdny týdnů týždeň týždne hét săptămână săptămâni"
        " hafta minggu tuần неделя недели недель тиждень тижні тижнів εβδομάδα εβδομάδες 周 週 週間 주"
    ),
}
INEXACT = words(  # of no fixed length
    "mo month months monat monate monaten mois mes meses mese mesi maand maanden månad månader måned måneder"
    " kuukausi miesiąc miesiące miesięcy měsíc měsíce měsíců hónap lună luni ay месяц месяца месяцев місяць 个月 か月"
    " ヶ月 개월 y yr yrs year years jahr jahre jahren an ans année années año años anno anni ano anos jaar år vuosi"
    " vuotta rok lata lat roku év ani yıl г лет років χρόνια 年 년"
)


@functools.cache
def seconds() -> Mapping[str, float]:
    """A unit, in lower case → how many seconds it has."""
    return {word: length for length, some in _WORDS.items() for word in some.split()}
