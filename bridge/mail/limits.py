"""What is too much: read before parsing, so that no mail costs more than this.

The figures are far above what people send and far below what hurts.
"""

HEADER_BYTES = 65_536  # the raw header that is downloaded and looked at
LONG_HEADER_BYTES = 16_384  # of a header that takes milliseconds to read
MANY_PARTS = 50  # the same of parts
TEXT_PREFIX_BYTES = 8_192  # of BODY[TEXT], in the first fetch
TEXT_BYTES = 131_072  # of a text part as transferred, in the second
HTML_CHARS = 131_072  # of HTML, before it becomes text
HTML_TAGS = 4_000  # of HTML that becomes a tree, start and end tags alike: more than a long newsletter has
HTML_DEPTH = 100  # of that tree
ATTRIBUTES = 50  # of one tag
ATTRIBUTES_CHARS = 8_192  # of one tag's attributes
TEXT_CHARS = 131_072  # of readable text
FIELDS = 1_000  # header fields
FIELD_CHARS = 32_768  # of one field's value
ENCODED_WORDS = 500  # in one field; the rest stays as it is written
ADDRESSES = 1_000  # in one field
PARTS = 500  # leaves of a structure
DEPTH = 50  # of nested multiparts
NAME_CHARS = 255  # of a file name
LINES = 2_000  # of a text, in which a quoted mail has to begin
FORWARDED_BYTES = 131_072  # of an attached mail as transferred
FORWARDED_DEPTH = 3  # of a mail in a mail in a mail
FILE_BYTES = 196_608  # of an attached file that is looked into (JSON, CSV, text, calendar), as transferred
ATTACHMENT_BYTES = 12_582_912  # of an attached file that is taken as it is, as transferred; a larger one is streamed
STREAMED_BYTES = 256_000_000  # of a file that is streamed, unless the settings say otherwise
CALENDAR_LINES = 20_000  # of a calendar, before they are unfolded
DATA_CHARS = 65_536  # of a mail's JSON-LD, all of it; a script that does not fit is passed over
DATA_VALUES = 5_000  # of a mail's JSON-LD
DATA_PROPERTIES = 1_000  # of a mail's Microdata
DATA_DEPTH = 20  # of items in items
DATA_TEXTS = 200  # values of Microdata that have to be read from the text
DATA_TEXT_CHARS = 2_048  # of one value
TABLE_PARTS = 2_000  # cells, rows and tables of a mail's HTML in which a label is looked for
CELL_CHARS = 1_024  # of a cell of a table, and of what a label stands beside
LABELLED_LINES = 2_000  # of a text, in which a label is looked for
LABELS = 200  # places of a text that look like a label, and are looked at more closely
PICTURE_BYTES = 6_000_000  # of a picture that is looked at; decoding costs about 9 ms a megabyte
PICTURE_PIXELS = 13_000_000  # of a JPEG, which is decoded at an eighth to a half of its size
PICTURE_PIXELS_SCANNED = 40_000_000  # of a progressive JPEG, all of its scans (often ten) together
PICTURE_PIXELS_WHOLE = 2_100_000  # of any other picture, which has to be decoded whole: 1920 x 1080
