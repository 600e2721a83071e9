"""The errors inside an exception group."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["leaves"]


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors in a group, however deep they are nested; of any other error, itself."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error
