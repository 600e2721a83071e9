"""Names and modules that are imported when they are first used (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType

__all__ = ["late_part", "lazy_names"]


def lazy_names(
    package: str, homes: Mapping[str, Iterable[str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Make the `__getattr__` and the `__dir__` of a package.

    Args:
        package: Its `__name__`.
        homes: For each module, the names that the package shows of it.
    """
    module_of = {name: module for module, names in homes.items() for name in names}
    namespace = vars(sys.modules[package])

    def get_attribute(name: str) -> object:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(module_of[name]), name)
        namespace[name] = value  # so Python finds it by itself the next time
        return value

    def list_names() -> list[str]:
        # What the package imports for its own use is not part of what it offers.
        special = {name for name in namespace if name.startswith("__") and name.endswith("__")}
        return sorted(special.union(namespace.get("__all__", module_of)))

    return get_attribute, list_names


def late_part(module: str) -> ModuleType:
    """Import a module of the package when it is needed, for a value that shows itself by it.

    What a notebook shows stands above all else and needs other packages, and a result is to offer
    it: `result.plot()`. Nothing else is imported so.

    Args:
        module: Its name below `glowback_trio`.
    """
    return importlib.import_module(f"glowback_trio.{module}")
