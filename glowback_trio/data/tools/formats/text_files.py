"""Open files of text from elsewhere: compressed or not, in any usual encoding.

What a file is, its first bytes tell, not its name: `prices.csv` may well be compressed, a web page
or a workbook.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import IO, Any

from attrs import evolve, field, frozen

from glowback_trio.data.reading.limits import DEFAULT_LIMITS, FileLimits
from glowback_trio.errors import DataError

__all__ = ["TextFile", "is_parquet", "text_files"]

Opener = Callable[[], IO[bytes]]

_CHUNK = 1 << 20
_BUFFER = 1 << 16
_PARQUET, _ZIP, _OLD_EXCEL = b"PAR1", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_COMPRESSED = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))
_ENDINGS = (".gz", ".bz2", ".xz")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# zipfile raises a bare RuntimeError for an encrypted archive, and its subclass NotImplementedError
# for a compression that it lacks.
_DAMAGED = (EOFError, lzma.LZMAError, zipfile.BadZipFile, RuntimeError, zlib.error, struct.error)
_WORKBOOK = "is an Excel workbook; save it as CSV and import that"


@frozen
class TextFile:
    """A file of text, or one in an archive.

    Attributes:
        name: Its name, for messages and for the symbol in it, without the ending of compression.
        encoding: Its encoding.
        beside: Names of other files in its archive, which are not read.
    """

    name: str
    encoding: str
    _open: Opener = field(repr=False)
    beside: tuple[str, ...] = ()

    _limits: FileLimits = field(default=DEFAULT_LIMITS, repr=False)

    def open(self) -> io.TextIOWrapper:
        """Open it for reading; more than it may hold raises a DataError then."""
        content = io.BufferedReader(_Bounded(self.name, self._open(), self._limits), _BUFFER)
        return io.TextIOWrapper(content, encoding=self.encoding, newline="")


class _Bounded(io.RawIOBase):
    """The bytes of a file, up to as many as it may have: a small archive may hold any number."""

    def __init__(self, name: str, content: IO[bytes], limits: FileLimits) -> None:
        self._name, self._content, self._limits = name, content, limits
        self._taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        chunk = self._content.read(len(buffer))
        self._taken += len(chunk)
        self._limits.check(self._name, "max_file_bytes", self._taken, at_least=True)
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self._content.close()
        super().close()


def is_parquet(path: Path) -> bool:
    """Return whether a file is one of Parquet.

    Raises:
        DataError: It cannot be read.
    """
    return _first_bytes(path.name, _opener(path)).startswith(_PARQUET)


def text_files(path: Path, limits: FileLimits) -> Iterator[TextFile]:
    """Yield the text that a file holds: one file, or those in an archive in their order.

    Raises:
        DataError: It cannot be read, holds too much, or something else than text.
    """
    head = _first_bytes(path.name, _opener(path))
    if head.startswith(_ZIP):
        yield from _archived(path, limits)
        return
    opener = _opener(path)
    for magic, decompressed in _COMPRESSED:
        if head.startswith(magic):
            opener = partial(decompressed, path, "rb")  # type: ignore[assignment]  # they give bytes
    yield _text_file(path.name, opener, limits)


def _opener(path: Path) -> Opener:
    return lambda: path.open("rb")


def _archived(path: Path, limits: FileLimits) -> Iterator[TextFile]:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{path.name} cannot be read as a zip archive: {error}") from None
    with archive:
        # What it says may be wrong, so each file is held against the limits as it is unpacked.
        said = sum(one.file_size for one in archive.infolist())
        limits.check(path.name, "max_file_bytes", said)
        names = [one.filename for one in archive.infolist() if not one.is_dir()]
    if "[Content_Types].xml" in names:
        raise DataError(f"{path.name} {_WORKBOOK}")
    names = [name for name in names if not name.startswith("__MACOSX/")]
    # Beside their prices some vendors put a text about them.
    tables = [name for name in names if name.lower().endswith(".csv")] or names
    if not tables:
        raise DataError(f"{path.name} is an archive without files")
    left_out = tuple(Path(name).name for name in names if name not in tables)
    for name in tables:
        file = _text_file(Path(name).name, partial(_open_archived, path, name), limits)
        yield evolve(file, beside=left_out)


def _open_archived(path: Path, name: str) -> IO[bytes]:
    # The file stays open until what is returned is closed, although the archive is closed before.
    with zipfile.ZipFile(path) as archive:
        return archive.open(name)


def _text_file(name: str, opener: Opener, limits: FileLimits) -> TextFile:
    head = _first_bytes(name, opener)
    if problem := _not_prices(head):
        raise DataError(f"{name} {problem}")
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return TextFile(name, _encoding(name, head, opener, limits), opener, limits=limits)


def _not_prices(head: bytes) -> str | None:
    """Return why a file is no text of prices, by its first bytes; None if it may be."""
    text = head.lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if not text:
        return "is empty"
    if head.startswith((_OLD_EXCEL, _ZIP)):
        return _WORKBOOK if head.startswith(_OLD_EXCEL) else "is an archive within an archive"
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page, not prices; a page in place of a download often says why"
    if text.startswith((b"{", b"[")):
        shown = text[:80].decode("ascii", "replace")
        return f"is JSON, which is not imported; save it as CSV (it begins with {shown!r})"
    return None


def _encoding(name: str, head: bytes, opener: Opener, limits: FileLimits) -> str:
    """Return the encoding: by its mark, by its NULs, else UTF-8, else that of Windows."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if head[1:2] == b"\0":
        return "utf-16-le"
    if head[:1] == b"\0":
        return "utf-16-be"
    decoder = codecs.getincrementaldecoder("utf-8")()
    with closing(_Bounded(name, _opened(name, opener), limits)) as file:
        try:
            while chunk := _read(name, file, _CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def _first_bytes(name: str, opener: Opener) -> bytes:
    with _opened(name, opener) as file:
        return _read(name, file, 512)


def _opened(name: str, opener: Opener) -> IO[bytes]:
    try:
        return opener()
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror or error}") from None
    except _DAMAGED as error:
        raise DataError(f"{name} cannot be read: {error}") from None


def _read(name: str, file: IO[bytes] | io.RawIOBase, size: int) -> bytes:
    try:
        return file.read(size) or b""
    except (OSError, *_DAMAGED) as error:
        raise DataError(f"{name} cannot be read: {error}") from None
