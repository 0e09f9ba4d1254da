"""Scenarios: which sites run, how fast their physics goes, and what happens when. They are data files.

A scenario (``scenarios/*.toml``) names sites; a site file (``sites/*.toml``) names a model, its settings, and which
point shows which quantity through which instrument. `Scenario.steps` runs it all, deterministic by seed.
"""

import heapq
import math
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from hazards.plant import Name, PointKey
from simulators.coal_face import CoalFace, CoalFaceSettings
from simulators.errors import SimulatorError
from simulators.instruments import Fault, Instruments, load_instruments
from simulators.site import DAY_S, Site
from simulators.step import Step
from simulators.tailings_pond import TailingsPond, TailingsPondSettings
from simulators.tank_farm import TankFarm, TankFarmSettings

__all__ = ["Channel", "Scenario", "ScenarioSite", "Timed", "load_scenario", "scenario_names"]

_CHINA_S = 8 * 3600
_CHECK_SETTINGS_AT_S = 12 * 3600.0

_MODELS: Mapping[str, tuple[type[Any], type[Any]]] = {
    "coal-face": (CoalFace, CoalFaceSettings),
    "tank-farm": (TankFarm, TankFarmSettings),
    "tailings-pond": (TailingsPond, TailingsPondSettings),
}


@dataclass(frozen=True, slots=True)
class Channel:
    """One point of a site: what it shows, through which instrument, how often."""

    point: str
    quantity: str
    instrument: str
    every_s: float
    """Seconds between readings, by their stamps. [s]"""


@dataclass(frozen=True, slots=True)
class Timed:
    """Something that happens: an incident of the site or a fault of an instrument."""

    at_s: float
    """Seconds from the start of the scenario. [s]"""
    for_s: float
    """How long it lasts. [s]"""
    incident: str
    """Incident of the model, or "" for a fault."""
    settings: Mapping[str, float]
    point: str = ""
    fault: Fault | None = None
    size: float = 0.0


