"""What X12 and EDIFACT have in common: identifiers of goods, quantities with units, local dates and times."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from connectors.body import IDENTIFIER, MAXIMUM_IDENTIFIER_CHARACTERS, Untranslatable
from connectors.translation import Account
from streams.domain.validation import EARLIEST_MILLISECONDS, MAXIMUM_QUANTITY

_X12_UNITS = "LB KG OZ GR TN GA QT PT LT ML FT LF YD MR CM IN SF SY SM CF CY CR 01"  # Data element 355.
_UN_UNITS = "KGM GRM MGM TNE LBR ONZ LTR MLT HLT MTR CMT MMT FOT INH YRD MTK FTK MTQ CMQ GLI GLL"  # Rec. 20.
MEASURED = frozenset(_X12_UNITS.split() + _UN_UNITS.split())
"""Weights, volumes, lengths and areas: stock is kept in whole units, so lines in these move none."""

CENTURY_PIVOT = (
    70  # Of dates with two digits for the year: 69 is 2069, 70 is 1970; EDI began in the seventies.
)
QUANTITY_CHARACTERS = 20  # X12 and EDIFACT allow 15 digits, a sign and a decimal mark.
DATE_FORMATS = {6: "%y%m%d", 8: "%Y%m%d"}
TIME_FORMATS = {0: "", 4: "%H%M", 6: "%H%M%S"}


class Goods(NamedTuple):
    """What one line is about: a SKU, and how many units one of what the line counts holds."""

    sku: str
    pack_size: int


def text_of(body: object) -> str:
    """
    Return a file as text, given as such or as bytes: UTF-8, else Latin-1, in which every byte is a character.

    Raises Untranslatable for a body that is neither, and for text that is no Unicode.
    """
    if isinstance(body, bytes | bytearray):
        try:
            return body.decode("utf-8-sig")
        except UnicodeDecodeError:
            return body.decode("latin-1")
    if not isinstance(body, str):
        raise Untranslatable("", "neither a text nor bytes")
    try:
        body.encode()
    except UnicodeEncodeError:
        raise Untranslatable("", "no Unicode text") from None
    return body


def identifier(text: str, where: str) -> str:
    """Return a technical id as it is. Raises Untranslatable for one that is missing, too long or no id."""
    if not text:
        raise Untranslatable(where, "missing or empty")
    if len(text) > MAXIMUM_IDENTIFIER_CHARACTERS or not IDENTIFIER.fullmatch(text):
        raise Untranslatable(where, f"no id of up to {MAXIMUM_IDENTIFIER_CHARACTERS} printable characters")
    return text


def goods(account: Account, identifiers: Sequence[str], where: str) -> Goods:
    """
    Return what a line's identifiers stand for.

    A line often has several, of the buyer, the seller and GS1. The first that the account knows counts, else the
    first. Raises Untranslatable.
    """
    if not identifiers:
        raise Untranslatable(where, "names no product")
    chosen = next((one for one in identifiers if one in account.skus), identifiers[0])
    sku = account.sku_of(identifier(chosen, where), where)
    return Goods(sku, account.pack_sizes.get(chosen, 1))


def units(text: str, where: str) -> int:
    """Return a quantity that is a whole number from 0, with either decimal mark. Raises Untranslatable."""
    try:
        number = Decimal(text.replace(",", ".")) if len(text) <= QUANTITY_CHARACTERS else Decimal("nan")
    except InvalidOperation:
        number = Decimal("nan")
    if not text.isascii() or not number.is_finite():
        raise Untranslatable(where, "missing or no number")
    if number % 1 or not 0 <= number <= MAXIMUM_QUANTITY:
        raise Untranslatable(where, f"not a whole number from 0 to {MAXIMUM_QUANTITY}")
    return int(number)


def moment(date: str, time: str, zone: tzinfo, where: str, prepared: int | None = None) -> int:
    """
    Return a date of 6 or 8 digits and a time of 0, 4 or 6 as UTC milliseconds.

    A date alone is the time when the interchange was prepared, if that is on the same day: the best that is known.
    Otherwise it is the start of the day. Raises Untranslatable.
    """
    date_format, time_format = DATE_FORMATS.get(len(date)), TIME_FORMATS.get(len(time[:6]))
    if (
        date_format is None
        or time_format is None
        or not (date + time).isascii()
        or not (date + time).isdigit()
    ):
        raise Untranslatable(where, "missing or no date, such as 20260131, with a time such as 1530 or none")
    try:
        found = datetime.strptime(date + time[:6], date_format + time_format).replace(tzinfo=zone)
        found = _in_century(found) if len(date) == 6 else found
        milliseconds = int(found.timestamp()) * 1_000
    except (ValueError, OverflowError):
        raise Untranslatable(where, "no date or time that the calendar has") from None
    if milliseconds < EARLIEST_MILLISECONDS:
        raise Untranslatable(where, "a time before the year 2000")
    if (
        not time
        and prepared is not None
        and datetime.fromtimestamp(prepared / 1_000, zone).date() == found.date()
    ):
        return prepared
    return milliseconds


def _in_century(found: datetime) -> datetime:
    two_digits = found.year % 100
    return found.replace(year=two_digits + (2000 if two_digits < CENTURY_PIVOT else 1900))
