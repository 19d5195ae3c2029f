"""What is too much: read before parsing, so that no mail costs more than this.

The figures are far above what people send and far below what hurts.
"""

HEADER_BYTES = 65_536  # the raw header that is downloaded and looked at
TEXT_PREFIX_BYTES = 8_192  # of BODY[TEXT], in the first fetch
TEXT_BYTES = 262_144  # of a text part as transferred, in the second
HTML_CHARS = 262_144  # of HTML, before it becomes text
TEXT_CHARS = 262_144  # of readable text
FIELDS = 1_000  # header fields
FIELD_CHARS = 32_768  # of one field's value
ENCODED_WORDS = 500  # in one field; the rest stays as it is written
ADDRESSES = 1_000  # in one field
PARTS = 500  # leaves of a structure
DEPTH = 50  # of nested multiparts
NAME_CHARS = 255  # of a file name
LINES = 2_000  # of a text, in which a quoted mail has to begin
FORWARDED_BYTES = 262_144  # of an attached mail as transferred
FORWARDED_DEPTH = 3  # of a mail in a mail in a mail
FILE_BYTES = 196_608  # of an attached file that is looked into (JSON, CSV, text, calendar), as transferred
ATTACHMENT_BYTES = 12_582_912  # of an attached file that is taken as it is, as transferred
CALENDAR_LINES = 20_000  # of a calendar, before they are unfolded
