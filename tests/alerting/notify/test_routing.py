"""Who hears of an alarm."""

import pytest

from alerting.alarm import Alarm
from alerting.lifecycle import Change, after_change
from alerting.notify.routing import Match, Route, Router
from hazards.condition import Condition, family_of
from tests.support.alerting_parts import T0, a_point


def the_alarm(condition: Condition = Condition.HIGH_HIGH) -> Alarm:
    point = a_point()
    change = Change(
        point=point,
        number=0,
        family=family_of(condition),
        flips=((condition, True),),
        time_ms=T0,
        value=1.6,
        checks=point.checks,
    )
    alarm, _ = after_change(None, change, T0)
    assert alarm is not None
    return alarm


@pytest.mark.parametrize(
    ("match", "takes"),
    [
        ({}, True),
        ({"severity": ["red", "orange"]}, True),
        ({"severity": ["blue"]}, False),
        ({"severity": []}, False),
        ({"family": ["limit-high"]}, True),
        ({"family": ["no-data", "fault"]}, False),
        ({"kind": ["ch4"]}, True),
        ({"kind": ["c*"]}, True),
        ({"kind": ["co"]}, False),
        ({"enterprise": ["M001"]}, True),
        ({"enterprise": ["M00?"]}, True),
        ({"enterprise": ["m001"]}, False),
        ({"source": ["tank-*", "face-*"]}, True),
        ({"point": ["CH4-*"]}, True),
        ({"point": ["CH4"]}, False),
        ({"severity": ["red"], "point": ["CO-*"]}, False),
    ],
)
def test_match(match: dict[str, list[str]], takes: bool) -> None:
    assert Match.of(**match).takes(the_alarm()) is takes


RED, METHANE, ALL = Match.of(severity=["red"]), Match.of(kind=["ch4"]), Match()


@pytest.mark.parametrize(
    ("routes", "channels"),
    [
        ([], ()),
        ([Route(Match.of(kind=["co"]), ("a",))], ()),
        ([Route(RED, ("a",)), Route(METHANE, ("b",))], ("a",)),
        ([Route(RED, ("a",), "continue"), Route(METHANE, ("b",)), Route(ALL, ("c",))], ("a", "b")),
        ([Route(RED, ("a", "b"), "continue"), Route(ALL, ("b", "c"))], ("a", "b", "c")),
        ([Route(RED, ("a",), "continue")], ("a",)),
    ],
    ids=[
        "no route",
        "none matches",
        "the first wins",
        "continue goes on to the next match",
        "each channel once",
        "last",
    ],
)
def test_routes(routes: list[Route], channels: tuple[str, ...]) -> None:
    assert Router(routes).channels_for(the_alarm()) == channels


def test_only_channels_of_the_configuration_are_known() -> None:
    assert Router([Route(ALL, ("a", "b"))]).known(["c", "b"]) == ("b",)
