"""What one might otherwise take: a Python loop, pandas, polars, and a stream processor.

Each does what it can express in a few lines, which is less than the engine does; `RULES` says what. bytewax
stands for the stream processors because it keeps state per key, recovers it, and runs in one Python process
without Kafka or Java; river, streamz and the like keep no state per key, Faust and Quix Streams need a broker.
"""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from alerting.limits import Limits
from hazards.readings import ReadingBatch

__all__ = ["OTHERS", "RULES"]

RULES = {
    "python": "one limit a side with clearing value and delays; all other rules could be added",
    "pandas": "one limit a side with clearing value; no delays, only the last reading of a point in a batch",
    "polars": "one limit a side with clearing value; no delays, only the last reading of a point in a batch",
    "bytewax": "one limit a side with clearing value and delays; all other rules could be added",
}
"""What each comparison evaluates of the engine's rules."""

State = list[Any]
Take = Callable[[ReadingBatch], int]


def _step(state: State, t: int, v: float, high: float, high_clear: float, low: float, on: int, off: int) -> int:
    """Two limits of one point, ``state`` being active and since when, for each; how many changed."""
    changed = 0
    for i in (0, 2):
        active = state[i]
        beyond, clear = (v >= high, v < high_clear) if i == 0 else (v <= low, v > low)
        if not (clear if active else beyond):
            state[i + 1] = None
            continue
        if state[i + 1] is None:
            state[i + 1] = t
        if t - state[i + 1] >= (off if active else on):
            state[i], state[i + 1] = not active, None
            changed += 1
    return changed


def _python(limits: Limits) -> Take:
    checks = _checks(limits)
    states: list[State] = [[False, None, False, None] for _ in range(len(limits))]

    def take(batch: ReadingBatch) -> int:
        rows = zip(batch.point.tolist(), batch.time_ms.tolist(), batch.value.tolist(), strict=True)
        return sum(_step(states[p], t, v, *checks[p]) for p, t, v in rows)

    return take


def _pandas(limits: Limits) -> Take:
    pd = importlib.import_module("pandas")
    table = pd.DataFrame({"high": limits.high, "clear": limits.high_clear, "low": limits.low})
    state = pd.DataFrame({"high": np.zeros(len(limits), bool), "low": np.zeros(len(limits), bool)})

    def take(batch: ReadingBatch) -> int:
        frame = pd.DataFrame({"point": batch.point, "value": batch.value})
        value = frame.drop_duplicates("point", keep="last").set_index("point")["value"]
        rows, was = table.loc[value.index], state.loc[value.index]
        high = (value >= rows["high"]) | (was["high"] & (value >= rows["clear"]))
        now = pd.DataFrame({"high": high, "low": value <= rows["low"]})
        state.loc[value.index] = now
        return int((now != was).to_numpy().sum())

    return take


def _polars(limits: Limits) -> Take:
    pl = importlib.import_module("polars")
    n = len(limits)
    point = np.arange(n, dtype=np.int32)
    table = pl.DataFrame({"point": point, "high": limits.high, "clear": limits.high_clear, "low": limits.low})
    was_high, was_low = np.zeros(n, bool), np.zeros(n, bool)

    def take(batch: ReadingBatch) -> int:
        frame = pl.DataFrame({"point": batch.point, "value": batch.value}).unique("point", keep="last")
        frame = frame.with_columns(
            was_high=pl.Series(was_high[frame["point"].to_numpy()]),
            was_low=pl.Series(was_low[frame["point"].to_numpy()]),
        )
        now = frame.join(table, on="point").select(
            "point",
            "was_high",
            "was_low",
            is_high=(pl.col("value") >= pl.col("high")) | (pl.col("was_high") & (pl.col("value") >= pl.col("clear"))),
            is_low=pl.col("value") <= pl.col("low"),
        )
        index = now["point"].to_numpy()
        was_high[index], was_low[index] = now["is_high"].to_numpy(), now["is_low"].to_numpy()
        return int((now["is_high"] != now["was_high"]).sum() + (now["is_low"] != now["was_low"]).sum())

    return take


def _bytewax(limits: Limits) -> Take:
    operators = importlib.import_module("bytewax.operators")
    dataflow = importlib.import_module("bytewax.dataflow")
    testing = importlib.import_module("bytewax.testing")
    checks = _checks(limits)
    states: dict[str, State] = {}

    def step(key: str, state: State | None, reading: tuple[int, int, float]) -> tuple[State, int]:
        # A flow begins anew with every batch here, so the state is kept beside it.
        state = state or states.setdefault(key, [False, None, False, None])
        point, t, v = reading
        return state, _step(state, t, v, *checks[point])

    def mapper(state: State | None, reading: tuple[int, int, float]) -> tuple[State, int]:
        return step(str(reading[0]), state, reading)

    def take(batch: ReadingBatch) -> int:
        rows = list(zip(batch.point.tolist(), batch.time_ms.tolist(), batch.value.tolist(), strict=True))
        changed: list[tuple[str, int]] = []
        flow = dataflow.Dataflow("limits")
        stream = operators.input("readings", flow, testing.TestingSource(rows, batch_size=1000))
        keyed = operators.key_on("by-point", stream, lambda reading: str(reading[0]))
        operators.output("out", operators.stateful_map("limits", keyed, mapper), testing.TestingSink(changed))
        testing.run_main(flow)
        return sum(n for _, n in changed)

    return take


def _checks(limits: Limits) -> list[tuple[float, float, float, int, int]]:
    columns = (limits.high, limits.high_clear, limits.low, limits.on_delay_ms, limits.off_delay_ms)
    return list(zip(*(column.tolist() for column in columns), strict=True))


OTHERS: dict[str, Callable[[Limits], Take]] = {
    "python": _python,
    "pandas": _pandas,
    "polars": _polars,
    "bytewax": _bytewax,
}
"""By name: makes, from limits, what takes a batch and says how many conditions changed; ImportError if missing."""
