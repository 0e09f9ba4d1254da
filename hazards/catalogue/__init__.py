"""The catalogue: kinds of points, where they hang, the limits that hold there, and the clause behind each number.

The numbers and words are in the TOML files beside this module, for people who know the trade; `entry` is what they
become, `load` reads them. Every number is an editable default: an approved design always overrides it.
"""

from hazards.catalogue.entry import Catalogue, Confidence, Default, Kind, Placement
from hazards.catalogue.load import CatalogueError, load_catalogue

__all__ = ["Catalogue", "CatalogueError", "Confidence", "Default", "Kind", "Placement", "load_catalogue"]
