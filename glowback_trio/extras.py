"""Optional dependencies, imported when they are first needed."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from attrs import frozen

from glowback_trio.errors import DataError

__all__ = [
    "CALENDARS",
    "CMAES",
    "FAST",
    "IPYTHON",
    "MATPLOTLIB",
    "OPTUNA",
    "PANDAS",
    "PARQUET",
    "POSTGRES",
    "RAY",
    "Extra",
]


@frozen
class Extra:
    """An optional dependency of the package.

    Attributes:
        package: The package that it installs.
        purpose: What needs it, as the subject of a sentence in the plural.
    """

    package: str
    purpose: str

    @property
    def is_installed(self) -> bool:
        """True if it is installed; this imports nothing."""
        return importlib.util.find_spec(self.package) is not None

    @property
    def advice(self) -> str:
        """The sentence that says how to install it."""
        # The package by its own name, which is right for every way to install this one.
        name = self.package.replace("_", "-")
        return f"{self.purpose} need {name}, which is not installed: pip install {name}"

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


PARQUET = Extra("pyarrow", "Parquet files")
CALENDARS = Extra("exchange_calendars", "Exchange calendars")
PANDAS = Extra("pandas", "Data frames")
MATPLOTLIB = Extra("matplotlib", "Charts")
IPYTHON = Extra("IPython", "Live views")
FAST = Extra("numba", "Compiled runs")
OPTUNA = Extra("optuna", "Bayesian searches")
CMAES = Extra("cmaes", "Searches by CMA-ES")
POSTGRES = Extra("psycopg", "Stores in PostgreSQL")
RAY = Extra("ray", "Runs on a Ray cluster")
