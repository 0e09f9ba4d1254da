"""Which of the two languages this person's system speaks."""

import os
from collections.abc import Mapping

__all__ = ["system_language"]


def system_language(environ: Mapping[str, str] = os.environ) -> str:
    """``zh`` or ``en``, as POSIX's locale variables say, the strongest first.

    >>> system_language({"LANG": "zh_CN.UTF-8"})
    'zh'
    >>> system_language({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"})
    'en'
    """
    said = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return "zh" if said.lower().startswith("zh") else "en"
