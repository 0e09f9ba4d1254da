"""Changed limits, checked before they go anywhere: the field, the number, and that they make sense together."""

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

from api.errors import ApiError
from hazards.checks import Checks
from hazards.durations import parse_duration_ms

__all__ = ["merged"]

_LIMITS = ("high_high", "high", "low", "low_low", "high_high_clear", "high_clear", "low_clear", "low_low_clear")
_DURATIONS = ("on_delay_ms", "off_delay_ms", "rate_window_ms", "frozen_after_ms", "no_data_after_ms")
_LONGEST_MS = 366 * 86_400_000
_OFF: dict[str, float] = {
    **dict.fromkeys((*_LIMITS, "rate_per_s"), math.nan),
    **dict.fromkeys(("on_delay_ms", "off_delay_ms", "frozen_after_ms", "no_data_after_ms"), 0),
    "frozen_band": 0.0,
    "range_low": -math.inf,
    "range_high": math.inf,
}


def merged(checks: Checks, changes: Mapping[str, object]) -> tuple[Checks, dict[str, float]]:
    """The checks with the changes in them, and the changes as numbers.

    Parameters
    ----------
    checks : Checks
        As they are.
    changes : mapping
        Fields of `Checks`; None switches a check off. A duration may also be written without ``_ms`` as text
        such as ``20s``.

    Raises
    ------
    ApiError
        422, with every mistake listed.

    Examples
    --------
    >>> merged(Checks(high=1.0), {"high": 0.8, "on_delay": "20s"})[1]
    {'high': 0.8, 'on_delay_ms': 20000}
    """
    mistakes: list[dict[str, object]] = []
    values: dict[str, float] = {}
    for name, given in changes.items():
        field, raw = name, given
        try:
            if f"{name}_ms" in _DURATIONS:
                field = f"{name}_ms"
                raw = parse_duration_ms(given) if isinstance(given, str) else given
            values[field] = _value(field, raw)
        except ValueError as error:
            mistakes.append({"where": f"body.limits.{name}"[:80], "detail": str(error)})
    if not changes:
        mistakes.append({"where": "body.limits", "detail": "name at least one limit to change"})
    if mistakes:
        raise _refused(mistakes)
    new = replace(checks, **values)  # type: ignore[arg-type]  # each value has the type of its field, see _value
    if disorder := _disorder(new):
        raise _refused([{"where": "body.limits", "detail": text} for text in disorder])
    return new, values


def _refused(mistakes: list[dict[str, object]]) -> ApiError:
    return ApiError(422, "; ".join(f"{m['where']}: {m['detail']}" for m in mistakes[:5]), extra={"errors": mistakes})


def _value(field: str, given: object) -> float:
    if field not in _OFF and field not in _DURATIONS:
        raise ValueError(
            f"no such limit; there are {', '.join((*_LIMITS, *_DURATIONS))}, rate_per_s, frozen_band, range_*"
        )
    if given is None:
        if field not in _OFF:
            raise ValueError("can't be switched off")
        return _OFF[field]
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise ValueError("give a finite number, or null to switch it off")
    if field in _DURATIONS:
        if given != int(given) or not (1 if field == "rate_window_ms" else 0) <= given <= _LONGEST_MS:
            raise ValueError(f"give whole milliseconds from 0 to {_LONGEST_MS}")
        return int(given)
    if field == "rate_per_s" and given <= 0:
        raise ValueError("give a rate above 0")
    if field == "frozen_band" and given < 0:
        raise ValueError("give 0 or more")
    return float(given)


def _disorder(c: Checks) -> list[str]:
    """What contradicts itself; comparisons with NaN (off) are false, as they should be."""
    found = []
    order = [(n, getattr(c, n)) for n in ("low_low", "low", "high", "high_high") if not math.isnan(getattr(c, n))]
    for (lower, a), (upper, b) in pairwise(order):
        if a > b or (a == b and (lower, upper) == ("low", "high")):
            found.append(f"{lower} {a:g} is not below {upper} {b:g}")
    for limits, sign, word in ((("high", "high_high"), 1, "above"), (("low", "low_low"), -1, "below")):
        values = [(limit, getattr(c, f"{limit}_clear"), getattr(c, limit)) for limit in limits]
        found += [f"{n}_clear {clear:g} is {word} {n} {v:g}" for n, clear, v in values if sign * (clear - v) > 0]
    if c.range_low >= c.range_high:
        found.append(f"range_low {c.range_low:g} is not below range_high {c.range_high:g}")
    return found
