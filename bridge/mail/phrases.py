"""What mail programs write around a mail that they quote or forward, in the languages that they speak.

Every word is in the form that ``fold`` gives. The lists are what the programs write, not what people might: a word too
many here takes text away from somebody's mail.
"""

from __future__ import annotations

import functools
import re


def fold(words: str) -> str:
    """Without regard to case, kinds of apostrophe and runs of blanks."""
    return " ".join(words.casefold().replace("’", "'").split())


def _fields(**written: str) -> dict[str, str]:
    """Label → field. Labels of more than one word have ``_`` for the blank."""
    found: dict[str, str] = {}
    for field, labels in written.items():
        found.update(dict.fromkeys((fold(label.replace("_", " ")) for label in labels.split()), field))
    return found


LABELS = _fields(
    From="From Von De Da Van Från Fra Od Lähettäjä Feladó Kimden Gönderen От От_кого Від De_la Από 差出人 送信者 发件人"
    " 寄件者 寄件人 보낸사람 보낸_사람 Expéditeur Remitente Mittente Afzender Avsändare Afsender Nadawca"
    " Odesílatel Absender",
    To="To An À Para A Aan Till Til Do Komu Vastaanottaja Címzett Kime Alıcı Кому Către Προς 宛先 收件人 收件者"
    " 받는사람 받는_사람 Destinataire Destinatario Pour Empfänger",
    Cc="Cc Kopie Copie Kopia Kopi Copia Копия Másolatot_kap Másolat Bilgi DW Kopio Kopie_(Cc) 抄送 副本 참조 Cópia",
    Bcc="Bcc Cco Cci Ccn Blindkopie Ukryta_kopia Скрытая_копия",
    Subject="Subject Betreff Objet Sujet Asunto Oggetto Onderwerp Assunto Temat Ämne Emne Předmět Predmet Aihe Tárgy"
    " Konu Тема Subiect Θέμα 件名 主题 主旨 제목",
    Date="Date Sent Datum Gesendet Envoyé Fecha Enviado Enviado_el Enviada Enviada_em Enviado_em Data Inviato"
    " Data_invio Verzonden Wysłano Skickat Sendt Dato Odesláno Odoslané Dátum Lähetetty Päiväys Päivämäärä Elküldve"
    " Küldve Tarih Gönderme_Tarihi Gönderildi Дата Отправлено Надіслано Trimis Ημερομηνία 日付 日時 送信日時 发送时间"
    " 日期 寄件日期 날짜 보낸_날짜 보낸날짜",
    **{"Reply-To": "Reply-To Antwort_an Antwort-an Répondre_à Responder_a Rispondi_a Antwoord_aan Svar_til Svara_till"},
)

# What stands in a line of dashes above a mail that is forwarded; Apple's have a colon behind them and no dashes.
FORWARDED = frozenset(
    fold(words)
    for words in (
        *("Forwarded message", "Begin forwarded message", "Start of forwarded message", "Forwarded mail"),
        *("Weitergeleitete Nachricht", "Weitergeleitete E-Mail", "Anfang der weitergeleiteten Nachricht"),
        *("Anfang der weitergeleiteten E-Mail", "Message transféré", "Message réexpédié", "Courriel transféré"),
        *("Début du message transféré", "Début du message réexpédié", "Mensaje reenviado"),
        *("Inicio del mensaje reenviado", "Messaggio inoltrato", "Inizio messaggio inoltrato"),
        *("Inizio del messaggio inoltrato", "Doorgestuurd bericht", "Begin doorgestuurd bericht"),
        *("Doorgezonden bericht", "Mensagem encaminhada", "Mensagem reencaminhada"),
        *("Início da mensagem encaminhada", "Início da mensagem reencaminhada", "Wiadomość przekazana dalej"),
        *("Przekazana wiadomość", "Treść przekazanej wiadomości", "Początek przekazywanej wiadomości"),
        *("Wiadomość przekazana", "Vidarebefordrat meddelande", "Vidarebefordrat mejl", "Vidarebefordrat brev"),
        *("Videresendt meddelelse", "Videresendt besked", "Start på videresendt besked", "Videresendt melding"),
        *("Start på videresendt melding", "Begynnelse på videresendt melding", "Videresendt e-mail"),
        *("Přeposlaná zpráva", "Předaná zpráva", "Začátek přeposlané zprávy", "Preposlaná správa"),
        *("Välitetty viesti", "Välitetty viesti alkaa", "Edelleenlähetetty viesti", "Továbbított üzenet"),
        *("Továbbított levél", "İletilen mesaj", "İletilmiş mesaj", "Yönlendirilmiş ileti", "İletilen ileti"),
        *("Пересылаемое сообщение", "Пересланное сообщение", "Перенаправленное сообщение"),
        *("Начало переадресованного сообщения", "Начало пересылаемого сообщения", "Переслане повідомлення"),
        *("Mesaj redirecționat", "Προωθημένο μήνυμα", "転送されたメッセージ", "転送メッセージ", "转发的邮件"),
        *("转发邮件", "已转发的邮件", "轉寄郵件", "전달된 메시지", "전달된 메일"),
    )
)
FORWARDED_BY = tuple(fold(words) + " " for words in ("Forwarded message from", "Forwarded by"))

