"""What the SDK lacks: queries, variables and annotations of Grafana's InfluxDB data source, in InfluxQL.

InfluxQL alone, because InfluxDB 1.x, 2.x and 3.x all answer it.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog import builder, variants
from grafana_foundation_sdk.models import dashboard as model

__all__ = ["SOURCE", "Target", "annotation", "tag_variable"]

SOURCE = model.DataSourceRef(type_val="influxdb", uid="${datasource}")
"""The data source that the viewer has chosen, so that the dashboards fit any Grafana."""


@dataclass(frozen=True, slots=True)
class _Query(variants.Dataquery):
    """As the data source's editor would store it."""

    fields: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return self.fields


@dataclass(frozen=True, slots=True)
class Target(builder.Builder[variants.Dataquery]):
    """One query of a panel.

    Parameters
    ----------
    influxql : str
        With Grafana's ``$timeFilter``, ``$__interval`` and the dashboard's variables.
    alias : str
        Name of a series, with ``$tag_NAME`` and ``$col``; empty keeps the data source's.
    shape : {"time_series", "table"}
        What comes back: a series per tag set, or one table.
    ref : str
        Letter of the query within its panel.
    """

    influxql: str
    alias: str = ""
    shape: Literal["time_series", "table"] = "time_series"
    ref: str = "A"

    def build(self) -> variants.Dataquery:
        """As the SDK asks for it."""
        return _Query(
            {
                "refId": self.ref,
                "datasource": SOURCE.to_json(),
                "query": self.influxql,
                "rawQuery": True,
                "resultFormat": self.shape,
                "alias": self.alias,
            }
        )


def tag_variable(name: str, label: str, where: str = "") -> build.QueryVariable:
    """A variable that offers the values of the tag of its name, one, several or all of them.

    Parameters
    ----------
    name : str
        The tag's, and the variable's.
    label : str
        What a person reads.
    where : str
        Condition on other tags, for variables that depend on others.
    """
    influxql = f'SHOW TAG VALUES FROM "reading" WITH KEY = "{name}"' + (f" WHERE {where}" if where else "")
    return (
        build.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(influxql)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        # Spelled out, "all" would be a pattern of every point's name: too long for a query.
        .all_value(".*")
        .current(model.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


class _AnnotationTarget(model.AnnotationTarget):
    """The SDK knows the targets of Grafana's own annotations only; this one is the InfluxDB data source's."""

    def __init__(self, influxql: str, text_column: str, tags_columns: str) -> None:
        super().__init__()
        self._fields: dict[str, object] = {
            "refId": "annotation",
            "query": influxql,
            "queryType": "tags",
            "fromAnnotations": True,
            "textEditor": True,
            "textColumn": text_column,
            "tagsColumn": tags_columns,
        }

    def to_json(self) -> dict[str, object]:
        return self._fields


@dataclass(frozen=True, slots=True)
class _AnnotationTargetBuilder(builder.Builder[model.AnnotationTarget]):
    influxql: str
    text_column: str
    tags_columns: str

    def build(self) -> model.AnnotationTarget:
        return _AnnotationTarget(self.influxql, self.text_column, self.tags_columns)


def annotation(name: str, color: str, influxql: str, *, text_column: str, tags_columns: str) -> build.AnnotationQuery:
    """Marks on every trend, one for each row of the query.

    Parameters
    ----------
    name : str
        What a person reads beside the switch.
    color : str
        Of the marks.
    influxql : str
        With ``$timeFilter`` and the dashboard's variables.
    text_column, tags_columns : str
        Columns shown with a mark; several tags are separated by commas.
    """
    return (
        build.AnnotationQuery()
        .name(name)
        .datasource(SOURCE)
        .enable(True)
        .icon_color(color)
        .target(_AnnotationTargetBuilder(influxql, text_column, tags_columns))
    )
