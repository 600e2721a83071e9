"""HTML elements, put together so that text from outside can never become markup."""

from __future__ import annotations

from html import escape

__all__ = ["Html", "element", "safe"]

# Signs that no page may contain; `\ufffd` says that something was there.
_CONTROL = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(127, 160)), "�")


class Html(str):
    """Markup that is complete: what is of this type is not escaped again."""

    __slots__ = ()


def safe(text: object) -> Html:
    """Return a text as markup that shows it as it is; markup stays as it is."""
    if isinstance(text, Html):
        return text
    # A lone half of a surrogate pair cannot be written in UTF-8.
    readable = str(text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return Html(escape(readable.translate(_CONTROL)))


def element(name: str, *children: object, **attributes: object) -> Html:
    """Return an element.

    Args:
        name: Its name, such as `td`.
        children: Texts, which are escaped, and elements.
        attributes: By name, with `_` for `-` and an `_` at the end for names that are Python's;
            None: left out.
    """
    written = "".join(
        f' {key.strip("_").replace("_", "-")}="{safe(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{written}>{''.join(map(safe, children))}</{name}>")
