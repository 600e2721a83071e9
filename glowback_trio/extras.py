"""Optional dependencies, imported when they are first needed."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from attrs import frozen

from glowback_trio.errors import DataError

__all__ = ["CALENDARS", "PARQUET", "Extra"]


@frozen
class Extra:
    """An optional dependency of the package.

    Attributes:
        name: Its name in the package's extras.
        package: The package that it installs.
        purpose: What needs it, as the subject of a sentence in the plural.
    """

    name: str
    package: str
    purpose: str

    @property
    def is_installed(self) -> bool:
        """True if it is installed; this imports nothing."""
        return importlib.util.find_spec(self.package) is not None

    @property
    def advice(self) -> str:
        """The sentence that says how to install it."""
        return (
            f"{self.purpose} need {self.package}, which is not installed: "
            f'pip install "glowback-trio[{self.name}]"'
        )

    def load(self, module: str) -> Any:
        """Import one of its modules.

        Raises:
            DataError: It is not installed, or does not work with the other installed packages.
        """
        if not self.is_installed:
            raise DataError(self.advice)
        try:
            return importlib.import_module(module)
        except ImportError as error:
            raise DataError(f"{self.package} cannot be used here: {error}") from error


PARQUET = Extra("parquet", "pyarrow", "Parquet files")
CALENDARS = Extra("calendars", "exchange_calendars", "Exchange calendars")