# The same above a mail that is forwarded or answered.
ORIGINAL = frozenset(
    fold(words)
    for words in (
        *("Original message", "Original appointment", "Ursprüngliche Nachricht", "Originalnachricht"),
        *("Ursprünglicher Termin", "Message d'origine", "Message original", "Mensaje original"),
        *("Messaggio originale", "Oorspronkelijk bericht", "Origineel bericht", "Mensagem original"),
        *("Wiadomość oryginalna", "Oryginalna wiadomość", "Originalmeddelande", "Ursprungligt meddelande"),
        *("Ursprungligt mejl", "Oprindelig meddelelse", "Original meddelelse", "Oprindelig besked"),
        *("Opprinnelig melding", "Original melding", "Původní zpráva", "Původní e-mail", "Pôvodná správa"),
        *("Alkuperäinen viesti", "Eredeti üzenet", "Orijinal mesaj", "Özgün ileti", "Исходное сообщение"),
        *("Оригинальное сообщение", "Mesaj original", "Αρχικό μήνυμα", "元のメッセージ", "原始邮件", "原始郵件"),
        *("원본 메시지", "Reply message", "Original mail", "Original email", "Original-Nachricht"),
    )
)
END = tuple(
    fold(words)
    for words in (
        *("End forwarded message", "End of forwarded message", "Ende der weitergeleiteten Nachricht"),
        *("Конец пересылаемого сообщения", "Fin du message transféré", "Fin del mensaje reenviado"),
        *("Fine messaggio inoltrato", "Einde doorgestuurd bericht"),
    )
)

# "On …, Ada wrote:" has its verb at the end, "Am … schrieb Ada:" before the name.
WROTE = frozenset(
    fold(verb)
    for verb in (
        *(
            "wrote",
            "writes",
            "geschreven",
            "écrit",
            "escribió",
            "escribio",
            "scritto",
            "escreveu",
            "napisał",
            "napisała",
        ),
        *(
            "napisał(a)",
            "pisze",
            "napsal",
            "napsala",
            "napsal(a)",
            "napísal",
            "napísal(a)",
            "kirjoitti",
            "írta",
            "yazdı",
        ),
        *("scris", "έγραψε", "написал", "написала", "написал(а)", "писал", "писал(а)", "пишет", "написав", "작성"),
    )
)
WROTE_BEFORE_NAME = frozenset(fold(verb) for verb in ("schrieb", "schreef", "skrev", "írta", "odesílatel"))
WROTE_ENDS = ("写道", "寫道", "님이 작성", "さんは書きました")  # without a blank before them
# What that begins with; where it does not, it may have begun on the line above.
ON = re.compile(
    r"(?:On|Am|Le|El|Il|Op|Em|No dia|W dniu|Dnia|Den|Dne|Dňa|În|La|Στις)\s"
    r"|[^\W\d]{2,4}\.?,? (?:den )?\d{1,2}\.?[\s,]|\d{1,4}\s?[./年-]\s?\d{1,2}\s?[./月-]",
    re.IGNORECASE,
)

