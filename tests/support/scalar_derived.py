"""Derived quantities as plain loops over one reading at a time, written from docs/derived.md: the tests' oracle."""

import math
from collections.abc import Iterable, Sequence

from hazards.derivation import Derivation, Function, Input, order
from hazards.plant import PointKey
from hazards.quality import Quality

__all__ = ["Reading", "Result", "ScalarDerived"]

Reading = tuple[PointKey, int, float, int]
"""Point, time, value, quality."""
Result = tuple[float, int]
"""Value and quality."""
Sample = tuple[int, float, Quality]

WORST_LAST = (Quality.GOOD, Quality.UNCERTAIN, Quality.MAINTENANCE, Quality.BAD)


def worst(qualities: Iterable[Quality]) -> Quality:
    return max(qualities, key=WORST_LAST.index)


def usable(sample: Sample) -> bool:
    return sample[2] in (Quality.GOOD, Quality.UNCERTAIN)


def judged(point: Input, value: float, quality: Quality) -> Quality:
    """A reading as an input: what is no number, or outside the range, is BAD."""
    if quality == Quality.MAINTENANCE or (math.isfinite(value) and point.range_low <= value <= point.range_high):
        return quality
    return Quality.BAD


class ScalarDerived:
    """One derived reading after the other, from every reading ever taken."""

    def __init__(self, derivations: Sequence[Derivation]) -> None:
        self.levels = order(derivations)
        self.last: dict[PointKey, int] = {}
        self.samples: dict[tuple[PointKey, int], list[Sample]] = {}
        """Of each input of each derived point; a reading at the time of the one before takes its place."""
        self.late = 0
        self.out: dict[tuple[int, PointKey], Result] = {}
        """What has been made, the last of each time and point."""
        self.derived = {d.key for d in derivations}
        self.inputs = {i.point for d in derivations for i in d.inputs} - self.derived

    def take(self, key: PointKey, time_ms: int, value: float, quality: int) -> None:
        """One reading from the log."""
        if key not in self.inputs:
            return
        if time_ms < self.last.get(key, time_ms):
            self.late += 1
            return
        self.last[key] = time_ms
        news = {key: (time_ms, value, Quality(quality))}
        for level in self.levels:
            made = {}
            for d in level:
                if any(i.point in news for i in d.inputs):
                    result = self.event(d, news)
                    if result is not None:
                        made[d.key] = result
                        self.out[result[0], d.key] = result[1], int(result[2])
            news.update(made)

    def event(self, d: Derivation, news: dict[PointKey, Sample]) -> Sample | None:
        for j, point in enumerate(d.inputs):
            if point.point in news:
                t, v, q = news[point.point]
                samples = self.samples.setdefault((d.key, j), [])
                if samples and samples[-1][0] == t:
                    samples.pop()
                samples.append((t, v, judged(point, v, q)))
        over_points = d.function in FUNCTIONS
        made = self.over_points(d) if over_points else self.over_time(d, self.samples[d.key, 0])
        if made is None:
            return None
        t, v, q = made
        v = v * d.factor + d.constant
        if not math.isfinite(v) and q != Quality.MAINTENANCE:
            q = Quality.BAD
        return t, v if math.isfinite(v) and q != Quality.BAD else math.nan, q

    def over_points(self, d: Derivation) -> Sample | None:
        columns = [self.samples.get((d.key, j)) for j in range(len(d.inputs))]
        held = [c[-1] for c in columns if c]
        if len(held) < len(columns):
            return None
        t = max(h[0] for h in held)
        if any(t - h[0] > i.stale_after_ms for h, i in zip(held, d.inputs, strict=True)):
            return None
        quality = worst(h[2] for h in held)
        x = [h[1] for h in held]
        if d.function is Function.RATIO and quality != Quality.BAD and x[1] < d.denominator_min:
            return None
        return t, math.nan if quality == Quality.BAD else FUNCTIONS[d.function](x, d), quality

    def over_time(self, d: Derivation, samples: list[Sample]) -> Sample | None:
        t, _, q = samples[-1]
        match d.function:
            case Function.RATE | Function.CHANGE:
                made = self.change(d, samples)
            case Function.CHANGE_SINCE:
                made = self.change_since(d, samples)
            case Function.TIME_SINCE_CHANGE:
                made = self.time_since_change(d, samples)
            case _:
                made = self.window(d, samples)
        if made is None:
            return None
        value, doubt = made
        if q in (Quality.BAD, Quality.MAINTENANCE):
            return t, math.nan, q
        return t, value, Quality.UNCERTAIN if doubt or q == Quality.UNCERTAIN else Quality.GOOD

    def change(self, d: Derivation, samples: list[Sample]) -> tuple[float, bool] | None:
        t, v, _ = samples[-1]
        begin = t - d.window_ms
        references = [s for s in samples if usable(s) and s[0] <= begin]
        if not references or references[-1][0] < begin - d.inputs[0].stale_after_ms:
            return None
        reference = references[-1]
        moved = v - reference[1]
        if d.function is Function.RATE:
            moved = moved / (t - reference[0]) * d.per_ms
        return moved, reference[2] == Quality.UNCERTAIN

    def change_since(self, d: Derivation, samples: list[Sample]) -> tuple[float, bool] | None:
        references = [s for s in samples if usable(s) and s[0] >= d.since_ms]
        if not references:
            return None
        at, reference, quality = references[0]
        doubt = quality == Quality.UNCERTAIN or at > d.since_ms + d.inputs[0].stale_after_ms
        return samples[-1][1] - reference, doubt

    def time_since_change(self, d: Derivation, samples: list[Sample]) -> tuple[float, bool] | None:
        began, known, before = None, False, math.nan
        for t, v, _ in filter(usable, samples):
            if began is None:
                began = t
            elif abs(v - before) > d.band:
                began, known = t, True
            before = v
        return None if began is None else ((samples[-1][0] - began) / d.per_ms, not known)

    def window(self, d: Derivation, samples: list[Sample]) -> tuple[float, bool] | None:
        t = samples[-1][0]
        inside = [i for i, s in enumerate(samples) if t - d.window_ms < s[0]]
        stale_ms = d.inputs[0].stale_after_ms
        missing = any(i == 0 or samples[i][0] - samples[i - 1][0] > stale_ms for i in inside)
        missing = missing or not all(usable(samples[i]) for i in inside[:-1])
        if missing and d.incomplete == "no-value":
            return None
        values = [samples[i][1] for i in inside if usable(samples[i])]
        doubt = missing or any(samples[i][2] == Quality.UNCERTAIN for i in inside)
        if not values:
            return math.nan, doubt
        match d.function:
            case Function.WINDOW_SUM:
                return math.fsum(values), doubt
            case Function.WINDOW_MEAN:
                return math.fsum(values) / len(values), doubt
            case Function.WINDOW_MIN:
                return min(values), doubt
            case Function.WINDOW_MAX:
                return max(values), doubt
            case _:
                return float(sum(v >= d.at_least for v in values)), doubt


