"""Search for pages that mix Chinese and English, without a dictionary.

Sphinx's own Chinese search needs jieba to find words; without it, no Chinese is found at all. Here each run of Chinese
characters is indexed by its single characters and its pairs, and a query is cut into the same pairs, so that any
substring is found.
"""

import re

from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish
from sphinx.util.typing import ExtensionMetadata

__all__ = ["SearchChineseAndEnglish", "setup"]

_CHINESE = "\u3400-\u4dbf\u4e00-\u9fff"
_WORDS = re.compile(rf"[{_CHINESE}]+|[^\W{_CHINESE}]+")


class SearchChineseAndEnglish(SearchEnglish):
    """English words by their stems, Chinese by characters and pairs of characters."""

    lang = "zh"
    js_splitter_code = r"""
var splitQuery = (query) =>
  (
    query.match(/[\u3400-\u4dbf\u4e00-\u9fff]+|(?:(?![\u3400-\u4dbf\u4e00-\u9fff])[\p{L}\p{N}_])+/gu) || []
  ).flatMap((run) => {
    if (!/^[\u3400-\u4dbf\u4e00-\u9fff]{2,}$/.test(run)) return [run];
    return Array.from({ length: run.length - 1 }, (_, k) => run.slice(k, k + 2));
  });
"""

    def split(self, input: str) -> list[str]:
        """Words, characters and pairs, in order."""
        found = []
        for run in _WORDS.findall(input):
            found.append(run)
            if "\u3400" <= run[0] <= "\u9fff":
                found += run
                found += [run[k : k + 2] for k in range(len(run) - 1)]
        return found


def setup(app: Sphinx) -> ExtensionMetadata:
    """Sphinx calls this."""
    app.add_search_language(SearchChineseAndEnglish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
