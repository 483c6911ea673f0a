"""The text of an export and its rows: encodings, separators, line ends and invisible characters.

Read here: UTF-8 and the encodings of `ExportFormat`, with or without byte order marks; comma, semicolon, tab or `|`,
also as a line `sep=;` names it; quoted fields with line breaks (RFC 4180); lines that end with LF, CR LF or CR.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator
from typing import Final

from connectors.errors import ActionRequiredError
from connectors.people_csv.mapping import ExportFormat

MAX_EXPORT_BYTES: Final = 32 * 1024 * 1024
_DELIMITERS: Final = ",;\t|"
_SEPARATOR_LINE: Final = re.compile(r'"?sep=(?P<separator>[,;\t|])"?[,;\t|]*\n', re.IGNORECASE)

# The same characters as in orchestrator/domain/invisible.py, which connectors cannot import; a test compares them.
CONTROLS: Final = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
BIDI: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
JOINERS: Final = "\u200c\u200d"
ZERO_WIDTH: Final = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\U000e0000-\U000e007f"
)
UNDECODED: Final = re.compile(r"[\ud800-\udfff]")
UNPRINTABLE: Final = re.compile(f"[{CONTROLS}]")
INVISIBLE: Final = re.compile(f"[{BIDI}{ZERO_WIDTH}]")
SUSPECT: Final = re.compile(f"[\ud800-\udfff{CONTROLS}{BIDI}{ZERO_WIDTH}]")
"""Any of the three above."""
_AT_THE_ENDS: Final = re.compile(rf"^[\s{BIDI}{JOINERS}{ZERO_WIDTH}]+|[\s{BIDI}{JOINERS}{ZERO_WIDTH}]+\Z")
_TEXT_FORMULA: Final = re.compile(r'="([^"]*)"')
FORMULA: Final = re.compile(r"=|#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|SPILL!|CALC!)\Z")
"""A formula, or what a spreadsheet shows where one failed."""
SHORTENED: Final = re.compile(r"[0-9]([.,][0-9]+)?E\+[0-9]+", re.IGNORECASE)
"""A number of which a spreadsheet kept the first digits only, such as `1.23E+08`."""


def refused(code: str, detail: str, remedy: str) -> ActionRequiredError:
    """What keeps a whole file from being read."""
    return ActionRequiredError(code, detail, remedy=remedy, happened="no")


def trimmed(text: str) -> str:
    """Without white space and invisible characters at the ends: spreadsheets and web pages add them unseen. A text that
    was written as a formula, such as `="00123"`, which keeps leading zeros in a spreadsheet, is that text."""
    plain = text.strip() if text.isascii() else _AT_THE_ENDS.sub("", text)
    quoted = _TEXT_FORMULA.fullmatch(plain) if plain.startswith("=") else None
    return quoted[1].strip() if quoted is not None else plain


def title_key(text: str) -> str:
    """Titles are the same in any case and spacing."""
    return " ".join(trimmed(text).split()).casefold()


def rows_of(content: bytes | str, form: ExportFormat, titles: Collection[str]) -> Iterator[tuple[int, list[str] | str]]:
    """Each row with the line on which it begins, counted from 1: its cells, or what keeps it from being read. `titles`
    are those of the mapped columns, by which the separator is recognised where `form` has none. Raises
    `ActionRequiredError`."""
    text = _decoded(content, form).replace("\r\n", "\n").replace("\r", "\n")
    separator = _SEPARATOR_LINE.match(text)
    before = 0
    if separator is not None:
        text, before = text[separator.end() :], 1
    delimiter = "\t" if form.delimiter == "tab" else form.delimiter or (separator and separator["separator"])
    return _rows(text, delimiter or _delimiter(text, form, titles), before)


def _decoded(content: bytes | str, form: ExportFormat) -> str:
    """Bytes that the encoding does not have stay in the text as lone surrogates, so that only the rows with them are
    bad. A byte order mark decides against the setting."""
    if isinstance(content, str):
        return content.lstrip("\ufeff")
    if len(content) > MAX_EXPORT_BYTES:
        raise refused("export_too_large", f"The export is larger than {MAX_EXPORT_BYTES >> 20} MiB.", "Split the file.")
    encoding: str = form.encoding
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif content[:3] == b"\xef\xbb\xbf":
        encoding = "utf-8"
    if not encoding.startswith("utf-16"):
        text = content.decode(encoding, "surrogateescape")
        if "\x00" in text.partition("\n")[0]:
            raise refused(
                "export_encoding",
                f"The export has NUL characters in its first line, so it is not {encoding} text.",
                "Set export_format.encoding in platform.yaml, for example utf-16-le, or save the file as UTF-8.",
            )
        return text.lstrip("\ufeff")
    text = content.decode(encoding, "replace")
    if "\ufffd" in text:
        raise refused("export_encoding", f"The export is not valid {encoding.upper()} text.", "Save it again as UTF-8.")
    return text.lstrip("\ufeff")


def _delimiter(text: str, form: ExportFormat, titles: Collection[str]) -> str:
    """The one under which most of the mapped titles are found in the row of titles."""
    wanted = {title_key(title) for title in titles}

    def titles_found(delimiter: str) -> int:
        found = 0
        try:
            for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), start=1):
                if number == form.title_row or (form.title_row is None and any(trimmed(cell) for cell in cells)):
                    return len({title_key(cell) for cell in cells} & wanted)
                if number > 100:
                    break
        except csv.Error:
            return 0
        return found

    return max(_DELIMITERS, key=titles_found)


def _rows(text: str, delimiter: str, before: int) -> Iterator[tuple[int, list[str] | str]]:
    # newline="" leaves line breaks inside quotation marks as they are, as the csv module asks for.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        begins = reader.line_num + 1 + before
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield begins, "has a quotation mark that is not closed, or not doubled inside a value; correct it"
        else:
            yield begins, cells
