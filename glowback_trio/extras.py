"""What works only with an optional dependency: imported when it is needed and not before."""

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
        name: What it is called in square brackets.
        package: What it installs.
        purpose: What it is for, as the beginning of a sentence.
    """

    name: str
    package: str
    purpose: str

    @property
    def is_installed(self) -> bool:
        """Whether it can be used here; finding out imports nothing."""
        return importlib.util.find_spec(self.package) is not None

    @property
    def advice(self) -> str:
        """What to do where it is not installed."""
        return (
            f"{self.purpose} need {self.package}, which is not installed: "
            f'pip install "glowback-trio[{self.name}]"'
        )

    def load(self, module: str) -> Any:
        """Import one of its modules.

        Raises:
            DataError: It is not installed, or does not go with what else is.
        """
        if not self.is_installed:
            raise DataError(self.advice)
        try:
            return importlib.import_module(module)
        except ImportError as error:
            raise DataError(f"{self.package} cannot be used here: {error}") from error


PARQUET = Extra("parquet", "pyarrow", "Parquet files")
CALENDARS = Extra("calendars", "exchange_calendars", "Exchange calendars")
