"""The names of months, weekdays and of the days around today, in some thirty languages.

Words are compared folded: in lower case and without accents, one character for one (``fold``). A month may be cut short
to three letters or more where that leaves it a month of one number.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

from bridge.rules.written import fold, words

_MONTHS = (
    "january januar jänner janvier enero gennaio janeiro januari tammikuu tammikuuta styczeń stycznia leden ledna"
    " január ianuarie ocak январь января січень січня януари ιανουάριος ιανουαρίου siječanj siječnja јануар sausio"
    " sausis janvāris jaanuar janúar gener јануари",
    "february februar feber février febrero febbraio fevereiro februari helmikuu helmikuuta luty lutego únor"
    " února február februára februarie şubat февраль февраля лютий лютого февруари φεβρουάριος φεβρουαρίου veljača"
    " veljače фебруар vasario vasaris februāris veebruar febrúar febrer feb fev",
    "march märz maerz mrz mars marzo março maart mrt marts maaliskuu maaliskuuta marzec marca březen března marec"
    " március martie mart март марта березень березня μάρτιος μαρτίου ožujak ožujka kovas kovo märts març maret"
    " mar",
    "april avril abril aprile aprilie huhtikuu huhtikuuta kwiecień kwietnia duben dubna apríl apríla április"
    " nisan апрель апреля квітень квітня април απρίλιος απριλίου travanj travnja balandis balandžio aprīlis aprill",
    "may mai mayo maggio maio mei maj toukokuu toukokuuta maja květen května máj mája május mayıs май мая травень"
    " травня μάιος μαΐου svibanj svibnja мај gegužė gegužės maijs maí maig",
    "june juni juin junio giugno junho juni kesäkuu kesäkuuta czerwiec czerwca červen června jún júna június"
    " iunie haziran июнь июня червень червня юни ιούνιος ιουνίου lipanj lipnja јун јуни birželio birželis jūnijs"
    " juuni júní juny junij",
    "july juli juillet julio luglio julho heinäkuu heinäkuuta lipiec lipca červenec července júl júla július"
    " iulie temmuz июль июля липень липня юли ιούλιος ιουλίου srpanj srpnja јул јули liepa liepos jūlijs juuli"
    " júlí juliol julij lip",
    "august août aout agosto augustus augusti elokuu elokuuta sierpień sierpnia srpen srpna augusta augusztus"
    " ağustos август августа серпень серпня αύγουστος αυγούστου kolovoz kolovoza rugpjūtis rugpjūčio augusts ágúst"
    " agost avgust agustus agt",
    "september septembre septiembre setiembre settembre setembro syyskuu syyskuuta wrzesień września září"
    " septembra szeptember septembrie eylül сентябрь сентября вересень вересня септември σεπτέμβριος σεπτεμβρίου"
    " rujan rujna септембар rugsėjis rugsėjo septembris setembre",
    "october oktober octobre octubre ottobre outubro lokakuu lokakuuta październik października říjen října"
    " október októbra octombrie ekim октябрь октября жовтень жовтня октомври οκτώβριος οκτωβρίου октобар spalis"
    " spalio oktobris oktoober οκτ",
    "november novembre noviembre novembro marraskuu marraskuuta listopad listopada listopadu novembra noiembrie"
    " kasım ноябрь ноября листопад листопада ноември νοέμβριος νοεμβρίου studeni studenoga studenog новембар"
    " lapkritis lapkričio novembris nóvember",
    "december dezember décembre diciembre dicembre dezembro joulukuu joulukuuta grudzień grudnia prosinec"
    " prosince decembra decembrie aralık декабрь декабря грудень грудня декември δεκέμβριος δεκεμβρίου prosinac"
    " prosinca децембар gruodis gruodžio decembris detsember desember desembre",
)
RISKY = frozenset(("ago", "ara", "bal", "gen", "lip", "mag", "nis", "out", "pro", "set", "tem", "tra", "vas"))  # words
_WEEKDAYS = (
    "monday mon montag lundi lun lunes lunedì segunda segunda-feira maandag måndag mandag maanantai maanantaina"
    " poniedziałek pondělí pondelok hétfő luni pazartesi понедельник пн понеділок понеделник δευτέρα ponedjeljak"
    " ponedeljek pirmadienis pirmdiena esmaspäev mánudagur dilluns senin 月曜日 月曜 星期一 周一 월요일",
    "tuesday tue tues dienstag mardi martes martedì terça terça-feira dinsdag tisdag tirsdag tiistai tiistaina"
    " wtorek úterý utorok kedd marți salı вторник вт вівторок τρίτη utorak torek antradienis otrdiena teisipäev"
    " þriðjudagur dimarts selasa 火曜日 火曜 星期二 周二 화요일",
    "wednesday wed mittwoch mercredi mer miércoles mié mercoledì quarta quarta-feira woensdag onsdag keskiviikko"
    " keskiviikkona środa środę středa středu streda szerda miercuri çarşamba среда среду ср середа сряда τετάρτη"
    " srijeda sreda trečiadienis trešdiena kolmapäev miðvikudagur dimecres rabu 水曜日 水曜 星期三 周三 수요일",
    "thursday thu thur thurs donnerstag jeudi jeu jueves giovedì quinta quinta-feira donderdag torsdag torstai"
    " torstaina czwartek čtvrtek štvrtok csütörtök joi perşembe четверг чт четвер четвъртък πέμπτη četvrtak"
    " četrtek ketvirtadienis ceturtdiena neljapäev fimmtudagur dijous kamis 木曜日 木曜 星期四 周四 목요일",
    "friday fri freitag vendredi ven viernes vie venerdì sexta sexta-feira vrijdag fredag perjantai perjantaina"
    " piątek pátek piatok péntek vineri cuma пятница пятницу пт п'ятниця п'ятницю петък παρασκευή petak petek"
    " penktadienis piektdiena reede föstudagur divendres jumat 金曜日 金曜 星期五 周五 금요일",
    "saturday sat samstag sonnabend samedi sam sábado sabato zaterdag lördag lørdag lauantai lauantaina sobota"
    " sobotę sobotu szombat sâmbătă cumartesi суббота субботу сб субота суботу събота σάββατο subota šeštadienis"
    " sestdiena laupäev laugardagur dissabte sabtu 土曜日 土曜 星期六 周六 토요일",
    "sunday sun sonntag dimanche dim domingo domenica zondag söndag søndag sunnuntai sunnuntaina niedziela"
    " niedzielę neděle neděli nedeľa vasárnap duminică pazar воскресенье вс неділя неділю неделя κυριακή nedjelja"
    " nedelja sekmadienis svētdiena pühapäev sunnudagur diumenge minggu 日曜日 日曜 星期日 星期天 周日 일요일",
)
_GERMAN = dict(zip(("mo", "di", "mi", "do", "fr", "sa", "so"), range(7), strict=True))
_DAYS = {
    -2: "day before yesterday|vorgestern|avant-hier|anteayer|antes de ayer|l'altro ieri|anteontem|eergisteren|förrgår"
    "|przedwczoraj|předevčírem|позавчера|おととい|前天|그저께",
    -1: "yesterday|gestern|ayer|ieri|ontem|gisteren|i går|igår|eilen|wczoraj|včera|tegnap|dün|вчера|вчора|учора|χθες"
    "|jučer|včeraj|vakar|eile|í gær|ahir|kemarin|hôm qua|昨日|昨天|어제",
    0: "today|tonight|heute|aujourd'hui|hoy|oggi|hoje|vandaag|i dag|idag|tänään|dzisiaj|dziś|dnes|azi|bugün|сегодня"
    "|сьогодні|днес|σήμερα|danas|danes|šiandien|šodien|täna|í dag|avui|hari ini|hôm nay|今日|今天|本日|오늘",
    1: "tomorrow|morgen|demain|mañana|domani|amanhã|i morgon|imorgon|i morgen|huomenna|jutro|zítra|zajtra|holnap|mâine"
    "|yarın|завтра|утре|αύριο|sutra|jutri|rytoj|rīt|homme|á morgun|demà|besok|ngày mai|明日|明天|내일",
    2: "day after tomorrow|übermorgen|après-demain|pasado mañana|dopodomani|depois de amanhã|overmorgen|i övermorgon"
    "|i overmorgen|ylihuomenna|pojutrze|pozítří|послезавтра|післязавтра|明後日|后天|後天|모레",
}
NEXT = words("next nachste nachsten nachster kommenden kommender prochain proximo prossimo volgende nasta neste")
LAST = words("last letzten letzter vergangenen dernier pasado scorso vorige forra forrige ostatni")


@functools.cache
def months() -> Mapping[str, int]:
    """A folded name, or the beginning of one → 1 to 12."""
    names = [[fold(name) for name in names.split()] for names in _MONTHS]
    short: dict[str, set[int]] = {}
    for number, some in enumerate(names, 1):
        for name in some:
            for length in range(3, len(name)):
                short.setdefault(name[:length], set()).add(number)
    whole = {name: number for number, some in enumerate(names, 1) for name in some}
    return {name: numbers.copy().pop() for name, numbers in short.items() if len(numbers) == 1} | whole


@functools.cache
def weekdays() -> Mapping[str, int]:
    """A folded name → 0 for Monday to 6."""
    return {fold(name): number for number, names in enumerate(_WEEKDAYS) for name in names.split()}


def german(word: str, behind: str) -> int | None:
    """``Mo``, ``Di`` … where what stands behind them says that they are weekdays: ``Do., 10 Uhr``, ``So 18:05`` (a time
    may have been blanked).
    """
    number = _GERMAN.get(word)
    return (
        number
        if number is not None and (behind[:1] in (".", ",") or behind[1:] == " " or behind[1:].isdecimal())
        else None
    )


@functools.cache
def days() -> Mapping[str, int]:
    """What a day near today is called, folded, the longest names first → how many days it is away."""
    named = {fold(name): away for away, names in _DAYS.items() for name in names.split("|")}
    return {name: named[name] for name in sorted(named, key=len, reverse=True)}
