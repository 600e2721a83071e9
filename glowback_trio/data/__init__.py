"""Bars: where they come from."""

from glowback_trio.data.cache.cache import CACHE_NAME
from glowback_trio.data.catalogue import Catalogue
from glowback_trio.data.demo_prices import demo_path
from glowback_trio.data.memory import MemoryCatalogue
from glowback_trio.data.source import Listing, Source

__all__ = ["CACHE_NAME", "Catalogue", "Listing", "MemoryCatalogue", "Source", "demo_path"]
