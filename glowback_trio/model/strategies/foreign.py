"""Exceptions out of code of others: a strategy, a module of strategies, a source of bars.

Their texts may be of any length, and the methods that give them may raise, so both are read here.
"""

from __future__ import annotations

from glowback_trio.interrupt import is_interrupt

__all__ = ["LONGEST_TEXT", "cut", "encodable", "said", "text_of"]

#: Characters of an exception's text that are kept. It is held for as long as its run is, in the log
#: of the run, and sent to every reader.
LONGEST_TEXT = 1_000
# A class may have a name of any length as well.
_LONGEST_NAME = 200


def cut(text: str, most: int = LONGEST_TEXT) -> str:
    """Return a text of at most about `most` characters; what was cut says how many there were.

    What is no Unicode, such as half of a surrogate pair, is written with a backslash: JSON cannot
    hold it.
    """
    # A subclass of `str` may answer anything when asked for its length or a part.
    length = str.__len__(text)
    kept = encodable(str.__getitem__(text, slice(most)))
    return kept if length <= most else f"{kept}… ({length:,} characters)"


def encodable(text: str) -> str:
    """Return a text that UTF-8 can encode: what it cannot is written with a backslash."""
    return text.encode(errors="backslashreplace").decode()


def said(error: BaseException) -> str:
    """Return an error's type and its text, if it has any, such as `ValueError: no price`.

    The text is that of `text_of`: one of more than `LONGEST_TEXT` characters is cut.
    """
    return f"{_name(error)}: {text_of(error)}".removesuffix(": ")


def text_of(error: BaseException, most: int = LONGEST_TEXT) -> str:
    """Return an error's text; one of more than `most` characters is cut.

    Where there is none to be had, because the error's own `__str__` fails, that is said instead.
    """
    try:
        return cut(str(error), most)
    except BaseException as failed:
        if is_interrupt(failed):
            raise
        return f"(its __str__ raised {_name(failed)})"


def _name(error: BaseException) -> str:
    # Read past the metaclass, which may be code of others, too.
    return cut(type.__dict__["__name__"].__get__(type(error)), _LONGEST_NAME)
