"""Bars: price files, generated prices and bars in memory, behind one protocol, `Source`.

Belongs here: finding, reading, checking, caching and adjusting prices, all of it synchronous.
Never here: trio, HTTP, anything that knows of runs or events.
May be imported by: `compute`, `actors`, `server`, `cli`, `testing`; `tools` by `server`, `cli`.
"""

from glowback_trio.data.cache.cache import CACHE_NAME
from glowback_trio.data.catalogue import Catalogue
from glowback_trio.data.demo_prices import demo_path
from glowback_trio.data.fingerprint import Fingerprinting, differing, fingerprint_of
from glowback_trio.data.memory import MemoryCatalogue
from glowback_trio.data.named_source import load_dataset, open_source
from glowback_trio.data.reading.limits import FileLimits
from glowback_trio.data.source import Listing, Source, no_checkpoint

__all__ = [
    "CACHE_NAME",
    "Catalogue",
    "FileLimits",
    "Fingerprinting",
    "Listing",
    "MemoryCatalogue",
    "Source",
    "demo_path",
    "differing",
    "fingerprint_of",
    "load_dataset",
    "no_checkpoint",
    "open_source",
]