def _difference(x: list[float], d: Derivation) -> float:
    return x[0] - x[1]


def _sum(x: list[float], d: Derivation) -> float:
    total = 0.0
    for v in x:
        total += v
    return total


def _product(x: list[float], d: Derivation) -> float:
    total = 1.0
    for v in x:
        total *= v
    return total


def _ratio(x: list[float], d: Derivation) -> float:
    return math.nan if x[1] == 0 else x[0] / x[1]


def _linear(x: list[float], d: Derivation) -> float:
    total = 0.0
    for c, v in zip(d.coefficients, x, strict=True):
        total += c * v
    return total


def _min(x: list[float], d: Derivation) -> float:
    least = x[0]
    for v in x:
        least = v if v < least else least
    return least


def _max(x: list[float], d: Derivation) -> float:
    most = x[0]
    for v in x:
        most = v if v > most else most
    return most


def _mean(x: list[float], d: Derivation) -> float:
    return _sum(x, d) / len(x)


FUNCTIONS = {
    Function.DIFFERENCE: _difference,
    Function.SUM: _sum,
    Function.PRODUCT: _product,
    Function.RATIO: _ratio,
    Function.LINEAR: _linear,
    Function.MIN: _min,
    Function.MAX: _max,
    Function.MEAN: _mean,
}
