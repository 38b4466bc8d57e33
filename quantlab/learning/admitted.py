"""What a saved model may be made of: the names that the strict unpickler knows, and no others.

Three kinds. *Classes*: River's own, by module, and a few plain ones, which may be made anew or stand
as a value. *Functions*: River's and `copy.deepcopy`, named one by one, which may stand as a value and
are never called while loading. *Rebuilders*: `getattr` and numpy's, which a pickle gets as a mere name
that nothing can call but `rebuild.py`, after a check of the arguments. A dotted name is admitted only
where the whole of it stands in this file.
"""

from __future__ import annotations

import collections
import functools
import importlib
import random
import statistics
from collections.abc import Callable, Hashable
from types import FunctionType
from typing import Any, NamedTuple, NoReturn

from quantlab.errors import ModelRefused

RIVER = frozenset({
    "active", "anomaly", "bandit", "base", "cluster", "compose", "conf", "covariance", "drift", "dummy",
    "ensemble", "facto", "feature_extraction", "feature_selection", "forest", "imblearn", "linear_model",
    "metrics", "misc", "model_selection", "multiclass", "multioutput", "naive_bayes", "neighbors", "optim",
    "preprocessing", "proba", "reco", "rules", "sketch", "stats", "time_series", "tree", "utils",
})  # fmt: skip  # not datasets, stream, compat, ...: they read files, fetch, or hold strangers
COMPILED = ("river._river_rust.drift", "river._river_rust.stats", "river._river_rust.vectordict")
OUTSIDE = ("river.bandit.datasets", "river.bandit.envs")
NOT_HELD: dict[tuple[str, str], str] = {
    ("river.compose.func", "FuncTransformer"): "it holds a function of the notebook; write it as a feature",
}
PLAIN_CLASSES: dict[tuple[str, str], type] = {
    **{
        ("builtins", each.__name__): each
        for each in (bool, dict, float, frozenset, int, list, set, str, tuple)
    },
    ("statistics", "NormalDist"): statistics.NormalDist,
}
REBUILT_CLASSES: dict[tuple[str, str], type] = {
    **{
        ("collections", each.__name__): each
        for each in (collections.Counter, collections.OrderedDict, collections.defaultdict, collections.deque)
    },
    ("functools", "partial"): functools.partial,
    ("random", "Random"): random.Random,
}
FUNCTIONS = frozenset(
    {
        ("copy", "deepcopy"),
        ("river._river_rust.vectordict", "euclidean_distance_dict"),
        ("river._river_rust.vectordict", "euclidean_distance_tuple"),
        ("river.forest.online_extra_trees", "ExtraTrees._detection_mode_all"),
        ("river.forest.online_extra_trees", "ExtraTrees._detection_mode_drop"),
        ("river.forest.online_extra_trees", "ExtraTrees._detection_mode_off"),
        ("river.metrics.mutual_info", "_average_arithmetic"),
        ("river.naive_bayes.gaussian", "GaussianNB._make_gaussian"),
        ("river.tree.splitter.ebst_splitter", "EBSTNode._update_estimator_multivariate"),
        ("river.tree.splitter.ebst_splitter", "EBSTNode._update_estimator_univariate"),
        ("river.utils.math", "minkowski_distance"),
    }
)
NUMPY = frozenset(
    {
        ("numpy", "dtype"), ("numpy", "ndarray"),
        ("numpy._core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "scalar"),
        ("numpy._core.numeric", "_frombuffer"),
        ("numpy.random._mt19937", "MT19937"), ("numpy.random._pickle", "__bit_generator_ctor"),
        ("numpy.random._pickle", "__randomstate_ctor"),
        ("numpy.random.bit_generator", "SeedSequence"),
        ("numpy.random.bit_generator", "__pyx_unpickle_SeedSequence"),
    }
)  # fmt: skip


class Rebuilder(NamedTuple):
    """The name of something that a pickle may call, and only `rebuild.py` can; as a value it is inert."""

    module: str
    name: str


GETATTR = Rebuilder("builtins", "getattr")


def refuse(name: str, why: str) -> NoReturn:
    raise ModelRefused("class", f"{name} cannot be kept: {why}")


@functools.lru_cache(maxsize=4_096)  # misses raise and are not kept, so a stranger's names fill nothing
def find(module: str, name: str) -> Any:
    """The class, function or rebuilder that a pickle names; the import is of River or numpy alone.

    Raises:
        ModelRefused: Not admitted; the message has the name.
    """
    pair = (module, name)
    if pair in NUMPY or pair == GETATTR:
        return Rebuilder(*pair)
    if found := PLAIN_CLASSES.get(pair) or REBUILT_CLASSES.get(pair):
        return found
    if pair in FUNCTIONS:
        return real(*pair)
    if why := NOT_HELD.get(pair):
        refuse(f"{module}.{name}", why)
    if not _of_river(module):
        refuse(f"{module}.{name}", "only River's own classes and a short list of plain ones are")
    if not name.isidentifier():
        refuse(f"{module}.{name}", "a dotted name reaches what River imports, not only what River is")
    return _river_class(module, name)


def real(module: str, name: str) -> Any:
    """What a name that stands in this file is the name of."""
    return functools.reduce(getattr, name.split("."), importlib.import_module(module))


def is_river(kind: type) -> bool:
    """Whether this is a class of River that `find` admits."""
    return _of_river(kind.__module__) and _is_found(kind)


def is_compiled(kind: type) -> bool:
    """A class of River's Rust part: made with arguments, its state is bytes."""
    return kind.__module__ in COMPILED


def admitted_callable(value: Any) -> bool:
    """Whether a container or a partial may hold this to call it later, while the model learns."""
    if isinstance(value, type):
        return is_river(value) or value in PLAIN_CLASSES.values() or value in REBUILT_CLASSES.values()
    if isinstance(value, functools.partial):
        return True  # it was checked when it was made
    if method := getattr(value, "__func__", None):
        return isinstance(method, FunctionType) and _of_river(method.__module__)
    if is_river(type(value)):
        return callable(value)  # an initializer of weights, for example
    return isinstance(value, Hashable) and value in _functions()


def method_of(owner: Any, name: Any) -> Callable[..., Any]:
    """The bound method `name` of an object of River: what `getattr` in a pickle is for, and no more.

    Raises:
        ModelRefused: The owner is not River's, or this is not a plain method that River defines.
    """
    kind = type(owner)
    if not (isinstance(name, str) and name.isidentifier()) or name.startswith("__"):
        refuse(f"getattr {str(name)[:80]!r}", "it is no plain name of a method")
    if not is_river(kind):
        refuse(f"{kind.__module__}.{kind.__qualname__}.{name}", "only methods of River's own objects are")
    for each in kind.__mro__:
        method = vars(each).get(name)
        if method is not None:
            if isinstance(method, FunctionType) and _of_river(method.__module__):
                return method.__get__(owner, kind)  # type: ignore[no-any-return]
            break
    return refuse(f"{kind.__module__}.{kind.__qualname__}.{name}", "it is no method that River defines")


@functools.cache
def _functions() -> frozenset[Any]:
    return frozenset(find(*pair) for pair in FUNCTIONS)


@functools.lru_cache(maxsize=4_096)
def _is_found(kind: type) -> bool:
    try:
        return find(kind.__module__, kind.__qualname__) is kind
    except ModelRefused:
        return False


def _of_river(module: str) -> bool:
    if module in COMPILED:
        return True
    parts = module.split(".")
    if module.startswith(OUTSIDE) or not all(part.isidentifier() for part in parts):
        return False
    return len(parts) > 1 and parts[0] == "river" and parts[1] in RIVER


def _river_class(module: str, name: str) -> type:
    """A class that this module of River defines, not one that it has imported."""
    try:
        found = vars(importlib.import_module(module)).get(name)
    except ImportError:
        found = None
    if not isinstance(found, type) or found.__module__ != module or found.__qualname__ != name:
        refuse(f"{module}.{name}", "River defines no such class, and no list of ours has the function")
    return found
