"""What every benchmark says of its figures: their spread over repeats, and the machine that they come from."""

import os
import platform
from collections.abc import Sequence
from statistics import median


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median, minimum and maximum."""
    return {"median": median(values), "minimum": min(values), "maximum": max(values)}


def machine() -> dict[str, object]:
    """Return what the figures depend on."""
    return {
        "processors": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
    }
