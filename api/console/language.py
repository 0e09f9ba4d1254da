"""Which language a browser is spoken to in: what was chosen, else what it prefers, else the configuration's."""

import re
from collections.abc import Mapping

__all__ = ["COOKIE", "choose_language"]

COOKIE = "hazmon_language"


def choose_language(cookies: Mapping[str, str], accept_language: str, default: str) -> str:
    """``zh`` or ``en``.

    >>> choose_language({}, "de-DE,de;q=0.9,zh-CN;q=0.8,en;q=0.7", "en")
    'zh'
    >>> choose_language({"hazmon_language": "en"}, "zh-CN", "zh")
    'en'
    """
    chosen = cookies.get(COOKIE)
    if chosen in ("zh", "en"):
        return chosen
    wishes = []
    for order, part in enumerate(accept_language.split(",")[:20]):
        found = re.fullmatch(r"\s*(zh|en)(?:-[\w-]*)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*", part, re.IGNORECASE)
        if found:
            wishes.append((-float(found[2] or 1), order, found[1].lower()))
    return min(wishes)[2] if wishes else default