# Before the colon of a subject.
REPLY = frozenset(
    (
        *("re", "aw", "antw", "antwort", "sv", "vs", "odp", "ynt", "r", "ref", "res", "rif", "rép", "réf", "отв"),
        *("回复", "答复", "回覆", "答覆", "返信", "답장"),
    )
)

_DEVICE = (
    r"(?:i ?Phone|i ?Pad|iPod|Apple|Android|Galaxy|Samsung|Huawei|Xiaomi|Nokia|BlackBerry|Windows|Outlook|Yahoo|AOL"
    r"|(?:Google )?Pixel|Gmail|G ?MX|WEB\.DE|T-Online|Proton|Fairphone|Tuta|Mail|Handy|Smartphone|Mobil\w*"
    r"|phone|téléphone|teléfono|telefono|telefoon|telefon\w*|portable|móvil|cellulare|celular|puheli\w+|K-9|FairEmail"
    r"|Spark|Thunderbird|eM Client|Zimbra|smartphone|tablet|handheld|device|Gerät|appareil)"
)
_SENT_FROM = rf"""(?:[-–—(\[*]\s?)?(?:
    (?:Sent|This\ (?:mail|email|message)\ was\ sent)\ (?:from|with|via|by|using)\b.{{0,40}}?\b{_DEVICE}
    |(?:Get|Download)\ Outlook\ for\b
    |(?:Diese\ (?:Nachricht|E-Mail|Mail)\ wurde\ )?Von\ (?:mein|unterwegs).{{0,40}}?gesendet
    |Diese\ (?:Nachricht|E-Mail|Mail)\ wurde\ von\ mein.{{0,40}}?gesendet
    |(?:Gesendet|Versendet|Geschickt)\ (?:von|mit|über|aus|durch|via)\b.{{0,40}}?\b{_DEVICE}
    |Outlook\ für\b.{{0,20}}\b(?:beziehen|herunterladen)|(?:Holen|Laden)\ Sie\ (?:sich\ )?Outlook
    |Envoyé\ (?:de|depuis|à\ partir|avec|par|via)\b.{{0,40}}?\b{_DEVICE}|(?:Obtenez|Télécharge[rz]|Obtenir)\ Outlook
    |Enviad[oa]\ (?:desde|do|da|de|a\ partir|via|pelo|con|com)\b.{{0,40}}?\b{_DEVICE}
    |(?:Obtener|Obter|Obtenga)\ (?:o\ )?Outlook
    |Inviato\ (?:da|dal|con|tramite)\b.{{0,40}}?\b{_DEVICE}|(?:Ottieni|Scarica)\ Outlook
    |(?:Verzonden|Verstuurd|Verstuurt)\ (?:vanaf|vanuit|met|via|van)\b.{{0,40}}?\b{_DEVICE}
    |Outlook\ voor\b.{{0,20}}\b(?:downloaden|ophalen)|Download\ Outlook\ voor
    |Skickat\ från\b.{{0,40}}?\b{_DEVICE}|(?:Hämta|Skaffa)\ Outlook
    |Sendt\ (?:fra|med|via)\b.{{0,40}}?\b{_DEVICE}|(?:Hent|Få)\ Outlook
    |Lähetetty\b.{{0,40}}?{_DEVICE}|Hanki\ Outlook
    |Wysłan[eoy]\ (?:z|za|przez|przy)\b.{{0,40}}?{_DEVICE}|Pobierz\ (?:aplikację\ )?Outlook
    |Odesláno\ (?:z|ze|pomocí)\b.{{0,40}}?(?:{_DEVICE}|iPhon)|Odoslané\ z\b.{{0,40}}?{_DEVICE}|Získ(?:at|ejte)\ Outlook
    |Отправлено\ (?:с|из|через)\b.{{0,40}}?(?:{_DEVICE}|устройства|телефона|Почты)|Скачать\ Outlook
    |Elküldve\ .{{0,40}}?{_DEVICE}|{_DEVICE}\S{{0,12}}\ gönderildi
    |{_DEVICE}から送信|从我的.{{0,20}}发送|發自我的|发自我的|나의\ .{{0,20}}보냄
    )"""


@functools.cache
def sent_from() -> re.Pattern[str]:
    """The line that a phone, or a mail service, puts below a text."""
    return re.compile(_SENT_FROM, re.IGNORECASE | re.VERBOSE)
