"""Reasons and counters are documented, all of them and no others."""

import re
from pathlib import Path

from ingest.decode.reject import RejectReason
from ingest.stats import IngestStats

ROOT = Path(__file__).parents[2]


def test_every_reject_reason_is_in_the_payload_docs() -> None:
    page = (ROOT / "docs/payloads.md").read_text()
    section = page[page.index("## What is rejected") : page.index("## Other formats")]
    listed = re.findall(r"^\| `([a-z-]+)` \| ", section, re.M)
    assert set(listed) == {reason.value for reason in RejectReason}


def test_every_counter_is_in_the_readme() -> None:
    readme = (ROOT / "ingest/README.md").read_text()
    section = readme[readme.index("## Counters") : readme.index("## Speed")]
    assert set(re.findall(r"`([a-z_]+)`", section[: section.index("Rejected messages")])) == set(
        IngestStats().snapshot()
    )
