"""The whole system on one machine with nothing installed: broker, simulated plant, service, webhook receiver.

Everything but the two ends is the real service; the broker is amqtt's (the demo's only), the duty officer's phone
is `hazmon.receiver`.
"""

import base64
import json
import secrets
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from alerting.alarm import AlarmEvent, EventType
from api.keys import Keys, Role
from hazards.condition import Severity
from hazards.plant_files import load_plant
from hazmon.config import Api, Channel, Data, Mqtt, Notify, PlantFolder, RouteSettings, Settings, Store
from hazmon.figures import Figures
from hazmon.logs import set_up_logs
from hazmon.receiver import Received, WebhookReceiver
from hazmon.service import Service
from hazmon.threads import Worker
from simulators.background import Background
from simulators.broker import DemoBroker
from simulators.publisher import publish
from simulators.scenario import load_scenario

__all__ = ["run_demo"]

_DRAIN_S = 15.0
"""At the end: for what is on its way between the parts."""

_COLOURS = {Severity.RED: "bold red", Severity.ORANGE: "dark_orange", Severity.YELLOW: "yellow", Severity.BLUE: "blue"}
_MARKS = {
    EventType.RAISED: "▲",
    EventType.ESCALATED: "▲▲",
    EventType.DEESCALATED: "▽",
    EventType.CLEARED: "✓",
    EventType.ACKNOWLEDGED: "●",
}


@dataclass(frozen=True, slots=True)
class _Words:
    starting: str
    broker: str
    service: str
    plant: str
    console: str
    key: str
    stop: str
    delivered: str
    stopping: str
    report: str
    readings: str
    alarms: str
    webhooks: str


_WORDS = {
    "zh": _Words(
        starting="正在启动",
        broker="内置消息服务器",
        service="采集、报警引擎、存储、接口与值班页面",
        plant="模拟企业",
        console="值班页面（用浏览器打开，链接用一次）",
        key="密钥（再次登录、调用接口）",
        stop="按 Ctrl-C 结束",
        delivered="推送已签收",
        stopping="正在停止，等待在途数据落盘 ……",
        report="报告已写入",
        readings="测点数据：收到 {received}，入日志 {logged}，入库 {stored}，迟到 {late}，拒收 {rejected}",
        alarms="报警：发生 {raised}，解除 {cleared}",
        webhooks="推送送达 {n}；从收到数据到送达：中位 {p50} 毫秒，99% 在 {p99} 毫秒以内",
    ),
    "en": _Words(
        starting="starting",
        broker="the embedded broker",
        service="ingest, alarm engine, store, API and console",
        plant="the simulated plants",
        console="console (open it in a browser; the link works once)",
        key="key (to log in again, and for the API)",
        stop="Ctrl-C ends it",
        delivered="webhook received",
        stopping="stopping, once everything on its way is on disk ...",
        report="report written to",
        readings="readings: {received} received, {logged} logged, {stored} stored, {late} late, {rejected} rejected",
        alarms="alarms: {raised} raised, {cleared} cleared",
        webhooks="webhooks delivered: {n}; from receipt to delivery p50 {p50} ms, p99 {p99} ms",
    ),
}


def run_demo(
    *, for_s: float | None, report: Path | None, port: int, speed: float, language: str, console: Console | None = None
) -> int:
    """Run the demo until ``for_s`` has passed, Ctrl-C or SIGTERM.

    Parameters
    ----------
    for_s : float or None
        How long after everything is up; None is until stopped. [s]
    report : Path or None
        Where to write what happened, as JSON.
    port : int
        Of the console; 0 takes a free one, and so does a port that is taken.
    speed : float
        How many times faster than life the plant runs.
    language : {"zh", "en"}
        Of everything printed.
    console : rich.Console, optional
        Where to print.

    Returns
    -------
    int
        Exit status.
    """
    out = console or Console(highlight=False)
    words = _WORDS[language]
    set_up_logs(level=30)
    stop = threading.Event()
    before = {sig: signal.signal(sig, lambda _s, _f: stop.set()) for sig in (signal.SIGINT, signal.SIGTERM)}
    try:
        with ExitStack() as stack:
            running = _Demo(stack, out, words, language, port, speed)
            _wait(stop.is_set, for_s)
            out.print(f"[dim]{words.stopping}[/]")
            figures = running.finish()
    finally:
        for sig, handler in before.items():
            signal.signal(sig, handler)
    _print_figures(out, words, figures)
    if report is not None:
        report.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        out.print(f"{words.report} {report}")
    return 0


