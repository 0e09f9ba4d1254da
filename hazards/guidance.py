"""What people are to do about a condition: the point's own words, else those of the catalogue for its place."""

from collections.abc import Mapping

from hazards.catalogue import Kind
from hazards.condition import Condition
from hazards.plant import Name, Point

__all__ = ["guidance_for"]


def guidance_for(kinds: Mapping[str, Kind], kind_id: str, point: Point | None, condition: Condition) -> Name | None:
    """Guidance in both languages; None if nobody has written any.

    Parameters
    ----------
    kinds : mapping of str to Kind
        The catalogue's.
    kind_id : str
        Kind of the alarm's point.
    point : Point or None
        None once it has left the plant.
    condition : Condition
        What stands.
    """
    if point is not None and condition in point.guidance:
        return point.guidance[condition]
    kind = kinds.get(kind_id)
    if kind is None:
        return None
    placement = kind.placements.get(point.placement, kind.anywhere) if point else kind.anywhere
    return placement.guidance.get(condition)
