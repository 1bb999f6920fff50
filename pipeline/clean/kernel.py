"""scikit-learn's compiled tree predictor, without the 0.6 s and 94 MB of the packages around it.

To run fitted trees takes three of its compiled files; importing them the usual way runs the `__init__` of every
package above them, which brings all estimators, SciPy and pandas to every worker. So the packages are stood in for by
empty ones while these files are imported; whoever imports scikit-learn later gets all of it as ever.
"""

from __future__ import annotations

import importlib
import sys
import threading
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType

_PREDICTOR = "sklearn.ensemble._hist_gradient_boosting.predictor"
#: The packages above it, and the one that its files import from.
_PACKAGES = ("sklearn", "sklearn.ensemble", "sklearn.ensemble._hist_gradient_boosting", "sklearn.utils")
_lock = threading.Lock()


def load_predictor() -> ModuleType:
    """The module that holds `TreePredictor` and the type of its nodes, `PREDICTOR_RECORD_DTYPE`.

    Raises
    ------
    ImportError
        If scikit-learn is not installed, or one that has no such module.
    """
    with _lock:
        if _PREDICTOR in sys.modules or "sklearn" in sys.modules:
            return importlib.import_module(_PREDICTOR)
        found = find_spec("sklearn")
        if found is None or not found.submodule_search_locations:
            raise ImportError("scikit-learn is not installed")
        root = Path(found.submodule_search_locations[0]).parent
        for name in _PACKAGES:
            empty = ModuleSpec(name, None, is_package=True)
            empty.submodule_search_locations = [str(root.joinpath(*name.split(".")))]
            sys.modules[name] = module_from_spec(empty)
        try:
            return importlib.import_module(_PREDICTOR)
        finally:
            for name in _PACKAGES:
                del sys.modules[name]
