"""The documents name every state, event, cause and reason; modules export what they define; the example works."""

import asyncio
import importlib
import inspect
import pkgutil
import re
import threading
import time
from pathlib import Path

import httpx
import pytest

import alerting
from alerting.alarm import AlarmState, Cause, EventType
from alerting.errors import DeliveryError, DeliveryReason
from alerting.ids import NAMESPACE, alarm_id
from alerting.notify.channel import Notice
from alerting.notify.retry import RetryPolicy
from alerting.notify.webhook import WebhookChannel
from tests.support.alerting_parts import SECRET, T0, Mine

DOCS = Path(__file__).parents[2] / "docs"
MODULES = [
    name
    for _, name, is_package in pkgutil.walk_packages(alerting.__path__, "alerting.")
    if not is_package and not re.match(r"alerting\.(engine|bench|migrations\.versions)\b", name)
]


@pytest.mark.parametrize("words", [AlarmState, EventType, Cause], ids=lambda e: e.__name__)
def test_the_alarms_page_names_all(words: type[AlarmState]) -> None:
    text = (DOCS / "alarms.md").read_text(encoding="utf-8")
    assert [w for w in words if f"`{w}`" not in text] == []


def test_the_webhook_page_names_every_reason() -> None:
    text = (DOCS / "webhook.md").read_text(encoding="utf-8")
    assert [r for r in DeliveryReason if f"| `{r}` |" not in text] == []


def test_the_pages_tell_the_truth_about_ids_and_budget() -> None:
    assert f"`{NAMESPACE}`" in (DOCS / "alarms.md").read_text(encoding="utf-8")
    webhook = (DOCS / "webhook.md").read_text(encoding="utf-8")
    assert alarm_id("M001", "CH4-01", "limit-high", 1_795_446_245_123) in webhook
    assert (RetryPolicy().budget_ms, RetryPolicy().longest_ms) == (24 * 3_600_000, 10 * 60_000)


@pytest.mark.parametrize("name", MODULES)
def test_modules_export_what_they_define(name: str) -> None:
    module = importlib.import_module(name)
    defined = {
        word
        for word, thing in vars(module).items()
        if not word.startswith("_")
        and (inspect.isclass(thing) or inspect.isfunction(thing))
        and thing.__module__ == name
    }
    assert defined - set(module.__all__) == set(), "write its name with an underscore, or export it"
    assert {word for word in module.__all__ if not hasattr(module, word)} == set()


def test_the_example_receiver_takes_a_signed_event_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run the page's own code, and send it what hazmon sends."""
    (code,) = re.findall(r"```python\n(import json.*?)```", (DOCS / "webhook.md").read_text(encoding="utf-8"), re.S)
    monkeypatch.setenv("DUTY_SECRET", SECRET)
    scope: dict[str, object] = {"__name__": "example"}
    exec(code, scope)
    hook = scope["Hook"]
    hook.log_message = lambda *_: None  # type: ignore[attr-defined]
    server = scope["ThreadingHTTPServer"](("127.0.0.1", 0), hook)  # type: ignore[operator]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/hook"

    mine = Mine(tmp_path)
    mine.limits()
    mine.say("CH4-01", T0 + 1000, 1.62)
    (event,), (delivery,) = mine.journal.events_after(0), mine.journal.deliveries().items
    now_ms = time.time_ns() // 1_000_000

    async def send(secret: str) -> int:
        channel = WebhookChannel("duty", url, secret)
        try:
            return await channel.send(Notice(delivery.id, event), now_ms)
        finally:
            await channel.close()

    assert asyncio.run(send(SECRET)) == 204
    assert asyncio.run(send(SECRET)) == 204
    with pytest.raises(DeliveryError, match="HTTP 401"):
        asyncio.run(send("whsec_" + "A" * 32))
    assert httpx.post(url, content=b"{}").status_code == 401
    server.shutdown()
    server.server_close()
    assert capsys.readouterr().out == f"alarm.raised {event.alarm.message.en}\n"
