"""Make whatever goes wrong while a file is read an error that names the file."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from glowback_trio.errors import DataError, GlowbackError, ResourceError

__all__ = ["errors_named"]

# What parsers raise for a file that is not what it should be. Anything else may be a fault of this
# program, so its traceback is kept.
_OF_THE_FILE: tuple[type[Exception], ...] = (
    ValueError,
    ArithmeticError,
    EOFError,
    LookupError,
    NotImplementedError,
    struct.error,
    zlib.error,
)
_LONGEST = 200  # characters of a parser's message


@contextmanager
def errors_named(name: str) -> Iterator[None]:
    """Turn any exception into a `DataError` that names a file; a `GlowbackError` passes.

    So does, as a `ResourceError`, what the process is out of: no file is to blame for it.

    A parser of others may raise anything for a file that somebody has damaged. One file must not
    keep the others from being listed, and a run that fails by it has to say so.

    Args:
        name: The file's name, without its directory.
    """
    try:
        yield
    except GlowbackError:
        raise
    except MemoryError:
        raise DataError(f"{name} cannot be read: it needs more memory than there is") from None
    except RecursionError:
        raise DataError(f"{name} cannot be read: it is nested too deeply") from None
    except OSError as error:
        ResourceError.check(error)
        # Without the path, which is in the text of some: messages name no directory.
        why = error.strerror or _said(error) or "the file is truncated"
        raise DataError(f"{name} cannot be read: {why}") from None
    except _OF_THE_FILE as error:
        raise DataError(f"{name} cannot be read: {_said(error)}") from None
    except Exception as error:
        raise DataError(f"{name} cannot be read: {_said(error)}") from error


def _said(error: Exception) -> str:
    text = " ".join(str(error).split())
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return f"{text} ({type(error).__name__})" if text else type(error).__name__
