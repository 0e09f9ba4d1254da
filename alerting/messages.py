"""Plain sentences about an alarm, in Chinese and English: what, where, how bad, since when, what to do.

The texts are in `alerting.texts`; names and guidance come from the plant and the catalogue. Times in sentences are
local, because the people who read them look at a clock on a wall.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from alerting import texts
from alerting.alarm import Alarm, Decision, EventType
from hazards.catalogue.entry import Kind
from hazards.checks import Checks
from hazards.condition import Condition, Family
from hazards.durations import format_duration
from hazards.guidance import guidance_for
from hazards.logic_toml import KIND as LOGIC_KIND
from hazards.plant import Name, Plant, Point, PointKey

__all__ = ["Messages", "plain_numbers"]

_LANGUAGES = ("zh", "en")
_MOST_DECIMALS = 4


def plain_numbers(value: float, limit: float | None) -> tuple[str, str]:
    """A value and its limit with the same decimals: as few as show which side of the limit the value is on.

    >>> plain_numbers(1.623, 1.5), plain_numbers(31.0, 24.0), plain_numbers(1025.36, 1025.0)
    (('1.62', '1.50'), ('31', '24'), ('1025.4', '1025.0'))
    """
    scale = abs(value if limit is None else limit)
    decimals = 2 if scale < 10 else 1 if scale < 100 else 0
    if value == int(value) and (limit is None or limit == int(limit)):
        decimals = 0
    if limit is None:
        return f"{value:.{decimals}f}", ""
    while decimals < _MOST_DECIMALS and value != limit and f"{value:.{decimals}f}" == f"{limit:.{decimals}f}":
        decimals += 1
    return f"{value:.{decimals}f}", f"{limit:.{decimals}f}"


class Messages:
    """Writes the sentence for a decision.

    Parameters
    ----------
    plant : Plant
        For the names of enterprises, sources and points.
    kinds : mapping of str to Kind
        The catalogue's (`Catalogue.kinds`); a kind that is missing goes by its id.
    time_zone : str
        IANA name; the time of the sentences.
    """

    def __init__(self, plant: Plant, kinds: Mapping[str, Kind], time_zone: str = "Asia/Shanghai") -> None:
        self._kinds = kinds
        self._zone = ZoneInfo(time_zone)
        self._enterprises = {e.id: e.name for e in plant.enterprises}
        self._sources = {(s.enterprise, s.id): s for e in plant.enterprises for s in e.sources}
        self._points = {p.key: p for p in plant.points}

    def sentence(self, decision: Decision, checks: Checks | None = None) -> Name:
        """The sentence in both languages.

        Parameters
        ----------
        decision : Decision
            With a type.
        checks : Checks, optional
            Those in force, where the decision came from the engine: delays are told from them.
        """
        zh, en = (self._sentence(decision, checks, language) for language in _LANGUAGES)
        return Name(zh, en)

    def _sentence(self, decision: Decision, checks: Checks | None, language: str) -> str:
        assert decision.type is not None
        alarm = decision.alarm
        point = self._points.get(PointKey(alarm.enterprise, alarm.point))
        zh = language == "zh"

        def local(time_ms: int) -> str:
            # The day is said where it is not the day of the decision.
            at, now = (datetime.fromtimestamp(ms // 1000, self._zone) for ms in (time_ms, decision.at_ms))
            return at.strftime("%H:%M:%S" if at.date() == now.date() else "%Y-%m-%d %H:%M:%S")

        because = "" if decision.cause is None else texts.CAUSES[decision.cause].in_language(language)
        what = self._what(decision, point, checks, language)
        ended = alarm.raised_at_ms if alarm.cleared_at_ms is None else alarm.cleared_at_ms
        todo = self._todo(decision, point, language)
        remark = ("：" if zh else ": ") + decision.comment if decision.comment else ""
        return (
            texts.EVENTS[decision.type]
            .in_language(language)
            .format(
                severity=texts.SEVERITIES[alarm.severity].in_language(language),
                where=self._where(decision, point, language),
                what=what,
                was=what,
                because=((f"（{because}）" if zh else f" ({because})") if because else ""),
                since=local(alarm.raised_at_ms),
                time=local(decision.at_ms if decision.by else decision.time_ms),
                cleared=local(ended),
                lasted=format_duration(_whole_seconds(ended - alarm.raised_at_ms), language),
                until="" if alarm.shelved_until_ms is None else local(alarm.shelved_until_ms),
                late=texts.LATE.in_language(language).format(detected=local(alarm.detected_at_ms))
                if alarm.late and alarm.family is not Family.NO_DATA
                else "",
                by=decision.by or "",
                remark=remark,
                todo=todo if zh or not todo else " " + todo,
            )
        )

    def _where(self, decision: Decision, point: Point | None, language: str) -> str:
        alarm = decision.alarm
        enterprise = self._enterprises.get(alarm.enterprise)
        source = self._sources.get((alarm.enterprise, alarm.source))
        names = [enterprise.in_language(language) if enterprise else alarm.enterprise]
        if source or alarm.source:
            names.append(source.name.in_language(language) if source else alarm.source)
        names.append(alarm.point)
        zh = language == "zh"
        own = "" if point is None else self._own_name(point, language)
        return (
            (" ".join(names) + (f"（{own}）" if own else " "))
            if zh
            else ", ".join(names) + (f" ({own}): " if own else ": ")
        )

    def _own_name(self, point: Point, language: str) -> str:
        """What the point is called beside its id: its own name, or where it hangs."""
        name = point.name.in_language(language)
        if name and name != point.id:
            return name
        kind = self._kinds.get(point.kind)
        placement = kind.placements.get(point.placement) if kind else None
        return placement.name.in_language(language) if placement else ""

    def _what(self, decision: Decision, point: Point | None, checks: Checks | None, language: str) -> str:
        alarm = decision.alarm
        kind = self._kinds.get(alarm.kind)
        kind_name = kind.name.in_language(language) if kind else alarm.kind
        condition = alarm.condition
        over = decision.type is EventType.CLEARED
        if over and decision.cause is not None:
            because = texts.CAUSES[decision.cause].in_language(language)
            return texts.ENDED.in_language(language).format(kind=kind_name, because=because)
        is_limit = condition in (Condition.LOW_LOW, Condition.LOW, Condition.HIGH, Condition.HIGH_HIGH)
        state = kind.states.get(int(alarm.value)) if is_limit and kind and alarm.value is not None else None
        if state is not None:
            return texts.SWITCH.in_language(language).format(kind=kind_name, state=state.in_language(language))
        value, limit = (
            plain_numbers(alarm.value, alarm.limit if is_limit else None) if alarm.value is not None else ("", "")
        )
        text = (texts.WAS if over else texts.CONDITIONS)[condition]
        if alarm.kind == LOGIC_KIND and condition is Condition.FAULT:
            text = texts.SIGHTED if over else texts.BLIND
        if not over and condition in texts.WITHOUT_NUMBERS and (checks is None or not _has_numbers(condition, checks)):
            text = texts.WITHOUT_NUMBERS[condition]
        if not over and is_limit and _is_back(alarm):
            text = texts.HELD
        return text.in_language(language).format(
            kind=kind_name,
            value=f"{value} {alarm.unit}".strip(),
            limit=limit or "?",
            limit_per_min=""
            if alarm.limit is None
            else f"{plain_numbers(alarm.limit * 60, None)[0]} {alarm.unit}".strip(),
            frozen_after=format_duration(checks.frozen_after_ms, language) if checks else "",
            no_data_after=format_duration(checks.no_data_after_ms, language) if checks else "",
        )

    def _todo(self, decision: Decision, point: Point | None, language: str) -> str:
        alarm = decision.alarm
        guidance = guidance_for(self._kinds, alarm.kind, point, alarm.condition)
        return guidance.in_language(language) if guidance else ""


def _is_back(alarm: Alarm) -> bool:
    """Whether the value is on the good side of the limit that stands."""
    if alarm.value is None or alarm.limit is None:
        return False
    high = alarm.condition in (Condition.HIGH, Condition.HIGH_HIGH)
    return alarm.value < alarm.limit if high else alarm.value > alarm.limit


def _has_numbers(condition: Condition, checks: Checks) -> bool:
    return {
        Condition.RATE: math.isfinite(checks.rate_per_s),
        Condition.FROZEN: checks.frozen_after_ms > 0,
        Condition.NO_DATA: checks.no_data_after_ms > 0,
    }[condition]


def _whole_seconds(duration_ms: int) -> int:
    return duration_ms // 1000 * 1000 if duration_ms >= 1000 else duration_ms
