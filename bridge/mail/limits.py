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
PICTURE_BYTES = 6_000_000  # of a picture that is looked at; decoding costs about 9 ms a megabyte
PICTURE_PIXELS = 13_000_000  # of a JPEG, which is decoded at an eighth to a half of its size
PICTURE_PIXELS_SCANNED = 40_000_000  # of a progressive JPEG, all of its scans (often ten) together
PICTURE_PIXELS_WHOLE = 2_100_000  # of any other picture, which has to be decoded whole: 1920 x 1080
