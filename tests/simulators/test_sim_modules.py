"""Every module says what is public, and means it."""

import importlib
import inspect
import pkgutil
import tomllib
from importlib.resources import files

import pytest

import simulators

NAMES = sorted(f"simulators.{m.name}" for m in pkgutil.iter_modules(simulators.__path__))


@pytest.mark.parametrize("name", NAMES)
def test_all_lists_what_the_module_defines(name: str) -> None:
    module = importlib.import_module(name)
    defined = {
        n
        for n, value in vars(module).items()
        if not n.startswith("_") and inspect.getmodule(value) is module and (inspect.isclass(value) or callable(value))
    }
    assert defined <= set(module.__all__)
    assert all(hasattr(module, n) for n in module.__all__)
    assert list(module.__all__) == sorted(module.__all__)


def test_every_public_thing_is_documented() -> None:
    for name in NAMES:
        module = importlib.import_module(name)
        assert module.__doc__
        things = [getattr(module, n) for n in module.__all__]
        assert all(t.__doc__ for t in things if inspect.isclass(t) or inspect.isfunction(t))


def test_data_files_are_toml_of_the_package() -> None:
    root = files("simulators")
    for folder in ("scenarios", "sites", "plant"):
        found = [f for f in root.joinpath(folder).iterdir() if f.name.endswith(".toml")]
        assert found
        for file in found:
            tomllib.loads(file.read_text("utf-8"))
