"""Derived quantities: readings computed from readings, in batches. See docs/derived.md for the rules."""

from alerting.derived.derivations import Derivations
from alerting.derived.settling import Settling

__all__ = ["Derivations", "Settling"]