class _Demo:
    """The running parts, stopped in reverse by the stack."""

    def __init__(self, stack: ExitStack, out: Console, words: _Words, language: str, port: int, speed: float) -> None:
        self._out, self._words, self._language = out, words, language
        self._print_lock = threading.Lock()
        folder = Path(tempfile.mkdtemp(prefix="hazmon-demo-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        plant_dir = stack.enter_context(as_file(files("simulators") / "plant"))

        self._step(words.broker)
        broker = stack.enter_context(DemoBroker())
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        self._receiver = WebhookReceiver(secret, self._print_delivery)
        stack.callback(self._receiver.close)

        self._step(words.service)
        code = secrets.token_urlsafe(12)
        plant = load_plant(plant_dir)
        settings = Settings(
            mqtt=Mqtt(url=broker.url),
            data=Data(dir=folder),
            plant=PlantFolder(dir=plant_dir),
            store=Store(url="duckdb"),
            api=Api(listen=f"127.0.0.1:{port}"),
            notify=Notify(
                channels=[Channel(name="duty", kind="webhook", url=self._receiver.url, secret_env="DEMO")],
                routes=[RouteSettings(channels=["duty"])],
            ),
        )
        self._service = Service(
            settings, plant, {"DEMO": secret}, login_code=code, when_port_taken="take_another", language=language
        )
        stack.callback(self._service.stop)
        self._service.start()
        self._service.serve_in_background()
        self._service.wait_ready(30.0)
        printer = Worker("demo-printer", self._print_events)
        printer.start()
        stack.callback(printer.stop)

        self._step(words.plant)
        scenario = load_scenario("demo")
        self._publisher = Background(
            lambda stop, progress: publish(scenario, broker.url, speed=speed, stop=stop, progress=progress)
        )
        stack.callback(self._publisher.stop)
        out.print()
        for enterprise in plant.enterprises:
            points = sum(p.enterprise == enterprise.id for p in plant.measured)
            sources = "、".join(s.name.in_language(language) for s in enterprise.sources)
            out.print(f"  {enterprise.name.in_language(language)}  [dim]{sources} · {points}[/]")
        out.print(f"\n{words.console}:  [bold underline]{self._service.url}/login?code={code}[/]", soft_wrap=True)
        key = Keys(self._service.journal, lambda: time.time_ns() // 1_000_000).create(Role.ENGINEER, "demo")
        out.print(f"{words.key}:  {key}", soft_wrap=True)
        out.print(f"[dim]{words.stop}[/]\n")

    def _step(self, what: str) -> None:
        self._out.print(f"[dim]{self._words.starting}: {what} ...[/]")

    def finish(self) -> Figures:
        """Stop the plant, let everything on its way arrive, and say what happened."""
        self._publisher.stop()
        self._publisher.wait(_DRAIN_S)
        _wait(self._service.drained, _DRAIN_S)
        return self._service.figures()

    def _print_events(self, stop: threading.Event) -> None:
        journal, seq = self._service.journal, 0
        while not stop.is_set():
            journal.wait_for_event(seq, 0.2)
            for event in journal.events_after(seq):
                seq = event.seq
                self._print_event(event)

    def _print_event(self, event: AlarmEvent) -> None:
        alarm = event.alarm
        colour = "green" if event.type is EventType.CLEARED else _COLOURS[alarm.severity]
        mark = _MARKS.get(event.type, "·")
        with self._print_lock:
            text = escape(alarm.message.in_language(self._language))
            self._out.print(f"[{colour}]{mark} {text}[/]", soft_wrap=True)

    def _print_delivery(self, received: Received) -> None:
        data = received.event["data"]
        with self._print_lock:
            what = f"{received.event['type']} {data['enterprise']}/{data['point']}"
            self._out.print(f"  [dim]→ {self._words.delivered}: {what}[/]", soft_wrap=True)


def _wait(condition: Callable[[], bool], at_most_s: float | None) -> None:
    """Look now and again: a wait without end would not let the main thread run the handler of every signal."""
    end = None if at_most_s is None else time.monotonic() + at_most_s
    while not condition() and (end is None or time.monotonic() < end):
        time.sleep(0.02)


def _print_figures(out: Console, words: _Words, figures: Figures) -> None:
    latency = figures["latency_ms"]
    out.print()
    out.print(words.readings.format(**figures["readings"]), soft_wrap=True)
    out.print(words.alarms.format(**figures["alarms"]), soft_wrap=True)
    webhooks = words.webhooks.format(n=figures["webhooks_delivered"], p50=latency["p50"], p99=latency["p99"])
    out.print(webhooks, soft_wrap=True)
