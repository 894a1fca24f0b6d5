"""
What EPC URIs and GS1 Digital Links name: trade items by GTIN, places by GLN.

epcpy reads EPC URIs, classes and patterns, biip reads Digital Links. What they leave to us: both take digits of other
scripts, biip parses a link with a wrong check digit and only leaves its GTIN out, and raises errors of more kinds
than its own for damaged texts.
"""

import re
from functools import lru_cache
from urllib.parse import urlsplit

from biip import ParseError
from biip.gs1_digital_link_uris import GS1DigitalLinkURI
from epcpy.utils.common import ConvertException
from epcpy.utils.parsers import get_gs1_key

from connectors.body import Untranslatable
from connectors.edi import Goods
from connectors.translation import Account

CACHE_ENTRIES = 16_384  # Units of one product share a GTIN, places come again with every event.
MAXIMUM_URI_CHARACTERS = 2_000  # Beyond what web servers take in a URL.
GTIN, GLN = "01", "414"  # GS1 application identifiers.
TRADE_ITEMS = re.compile(r"urn:epc:(?:id:sgtin|class:lgtin|idpat:sgtin):")
PLACES = re.compile(r"urn:epc:id:sgln:")
SHORTER_GTINS = (1, 2, 6)  # Leading zeros that make a GTIN-14 of a GTIN-13, GTIN-12 and GTIN-8.


class InvalidIdentifier(ValueError):
    """A text that begins like an identifier of GS1 and is none."""


@lru_cache(CACHE_ENTRIES)
def gtin_of(uri: str) -> str | None:
    """Return the GTIN-14 of a trade item or a class of them, None for what is none. Raises InvalidIdentifier."""
    return _key(uri, TRADE_ITEMS, GTIN)


@lru_cache(CACHE_ENTRIES)
def gln_of(uri: str) -> str | None:
    """Return the GLN of a place, without its extension, None for other URIs. Raises InvalidIdentifier."""
    return _key(uri, PLACES, GLN)


def _key(uri: str, scheme: re.Pattern[str], application_identifier: str) -> str | None:
    if scheme.match(uri):
        return _of_epc(uri)
    if uri.startswith(("http://", "https://")) and f"/{application_identifier}/" in uri:
        return _of_digital_link(uri, application_identifier)
    return None


def _of_epc(uri: str) -> str:
    if not uri.isascii() or len(uri) > MAXIMUM_URI_CHARACTERS:
        raise InvalidIdentifier("no EPC URI: too long, or with letters that none has")
    try:
        return str(get_gs1_key(uri))
    except (ConvertException, ValueError, IndexError, KeyError) as error:
        raise InvalidIdentifier("no EPC URI as the Tag Data Standard has it") from error


def _of_digital_link(uri: str, application_identifier: str) -> str | None:
    if not uri.isascii() or len(uri) > MAXIMUM_URI_CHARACTERS:
        raise InvalidIdentifier("no GS1 Digital Link: too long, or with letters that none has")
    try:
        # Without its query: parameters of a web address are not what the goods are.
        first = GS1DigitalLinkURI.parse(
            urlsplit(uri)._replace(query="", fragment="").geturl()
        ).element_strings[0]
    except (ParseError, ValueError) as error:
        raise InvalidIdentifier("no GS1 Digital Link") from error
    if first.ai.ai != application_identifier:
        return None
    if first.gtin is None and first.gln is None:
        raise InvalidIdentifier("no GS1 Digital Link: its check digit is wrong")
    return first.value


def goods(account: Account, gtin: str, where: str) -> Goods:
    """Return what a GTIN-14 stands for; the account may have it in any of its shorter forms. Raises Untranslatable."""
    forms = [gtin, *(gtin[zeros:] for zeros in SHORTER_GTINS if gtin.startswith("0" * zeros))]
    known = next((form for form in forms if form in account.skus), gtin)
    return Goods(account.sku_of(known, where), account.pack_sizes.get(known, 1))


def place(account: Account, uri: str, where: str) -> str | None:
    """Return the location_id of a place by its URI, else by its GLN; None if it is none of the account's."""
    if uri in account.locations:
        return account.locations[uri]
    try:
        gln = gln_of(uri)
    except InvalidIdentifier as error:
        raise Untranslatable(where, str(error)) from None
    return None if gln is None else account.locations.get(gln)
