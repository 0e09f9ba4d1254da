"""Write every dashboard's JSON beside its code: ``python -m deploy.grafana.generate``."""

from collections.abc import Mapping
from pathlib import Path

from deploy.grafana.overview import overview

__all__ = ["FOLDER", "dashboards", "main"]

FOLDER = Path(__file__).parent / "dashboards"


def dashboards() -> Mapping[str, str]:
    """The text of each file in `FOLDER`, by its name."""
    return {"overview.json": overview()}


def main() -> None:
    """Write them."""
    for name, text in dashboards().items():
        (FOLDER / name).write_text(text, "utf-8")
        print(FOLDER / name)


if __name__ == "__main__":
    main()
