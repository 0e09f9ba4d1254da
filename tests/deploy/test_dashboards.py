"""The dashboards: generated as committed, well formed, and every query answered by a real InfluxDB."""

import json
import re
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from deploy.grafana.generate import FOLDER, dashboards
from hazards.catalogue import load_catalogue
from tests.support.dashboard_queries import DashboardQuery, dashboard_queries
from tests.support.servers import Influxd

START_MS = 1_764_000_000_000
END_MS = START_MS + 3_600_000
DATABASE = "dashboard_test"


@pytest.fixture(scope="module")
def overview() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((FOLDER / "overview.json").read_text("utf-8"))
    return parsed


def test_committed_json_is_current() -> None:
    for name, text in dashboards().items():
        assert (FOLDER / name).read_text("utf-8") == text, f"{name} is old: run python -m deploy.grafana.generate"
    assert {f.name for f in FOLDER.iterdir()} == set(dashboards())


def test_panels_have_ids_of_their_own_and_do_not_overlap(overview: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in overview["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in overview["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_titles_are_in_both_languages(overview: dict[str, Any]) -> None:
    titles = [overview["title"]] + [panel["title"] for panel in overview["panels"] if panel["title"] != "$kind"]
    for title in titles:
        assert re.search(r"[\u4e00-\u9fff]", title) and re.search(r"[A-Za-z]", title), title


def test_every_query_is_influxql_on_the_chosen_source(overview: dict[str, Any]) -> None:
    source = {"type": "influxdb", "uid": "${datasource}"}
    for panel in overview["panels"]:
        for target in panel.get("targets", []):
            assert target["datasource"] == source and target["rawQuery"] is True
    for query in dashboard_queries(START_MS, END_MS):
        assert "|>" not in query.influxql and "from(bucket" not in query.influxql
        # An extension of one version or a clause that a later one dropped.
        assert not re.search(r"\b(INTO|PERCENTILE_APPROX|TZ|SHOW FIELD KEY CARDINALITY)\b", query.influxql, re.I)
        assert "$" not in re.sub(r"\$/", "", query.influxql), f"a variable is left in {query}"


def test_trends_carry_the_unit_of_their_kind_where_it_has_one(overview: dict[str, Any]) -> None:
    (trend,) = [panel for panel in overview["panels"] if panel["title"] == "$kind"]
    units = {
        override["matcher"]["options"]: p["value"]
        for override in trend["fieldConfig"]["overrides"]
        for p in override["properties"]
        if p["id"] == "unit"
    }
    assert units[r"/\[ch4\]$/"] == "suffix: %CH4"
    assert units[r"/\[freeboard\]$/"] == "suffix: m"
    assert r"/\[co\]$/" not in units, "a point of carbon monoxide may be in mg/m3 or ppm"
    known = {rf"/\[{kind}\]$/" for kind in load_catalogue().kinds}
    assert set(units) <= known


READINGS = {
    # kind: (source, value of the k-th reading)
    "ch4": ("face-1203", lambda k: 0.4 + 0.001 * k),
    "co": ("tank-area", lambda k: 5.0),
    "pond-level": ("pond-1", lambda k: 1203.0 + 0.002 * k),
}


def lines() -> Iterator[str]:
    """An hour in the schema of interfaces.md: readings every 10 s of every quality, events of every severity."""
    for number, (kind, (source, value)) in enumerate(READINGS.items()):
        for k in range(360):
            time_ms = START_MS + k * 10_000
            quality = {100: 1, 101: 2, 102: 3}.get(k, 0)
            fields = f"quality={quality}i" + ("" if quality == 2 else f",value={value(k)}")
            yield (
                f"reading,enterprise=M00{number},source={source},point={kind.upper()}-01,kind={kind} {fields} {time_ms}"
            )
    for minute, severity, point, family, event, condition in EVENTS:
        yield (
            f"alarm_event,enterprise=M000,source=face-1203,point={point},family={family},severity={severity} "
            f'id="{point}-{family}",event="alarm.{event}",condition="{condition}",value=1.1,limit=1.0 '
            f"{START_MS + minute * 60_000}"
        )


EVENTS = [
    # one that cleared and was acknowledged afterwards
    (5, "orange", "CH4-01", "limit-high", "raised", "high"),
    (6, "red", "CH4-01", "limit-high", "escalated", "high_high"),
    (9, "red", "CH4-01", "limit-high", "cleared", "high_high"),
    (10, "red", "CH4-01", "limit-high", "acknowledged", "high_high"),
    # one that stands, acknowledged
    (20, "red", "CH4-02", "limit-high", "raised", "high_high"),
    (21, "red", "CH4-02", "limit-high", "acknowledged", "high_high"),
    # three that stand
    (30, "yellow", "CH4-03", "no-data", "raised", "no_data"),
    (31, "blue", "CH4-01", "frozen", "raised", "frozen"),
    (32, "red", "CH4-01", "rate", "raised", "rate"),
]


@pytest.fixture(scope="module")
def store(influxd: Influxd) -> Iterator[Influxd]:
    influxd.create(DATABASE)
    body = "\n".join(lines()).encode()
    write = urllib.request.Request(f"{influxd.http}/write?db={DATABASE}&precision=ms", body)
    with urllib.request.urlopen(write, timeout=10) as answer:
        assert answer.status == 204
    yield influxd
    influxd.query(f'DROP DATABASE "{DATABASE}"')


def rows(store: Influxd, query: DashboardQuery) -> list[dict[str, Any]]:
    """What the store answers, a row a dictionary, tags included."""
    return [
        dict(zip(series["columns"], values, strict=True)) | series.get("tags", {})
        for series in store.query(query.influxql, DATABASE)
        for values in series["values"]
    ]


QUERIES = list(dashboard_queries(START_MS, END_MS))


@pytest.mark.servers
@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_every_query_returns_rows(store: Influxd, query: DashboardQuery) -> None:
    assert rows(store, query), query.influxql


CHOICES: dict[str, Mapping[str, str]] = {
    "one point": {"enterprise": "M000", "source": "face-1203", "kind": "ch4", "point": "CH4-01"},
    "several": {"enterprise": "(M000|M002)", "kind": "(ch4|pond-level)", "point": "(CH4-01|CH4-02|POND-LEVEL-01)"},
}


@pytest.mark.servers
@pytest.mark.parametrize("choice", CHOICES)
def test_every_query_takes_chosen_variables(store: Influxd, choice: str) -> None:
    for query in dashboard_queries(START_MS, END_MS, variables=CHOICES[choice]):
        got = rows(store, query)
        for row in got:
            assert row.get("enterprise", "M000") in ("M000", "M002"), query
            assert row.get("point", "CH4-01") in ("CH4-01", "CH4-02", "POND-LEVEL-01"), query
        assert got or query.empty_when_well, query


@pytest.mark.servers
def test_nothing_chosen_that_exists_returns_nothing(store: Influxd) -> None:
    """The variables are in every query that has to do with places: none of them ignores the choice."""
    for query in dashboard_queries(START_MS, END_MS, variables={"enterprise": "NOBODY"}):
        if (query.role, query.title) != ("variable", "enterprise"):
            assert rows(store, query) == [], query


def of(title: str) -> DashboardQuery:
    (query,) = [q for q in QUERIES if q.title.startswith(title)]
    return query


@pytest.mark.servers
def test_standing_alarms_are_those_that_did_not_clear(store: Influxd) -> None:
    standing = {(r["point"], r["family"], r["severity"], r["condition"]) for r in rows(store, of("现存超限"))}
    assert standing == {
        ("CH4-02", "limit-high", "red", "high_high"),
        ("CH4-03", "no-data", "yellow", "no_data"),
        ("CH4-01", "frozen", "blue", "frozen"),
        ("CH4-01", "rate", "red", "rate"),
    }


@pytest.mark.servers
def test_latest_reading_says_when_and_how_good(store: Influxd) -> None:
    """Up to the bad reading, which has no value: its row has none, rather than the last good one."""
    at_the_bad_one = START_MS + 101 * 10_000
    (query,) = [q for q in dashboard_queries(START_MS, at_the_bad_one) if q.title.startswith("各测点最新读数")]
    for row in rows(store, query):
        assert (row["quality"], row["value"], row["time"]) == (2, None, at_the_bad_one)
    assert {(r["quality"], r["time"]) for r in rows(store, of("各测点最新读数"))} == {(0, START_MS + 359 * 10_000)}


@pytest.mark.servers
def test_counts(store: Influxd) -> None:
    def number(title: str) -> int:
        (row,) = rows(store, of(title))
        return int(row["n"])

    assert number("有数据的测点") == 3
    assert number("读数 ·") == 3 * 360
    assert number("红色报警") == 2
    assert number("不可信读数") == 3 * 2


@pytest.mark.servers
def test_trends_leave_out_what_cannot_be_trusted(store: Influxd) -> None:
    drawn = [row["time"] for row in rows(store, of("$kind")) if row["kind"] == "ch4"]
    assert len(drawn) == 360 - 2, "the bad and the maintenance reading are not drawn"
    assert {row["severity"] for row in rows(store, of("各级别新发报警"))} == {"red", "orange", "yellow", "blue"}
