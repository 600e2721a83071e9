"""Uploading price files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import trio

from glowback_trio.client.http_api import HttpApi
from glowback_trio.client.responses import object_of
from glowback_trio.errors import InvalidRequestError, Problem

__all__ = ["upload_prices"]

_PARQUET = b"PAR1"


async def upload_prices(
    api: HttpApi,
    path: Path | str,
    symbol: str,
    *,
    resolution: str = "day",
    columns: Mapping[str, str] | None = None,
    replace: bool = False,
) -> Mapping[str, Any]:
    """Send a price file, and return what the server says about it.

    Args:
        api: The server.
        path: The file.
        symbol: The symbol.
        resolution: The length of a bar.
        columns: The file's names of columns by ours: `timestamp`, `open`, `high`, `low`, `close`
            and `volume`; those that are missing the server recognises.
        replace: Whether to replace what the server has of this symbol and resolution.

    Raises:
        InvalidRequestError: The file cannot be read here, or not be used there.
        ServerRefusedError: The server takes no uploads, none so large, or has such prices.
    """
    try:
        data = await trio.Path(path).read_bytes()
    except OSError as error:
        message = f"Input should be a file that can be read: {error.strerror}"
        raise InvalidRequestError([Problem("value_error", ("path",), message, str(path))]) from None
    # What it is, its first bytes say, whatever its name.
    kind = "application/vnd.apache.parquet" if data.startswith(_PARQUET) else "text/csv"
    query = {**(columns or {}), "symbol": symbol, "resolution": resolution}
    if replace:
        query["replace"] = "true"
    headers = {"Content-Type": kind}
    answer = api.request("POST", "/datasets", params=query, content=data, headers=headers)
    return object_of(await answer)