@dataclass(frozen=True, slots=True)
class ScenarioSite:
    """A site as the scenario uses it."""

    name: str
    enterprise: str
    model: str
    pace: float
    """Seconds of physics in one second of the scenario: 1 is reality, more is a compressed timeline."""
    every_s: float | None
    """Seconds between the readings of all its points, instead of the site file's. [s]"""
    settings: Any
    channels: tuple[Channel, ...]
    events: tuple[Timed, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario, ready to run any number of times."""

    id: str
    name: Name
    about: Name
    sites: tuple[ScenarioSite, ...]
    starts_at_s: float | None = None
    """Local time of day of the plants at the start; None takes it from the stamps. [s since midnight]"""
    repeat_s: float = math.inf
    """The events come again after this long. [s]"""

    @property
    def points(self) -> tuple[PointKey, ...]:
        """Every point that the scenario sends."""
        return tuple(PointKey(site.enterprise, c.point) for site in self.sites for c in site.channels)

    @property
    def readings_per_s(self) -> float:
        """Readings in a second of stamps."""
        return sum(1.0 / (site.every_s or c.every_s) for site in self.sites for c in site.channels)

    def steps(self, start_ms: int, seed: int = 1, speed: float = 1.0) -> Iterator[Step]:
        """Run for ever: readings in the order of their stamps.

        Parameters
        ----------
        start_ms
            Stamp of the first readings. [ms since 1970-01-01 UTC]
        seed
            The same seed, start and speed give the same readings.
        speed
            Seconds of the scenario in a second of stamps: the plant lives faster, its readings do not come more often.

        Raises
        ------
        SimulatorError
            If the speed is not a positive number.

        Examples
        --------
        >>> step = next(load_scenario("quiet").steps(1_764_000_000_000))
        >>> step.enterprise, step.time_ms
        ('M001', 1764000000000)
        """
        if not (math.isfinite(speed) and speed > 0):
            raise SimulatorError(f"speed {speed}: give a number above 0, or max")
        runs = [
            _run(self, site, start_ms, i * 1000 // len(self.sites), seed, speed) for i, site in enumerate(self.sites)
        ]
        return heapq.merge(*runs, key=lambda step: step.time_ms)


def scenario_names() -> tuple[str, ...]:
    """The scenarios that come with hazmon.

    >>> scenario_names()
    ('demo', 'gas-outburst', 'heavy-rain', 'quiet', 'tank-leak')
    """
    return tuple(
        sorted(f.name.removesuffix(".toml") for f in _shipped("scenarios").iterdir() if f.name[-5:] == ".toml")
    )


def load_scenario(name_or_path: str | Path) -> Scenario:
    """Read a scenario that comes with hazmon, by name, or one of your own, by its path.

    Raises
    ------
    SimulatorError
        If there is none of that name, or something in it is wrong; says which file, key and remedy.

    Examples
    --------
    >>> load_scenario("demo").name.en
    'Three sites, three incidents'
    """
    path = Path(name_or_path)
    if path.suffix == ".toml":
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SimulatorError(f"scenario {path}: cannot be read ({error})") from error
        return _scenario(path.stem, str(path), text)
    if str(name_or_path) not in scenario_names():
        raise SimulatorError(
            f"scenario {str(name_or_path)!r}: there is none of that name; give one of {', '.join(scenario_names())},"
            " or the path of a .toml file"
        )
    return _scenario(
        str(name_or_path), f"{name_or_path}.toml", _shipped("scenarios", f"{name_or_path}.toml").read_text("utf-8")
    )


def _shipped(*names: str) -> Any:
    return files("simulators").joinpath(*names)


class _Table:
    """One TOML table that complains by name about what is missing, wrong or left over."""

    def __init__(self, where: str, row: Any) -> None:
        if not isinstance(row, dict):
            raise SimulatorError(f"{where}: a table is wanted, not {row!r}")
        self._where, self._row = where, dict(row)

    def take(self, key: str, type_: type | tuple[type, ...], default: Any = ...) -> Any:
        value = self._row.pop(key, default)
        if value is ...:
            raise SimulatorError(f"{self._where}: key {key!r} is missing")
        if value is not default and (not isinstance(value, type_) or isinstance(value, bool)):
            kinds = type_ if isinstance(type_, tuple) else (type_,)
            raise SimulatorError(f"{self._where}: {key} is {value!r}; give {_WORDS[kinds[-1]]}")
        return value

    def positive(self, key: str, default: Any = ...) -> Any:
        value = self.take(key, (int, float), default)
        if value is not default and not (math.isfinite(value) and value > 0):
            raise SimulatorError(f"{self._where}: {key} is {value}; give a number above 0")
        return value

    def name(self, key: str) -> Name:
        row = self.take(key, dict)
        if set(row) != {"zh", "en"}:
            raise SimulatorError(f"{self._where}: {key} has {sorted(row)}; give zh and en")
        return Name(**row)

    def done(self) -> None:
        if self._row:
            raise SimulatorError(f"{self._where}: key {next(iter(self._row))!r} is not known here")


_WORDS = {str: "text", float: "a number", dict: "a table", list: "an array"}


def _parse(where: str, text: str) -> _Table:
    try:
        return _Table(where, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SimulatorError(f"{where}: is not TOML ({error})") from error


def _scenario(id_: str, where: str, text: str) -> Scenario:
    table = _parse(where, text)
    starts_at = table.take("starts_at", str, None)
    scenario = Scenario(
        id_,
        table.name("name"),
        table.name("about"),
        tuple(_site(f"{where} [[site]] {i + 1}", row) for i, row in enumerate(table.take("site", list))),
        None if starts_at is None else _clock_s(where, starts_at),
        table.positive("repeat_s", math.inf),
    )
    table.done()
    keys = scenario.points
    for i, key in enumerate(keys):
        if key in keys[:i]:
            raise SimulatorError(f"{where}: point {key} belongs to two sites")
    return scenario


def _clock_s(where: str, text: str) -> float:
    hours, _, minutes = text.partition(":")
    if not (hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60):
        raise SimulatorError(f"{where}: starts_at is {text!r}; give a time of day such as '14:00'")
    return int(hours) * 3600.0 + int(minutes) * 60.0


def _site(where: str, row: Any) -> ScenarioSite:
    table = _Table(where, row)
    name = table.take("use", str)
    try:
        text = _shipped("sites", f"{name}.toml").read_text("utf-8")
    except OSError as error:
        known = sorted(f.name.removesuffix(".toml") for f in _shipped("sites").iterdir())
        raise SimulatorError(f"{where}: use is {name!r}; give one of {', '.join(known)}") from error
    base = _parse(f"sites/{name}.toml", text)
    model = base.take("model", str)
    if model not in _MODELS:
        raise SimulatorError(f"sites/{name}.toml: model is {model!r}; give one of {', '.join(sorted(_MODELS))}")
    settings = _settings(where, model, {**base.take("settings", dict, {}), **table.take("settings", dict, {})})
    site = ScenarioSite(
        name,
        base.take("enterprise", str),
        model,
        table.positive("pace", 1.0),
        table.positive("every_s", None),
        settings,
        _channels(f"sites/{name}.toml", base.positive("every_s"), base.take("channels", dict)),
        tuple(_event(f"{where} [[site.event]] {i + 1}", e) for i, e in enumerate(table.take("event", list, []))),
    )
    base.done()
    table.done()
    _try(where, site)
    return site


def _settings(where: str, model: str, row: Mapping[str, Any]) -> Any:
    def freeze(value: Any) -> Any:
        return tuple(freeze(v) for v in value) if isinstance(value, list) else value

    try:
        return _MODELS[model][1](**{key: freeze(value) for key, value in row.items()})
    except TypeError as error:
        raise SimulatorError(f"{where}: settings of a {model}: {error}") from error


def _channels(where: str, every_s: float, rows: Mapping[str, Any]) -> tuple[Channel, ...]:
    channels = []
    for point, row in rows.items():
        table = _Table(f"{where} [channels] {point}", row)
        channel = Channel(
            point, table.take("shows", str), table.take("through", str), table.positive("every_s", every_s)
        )
        table.done()
        if channel.instrument not in load_instruments():
            raise SimulatorError(
                f"{where} [channels] {point}: through is {channel.instrument!r}, not in instruments.toml"
            )
        channels.append(channel)
    return tuple(channels)


def _event(where: str, row: Any) -> Timed:
    table = _Table(where, row)
    at_s, for_s = float(table.take("at_s", (int, float))), float(table.positive("for_s"))
    incident, fault = table.take("incident", str, ""), table.take("fault", str, "")
    if bool(incident) == bool(fault):
        raise SimulatorError(f"{where}: give either incident or fault")
    if fault and fault not in set(Fault):
        raise SimulatorError(f"{where}: fault is {fault!r}; give one of {', '.join(Fault)}")
    event = Timed(
        at_s,
        for_s,
        incident,
        table.take("with", dict, {}),
        table.take("point", str) if fault else "",
        Fault(fault) if fault else None,
        float(table.take("size", (int, float), 0.0)),
    )
    table.done()
    return event


def _try(where: str, site: ScenarioSite) -> None:
    """Build the site and every incident once, so that a mistake shows when the file is read and not an hour later."""
    try:
        model = _model(site, np.random.default_rng(0), _CHECK_SETTINGS_AT_S)
    except (TypeError, ValueError) as error:
        raise SimulatorError(f"{where}: settings of a {site.model} do not work ({error})") from error
    truth = model.truth()
    for channel in site.channels:
        if channel.quantity not in truth:
            raise SimulatorError(
                f"sites/{site.name}.toml [channels] {channel.point}: shows is {channel.quantity!r};"
                f" a {site.model} has {', '.join(sorted(truth))}"
            )
    for i, event in enumerate(site.events):
        here = f"{where} [[site.event]] {i + 1}"
        if event.incident and event.incident not in model.incidents:
            known = ", ".join(sorted(model.incidents))
            raise SimulatorError(f"{here}: incident is {event.incident!r}; a {site.model} has {known}")
        if event.incident:
            try:
                model.begin(event.incident, event.settings)
            except SimulatorError as error:
                raise SimulatorError(f"{here}: {error}") from error
            except TypeError as error:
                raise SimulatorError(f"{here}: with has a value that is no number ({error})") from error
        elif event.point not in {c.point for c in site.channels}:
            raise SimulatorError(f"{here}: point {event.point!r} is not one of the site's")


def _model(site: ScenarioSite, random: np.random.Generator, clock_s: float) -> Site:
    model: Site = _MODELS[site.model][0](site.settings, random, clock_s)
    return model


@dataclass(slots=True)
class _Agenda:
    """What begins and ends when, in seconds of the scenario, for ever."""

    events: tuple[Timed, ...]
    repeat_s: float
    _due: list[tuple[float, int, bool, Timed]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for i, event in enumerate(self.events):
            heapq.heappush(self._due, (event.at_s, i, True, event))

    @property
    def next_s(self) -> float:
        return self._due[0][0] if self._due else math.inf

    def run(self, now_s: float, act: Callable[[Timed, bool], None]) -> None:
        while self._due and self._due[0][0] <= now_s:
            at_s, i, begins, event = heapq.heappop(self._due)
            act(event, begins)
            if begins:
                heapq.heappush(self._due, (at_s + event.for_s, i, False, event))
                if math.isfinite(self.repeat_s):
                    heapq.heappush(self._due, (at_s + self.repeat_s, i, True, event))


def _run(
    scenario: Scenario, site: ScenarioSite, start_ms: int, offset_ms: int, seed: int, speed: float
) -> Iterator[Step]:
    """Steps of one site; ``offset_ms`` keeps the sites from speaking all at once."""
    clock_s = scenario.starts_at_s
    if clock_s is None:
        clock_s = (start_ms / 1000.0 + _CHINA_S) % DAY_S
    mark = crc32(site.name.encode())
    model = _model(site, np.random.default_rng([seed, mark]), clock_s)
    instruments = Instruments(
        [load_instruments()[c.instrument] for c in site.channels], np.random.default_rng([seed, mark, 1])
    )
    index = {channel.point: i for i, channel in enumerate(site.channels)}
    every_ms = np.array([round(1000.0 * (site.every_s or c.every_s)) for c in site.channels], np.int64)
    tick_ms = int(np.gcd.reduce(every_ms))

    def act(event: Timed, begins: bool) -> None:
        if event.fault is not None:
            instruments.set_fault(index[event.point], event.fault if begins else None, event.size)
        elif begins:
            model.begin(event.incident, event.settings)
        else:
            model.end(event.incident)

    agenda = _Agenda(site.events, scenario.repeat_s)
    names = [channel.point for channel in site.channels]
    now_s = 0.0
    read_s = 0.0
    at_ms = 0
    while True:
        until_s = at_ms / 1000.0 * speed
        while True:  # physics up to the reading, stopping at each event on the way
            agenda.run(now_s, act)
            stop_s = min(until_s, agenda.next_s)
            _advance(model, (stop_s - now_s) * site.pace)
            now_s = stop_s
            if now_s >= until_s:
                break
        agenda.run(now_s, act)
        truth = model.truth()
        physical_s = until_s * site.pace
        value, quality = instruments.read(np.array([truth[c.quantity] for c in site.channels]), physical_s - read_s)
        read_s = physical_s
        due = np.flatnonzero(at_ms % every_ms == 0)
        stamp_ms = start_ms + offset_ms + at_ms
        yield Step(
            stamp_ms,
            (offset_ms + at_ms) / 1000.0,
            site.enterprise,
            names if len(due) == len(names) else [names[i] for i in due],
            value[due],
            quality[due],
        )
        at_ms += tick_ms


def _advance(model: Site, span_s: float) -> None:
    if span_s <= 0.0:
        return
    n = math.ceil(span_s / model.longest_step_s)
    for _ in range(n):
        model.step(span_s / n)
