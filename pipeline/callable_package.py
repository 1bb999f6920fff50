"""Packages that can be called: `pipeline.clean` holds the stage's modules, and `pipeline.clean(page)` cleans a page."""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from types import ModuleType
from typing import Any


def make_callable(package: str) -> None:
    """Let a package be called: a call goes to the function of `pipeline.api` that has the package's last name.

    Parameters
    ----------
    package : str
        The `__name__` of the package that asks for it.

    Notes
    -----
    Python looks for `__call__` on the class of an object, so the module gets a class of its own, which modules
    allow (see "Customizing module attribute access" in the language reference). Everything else stays as it was.
    """

    class CallablePackage(ModuleType):
        """A package; calling it calls its function of `pipeline.api`."""

        def __call__(self, *args: Any, **options: Any) -> Any:
            return _function(self)(*args, **options)

        @property
        def __signature__(self) -> inspect.Signature:
            return inspect.signature(_function(self))

    sys.modules[package].__class__ = CallablePackage


def _function(package: ModuleType) -> Any:
    return getattr(import_module("pipeline.api"), package.__name__.rpartition(".")[2])
