"""Open a source of bars by what an embedding program names: a directory, a word, or a source."""

from __future__ import annotations

from pathlib import Path

from glowback_trio.data.catalogue import Catalogue
from glowback_trio.data.demo_prices import demo_path
from glowback_trio.data.source import Source
from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.bars import Dataset
from glowback_trio.model.bounds import check_type
from glowback_trio.model.request import BacktestRequest

__all__ = ["load_dataset", "open_source"]


def open_source(data: Source | Path | str | None) -> Source:
    """Return the source that an argument `data` names.

    Args:
        data: A directory of price files; the text `demo` for the prices that come with the package,
            or `sample` for generated ones (directories of these names are `./demo`, `./sample`);
            None: generated prices; or a source, which is returned as it is.

    Raises:
        InvalidRequestError: There is no such directory.
    """
    match data:
        case None | "sample":
            return Catalogue()
        case "demo":
            return Catalogue(demo_path())
        case str() | Path():
            return Catalogue(_directory(data))
        case _ if not callable(getattr(data, "load", None)):
            raise _refused(f"{data!r:.100} is none of them, nor a source of bars", data)
        case _:
            return data


def load_dataset(request: BacktestRequest, data: Source | Path | str | None) -> Dataset:
    """Load the bars of a request, so that `backtest` can use them.

    For example `backtest(request, load_dataset(request, "prices"))`. The bars are read, checked and
    adjusted as for a run of a gateway, so the result is the same.

    Args:
        request: Names the symbols, the range, the resolution and the data quality mode.
        data: As for `open_gateway`: a directory of price files, `demo`, `sample`, or a source.

    Raises:
        InvalidRequestError: There is no such directory, or it cannot serve the request.
        DataError: A bad row, no bars in the range, or critical findings in quality mode `fail`.
    """
    check_type("request", request, BacktestRequest)
    return open_source(data).load(request)


def _directory(name: Path | str) -> Path:
    path = Path(name)
    # An empty name, such as that of an unset variable, would be the current directory.
    if name != "" and path.is_dir():
        return path
    wrong = "is not a directory" if name == "" or path.exists() else "does not exist"
    # The whole path as well: a relative one is often right, and the program elsewhere.
    raise _refused(f"{str(name)!r} {wrong} (looked for {path.absolute()})", name)


def _refused(why: str, given: object) -> InvalidRequestError:
    message = f"Input should be a directory of price files, 'demo' or 'sample', and {why}"
    return InvalidRequestError([Problem("value_error", ("data",), message, given)])
