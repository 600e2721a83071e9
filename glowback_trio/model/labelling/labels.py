"""The labels of a run: what people write on it to find it again.

They are no part of its log, its digest or its result, and may change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from attrs import field, frozen

from glowback_trio.errors import Problem
from glowback_trio.model.bounds import Checked, MaxLen, MinLen, Pattern, describe_changes

__all__ = [
    "LabelChanges",
    "Labels",
    "Name",
    "Note",
    "Tags",
    "as_tags",
    "no_tag_twice",
    "search_text",
]

# A control character could rewrite the terminal that a list is printed on. No database stores half
# a surrogate pair. A comma separates tags in lists.
_ONE_LINE = Pattern(
    r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]*", "one line without control characters"
)
_TAG = Pattern(
    r"(?!\s)[^,\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+(?<!\s)",
    "a tag: one line without commas, and without white space at its ends",
)
_LINES = Pattern(r"[^\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]*", "text without control characters")

Name = Annotated[str, MaxLen(128), _ONE_LINE]
Tags = Annotated[tuple[Annotated[str, MinLen(1), MaxLen(64), _TAG], ...], MaxLen(32)]
Note = Annotated[str, MaxLen(4000), _LINES]


def as_tags(given: Any) -> Any:
    """Return a field's tags as a tuple; one tag may be given as it is."""
    if isinstance(given, str):
        return (given,)
    # What has another type is left for the checks.
    return tuple(given) if isinstance(given, list | set | frozenset) else given


def no_tag_twice(tags: tuple[str, ...] | None) -> Iterator[Problem]:
    """Yield a problem for each tag that is listed before."""
    for index, tag in enumerate(tags or ()):
        if tag in (tags or ())[:index]:
            yield Problem("duplicate", ("tags", index), f"{tag!r} is listed twice", tag)


def search_text(name: str, tags: Iterable[str], note: str) -> str:
    """Return labels as the one text that is searched, with case folded."""
    return "\n".join((name, *tags, note)).casefold()


@frozen(kw_only=True, repr=False)
class Labels(Checked):
    """The labels of a run.

    Attributes:
        name: At most 128 characters on one line; empty: none.
        tags: At most 32 different ones of at most 64 characters, without commas.
        note: At most 4000 characters; empty: none.

    Raises:
        InvalidRequestError: With every problem found.
    """

    __checks__ = (no_tag_twice,)

    name: Name = ""
    tags: Tags = field(default=(), converter=as_tags)
    note: Note = ""

    __repr__ = describe_changes

    @property
    def search_text(self) -> str:
        """All of them as one text: see `search_text`."""
        return search_text(self.name, self.tags, self.note)


@frozen(kw_only=True, repr=False)
class LabelChanges(Checked):
    """A change of labels; None: leave as it is.

    Attributes:
        name: The new name, at most 128 characters on one line; empty: none.
        tags: All tags that the run has from now on, at most 32; empty: none.
        note: The new note, at most 4000 characters; empty: none.

    Raises:
        InvalidRequestError: With every problem found.
    """

    __checks__ = (no_tag_twice,)

    name: Name | None = None
    tags: Tags | None = field(default=None, converter=as_tags)
    note: Note | None = None

    __repr__ = describe_changes

    def applied_to(self, labels: Labels) -> Labels:
        """Return these labels with the changes made."""
        return Labels(
            name=labels.name if self.name is None else self.name,
            tags=labels.tags if self.tags is None else self.tags,
            note=labels.note if self.note is None else self.note,
        )
