"""Every route for every role, without a key, and from another enterprise."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from api.access import FailureLimit
from api.errors import ApiError
from api.keys import Role
from tests.support.api_rig import CH4, ApiRig

Call = Callable[..., Any]

# method, path, lowest role, body, status for those who may; {id} is an alarm of M001.
ROUTES: list[tuple[str, str, Role, Any, int]] = [
    ("GET", "/alarms", Role.VIEWER, None, 200),
    ("GET", "/alarms/{id}", Role.VIEWER, None, 200),
    ("POST", "/alarms/{id}/acknowledge", Role.OPERATOR, {"comment": "seen"}, 200),
    ("POST", "/alarms/{id}/comment", Role.OPERATOR, {"comment": "on my way"}, 200),
    ("POST", "/alarms/{id}/shelve", Role.OPERATOR, {"reason": "sensor is being moved", "for": "2h"}, 200),
    ("POST", "/alarms/{id}/unshelve", Role.OPERATOR, None, 409),
    ("GET", "/points", Role.VIEWER, None, 200),
    ("GET", "/points/M001/CH4-01", Role.VIEWER, None, 200),
    ("GET", "/points/M001/CH4-01/readings", Role.VIEWER, None, 200),
    ("PUT", "/points/M001/CH4-01/limits", Role.ENGINEER, {"limits": {"high": 0.95}, "reason": "order 7"}, 200),
    ("GET", "/risk", Role.VIEWER, None, 200),
    ("GET", "/kpi", Role.VIEWER, None, 200),
    ("GET", "/rejects", Role.ENGINEER, None, 200),
    ("GET", "/unknown-points", Role.ENGINEER, None, 200),
    ("GET", "/deliveries", Role.OPERATOR, None, 200),
    ("GET", "/audit", Role.ENGINEER, None, 200),
]


def test_the_table_has_every_route(client: httpx.Client) -> None:
    documented = client.get("/openapi.json").json()["paths"]
    listed = {
        (m, re.sub("/M001/CH4-01", "/{enterprise}/{point}", p).replace("{id}", "{alarm_id}")) for m, p, *_ in ROUTES
    }
    there = {
        (method.upper(), path.removeprefix("/api/v1"))
        for path, methods in documented.items()
        for method in methods
        if path.startswith("/api/v1") and path != "/api/v1/stream"  # has tests of its own: it never ends
    }
    assert listed == there


@pytest.mark.parametrize("role", [None, *Role])
@pytest.mark.parametrize(("method", "path", "needs", "body", "status"), ROUTES)
def test_route_and_role(
    rig: ApiRig, call: Call, method: str, path: str, needs: Role, body: Any, status: int, role: Role | None
) -> None:
    alarm = rig.raise_alarm()
    answer = call(method, path.replace("{id}", alarm.id), role, json=body)
    if role is None:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["content-type"] == "application/problem+json"
    elif role < needs:
        assert answer.status_code == 403
        assert answer.json()["title"] == "Forbidden"
    else:
        assert answer.status_code == status, answer.text
    history = rig.journal.history(alarm.id)
    if answer.status_code != 200 or method == "GET":
        assert len(history) == 1, "a refused request leaves no trace in the alarm"


@pytest.mark.parametrize(("method", "path", "needs", "body", "status"), ROUTES)
def test_a_key_of_another_enterprise_sees_and_does_nothing(
    rig: ApiRig, call: Call, method: str, path: str, needs: Role, body: Any, status: int
) -> None:
    alarm, limits_set = rig.raise_alarm(), len(rig.limits_set)
    answer = call(method, path.replace("{id}", alarm.id), Role.ADMIN, "T001", json=body)
    if "{id}" in path:
        assert answer.status_code == 404
    elif "M001" in path:
        assert answer.status_code == 403
    else:
        assert answer.status_code == 200
        assert "M001" not in answer.text
        assert call(method, f"{path}?enterprise=M001", Role.ADMIN, "T001").status_code == (
            422 if path == "/risk" else 403
        )
    assert len(rig.journal.history(alarm.id)) == 1
    assert len(rig.limits_set) == limits_set


def test_a_foreign_point_is_refused_whether_it_exists_or_not(call: Call) -> None:
    answers = [call("GET", f"/points/M001/{p}", Role.VIEWER, "T001") for p in ("CH4-01", "no-such")]
    assert [a.status_code for a in answers] == [403, 403]
    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer nonsense", "Basic aGF6OnNlY3JldA==", "Bearer hz_aaaaaaaaaaaa_" + "x" * 43, "hz_a_b"]
)
def test_what_is_not_a_key_is_refused(client: httpx.Client, header: str) -> None:
    answer = client.get("/api/v1/alarms", headers={"Authorization": header})
    assert answer.status_code == 401
    assert "x" * 43 not in answer.text


def test_a_revoked_key_stops_at_once(rig: ApiRig, client: httpx.Client) -> None:
    key = rig.key(Role.VIEWER)
    headers = {"Authorization": f"Bearer {key}"}
    assert client.get("/api/v1/alarms", headers=headers).status_code == 200
    assert rig.keys.revoke(key.split("_")[1])
    assert client.get("/api/v1/alarms", headers=headers).status_code == 401


def test_a_wrong_secret_under_a_right_id_is_refused(rig: ApiRig, client: httpx.Client) -> None:
    _, id_, secret = rig.key(Role.ADMIN).split("_")
    wrong = secret[:-1] + ("a" if secret[-1] != "a" else "b")
    assert client.get("/api/v1/alarms", headers={"Authorization": f"Bearer hz_{id_}_{wrong}"}).status_code == 401


def test_guessing_is_slowed_down() -> None:
    now_s = [0.0]
    limit = FailureLimit(allowed=3, window_s=60, monotonic_s=lambda: now_s[0])
    for _ in range(3):
        limit.check("10.0.0.1")
        limit.failed("10.0.0.1")
    with pytest.raises(ApiError) as refused:
        limit.check("10.0.0.1")
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "61")
    limit.check("10.0.0.2")
    now_s[0] = 60.0
    limit.check("10.0.0.1")


def test_keys_are_not_stored(rig: ApiRig) -> None:
    key = rig.key(Role.ENGINEER, "M001")
    secret = key.split("_")[2]
    for file in rig.folder.iterdir():
        assert secret.encode() not in file.read_bytes()
    stored = next(k for k in rig.keys.all() if k.identity.key_id == key.split("_")[1])
    assert (stored.identity.role, stored.identity.enterprise, stored.revoked_ms) == (Role.ENGINEER, "M001", None)


def test_limits_change_reaches_the_service(rig: ApiRig, call: Call) -> None:
    body = {"limits": {"high": 0.95, "on_delay": "5s", "high_high": None}, "reason": "order 7"}
    answer = call("PUT", "/points/M001/CH4-01/limits", Role.ENGINEER, json=body)
    limits = answer.json()["limits"]
    assert (limits["high"], limits["on_delay_ms"], limits["high_high"]) == (0.95, 5000, None)
    set_ = rig.limits_set[-1]
    assert (set_[0], set_[2], set_[3]) == (CH4, "test engineer", "order 7")
    assert call("GET", "/points/M001/CH4-01").json()["limits"]["high"] == 0.95
