"""Reading a file that people wrote, perhaps with Excel, without ever guessing its encoding."""

import codecs
from pathlib import Path

from hazards.mistakes import Mistake

__all__ = ["decode_text", "read_text"]


def read_text(file: Path) -> str | Mistake:
    """The text of a UTF-8 file, with or without BOM; or the mistake that keeps it from being read."""
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return Mistake("file-missing", str(file))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else None
        return Mistake("file-unreadable", str(file), facts={"reason": reason or str(error)})
    return decode_text(data, str(file))


def decode_text(data: bytes, file: str) -> str | Mistake:
    """The text behind bytes that should be UTF-8.

    GBK is recognised but not read: bytes that happen to be both would silently become other characters.

    >>> decode_text("甲矿".encode(), "points.csv")
    '甲矿'
    >>> print(decode_text("甲矿".encode("gbk"), "points.csv").what)
    the text is GBK, as Excel saves it, not UTF-8
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Mistake("encoding-utf16", file)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        try:
            data.decode("gb18030")
        except UnicodeDecodeError:
            return Mistake("encoding-unknown", file, line, facts={"byte": str(error.start + 1)})
        return Mistake("encoding-gbk", file, line)
    if (at := text.find("\0")) >= 0:
        return Mistake("nul", file, text.count("\n", 0, at) + 1)
    return text
