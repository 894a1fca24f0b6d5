"""
The words of the Core Business Vocabulary (CBV 2.0) that EPCIS events use, in all the ways they are written.

A standard word is written bare (`receiving`), as a web URI (`https://ref.gs1.org/cbv/BizStep-receiving`), as a CURIE
(`cbv:BizStep-receiving`) or as the older URN (`urn:epcglobal:cbv:bizstep:receiving`). Any other URI or CURIE is a
word of the sender's own. A bare word that the standard does not have is a mistake.
"""

import re
from dataclasses import dataclass

from connectors.body import Part

CUSTOM = ""
"""What a word of the sender's own is to us."""


def words(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())


_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One list of words; prefix is that of web URIs, urn that of URNs."""

    prefix: str
    urn: str
    words: frozenset[str]

    def read(self, part: Part, name: str) -> str | None:
        """Return the standard word of a field, CUSTOM for a sender's own, None without. Raises Untranslatable."""
        text = part.optional_text(name)
        if text is None:
            return None
        for beginning in (f"https://ref.gs1.org/cbv/{self.prefix}-", f"cbv:{self.prefix}-", self.urn):
            if text.startswith(beginning):
                text = text[len(beginning) :]
                break
        if text in self.words:
            return text
        if _URI.fullmatch(text):
            return CUSTOM
        raise part.refuse(name, f"no word of the standard's {self.prefix} list, and no URI")


BIZ_STEPS = Vocabulary(
    "BizStep",
    "urn:epcglobal:cbv:bizstep:",
    words(
        "accepting arriving assembling collecting commissioning consigning creating_class_instance cycle_counting"
        " decommissioning departing destroying disassembling dispensing encoding entering_exiting holding inspecting"
        " installing killing loading other packing picking receiving removing repackaging repairing replacing"
        " reserving retail_selling sampling sensor_reporting shipping staging_outbound stock_taking stocking storing"
        " transporting unloading unpacking void_shipping"
    ),
)
DISPOSITIONS = Vocabulary(
    "Disp",
    "urn:epcglobal:cbv:disp:",
    words(
        "active available completeness_inferred completeness_verified conformant container_closed container_open"
        " damaged destroyed dispensed disposed encoded expired in_progress in_transit inactive mismatch_class"
        " mismatch_instance mismatch_quantity needs_replacement no_pedigree_match non_conformant non_sellable_other"
        " partially_dispensed recalled reserved retail_sold returned sellable_accessible sellable_not_accessible"
        " stolen unavailable unknown"
    ),
)
TRANSACTIONS = Vocabulary(
    "BTT",
    "urn:epcglobal:cbv:btt:",
    words("bol cert desadv inv pedigree po poc prodorder recadv rma testprd testres upevt"),
)
PARTIES = Vocabulary(
    "SDT", "urn:epcglobal:cbv:sdt:", frozenset(("location", "owning_party", "possessing_party"))
)
ERROR_REASONS = Vocabulary("ER", "urn:epcglobal:cbv:er:", frozenset(("did_not_occur", "incorrect_data")))
