"""What a model may be made of: everything that learns in River, and nothing that acts."""

from __future__ import annotations

import base64
import functools
import json
import os
import pickle
import random
import struct
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keptmodels import inputs, trained
from river import (
    compose,
    drift,
    dummy,
    ensemble,
    facto,
    forest,
    linear_model,
    metrics,
    naive_bayes,
    neighbors,
    optim,
    preprocessing,
    rules,
    stats,
    tree,
    utils,
)

from quantlab.errors import ModelRefused
from quantlab.learning.pickler import dumps
from quantlab.learning.snapshot import predict
from quantlab.learning.unpickler import loads

SCALER = preprocessing.StandardScaler
CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "logistic": lambda: SCALER() | linear_model.LogisticRegression(optim.Adam()),
    "passive aggressive": lambda: SCALER() | linear_model.PAClassifier(),
    "perceptron": linear_model.Perceptron,
    "alma": linear_model.ALMAClassifier,
    "softmax": linear_model.SoftmaxRegression,
    "hoeffding tree": lambda: SCALER() | tree.HoeffdingTreeClassifier(grace_period=20, delta=0.1),
    "adaptive tree": lambda: tree.HoeffdingAdaptiveTreeClassifier(grace_period=20, delta=0.1, seed=1),
    "fast tree": lambda: tree.ExtremelyFastDecisionTreeClassifier(grace_period=20, delta=0.1),
    "gradient tree": lambda: tree.SGTClassifier(grace_period=20),
    "adaptive forest": lambda: forest.ARFClassifier(n_models=3, grace_period=20, delta=0.1, seed=1),
    "mondrian forest": lambda: forest.AMFClassifier(n_estimators=3, seed=1),
    "random patches": lambda: ensemble.SRPClassifier(n_models=3, seed=1),
    "bagging": lambda: ensemble.LeveragingBaggingClassifier(linear_model.LogisticRegression(), 3, seed=1),
    "adwin bagging": lambda: ensemble.ADWINBaggingClassifier(linear_model.LogisticRegression(), 3, seed=1),
    "boosting": lambda: ensemble.AdaBoostClassifier(tree.HoeffdingTreeClassifier(), 3, seed=1),
    "naive bayes": lambda: SCALER() | naive_bayes.GaussianNB(),
    "bernoulli bayes": lambda: preprocessing.Binarizer() | naive_bayes.BernoulliNB(),
    "neighbours": lambda: SCALER() | neighbors.KNNClassifier(n_neighbors=3),
    "factors": lambda: facto.FMClassifier(seed=1),
    "retrained": lambda: drift.DriftRetrainingClassifier(naive_bayes.GaussianNB(), drift.binary.DDM()),
    "prior": dummy.PriorClassifier,
    "some features": lambda: compose.Select("return", "flow") | SCALER() | linear_model.LogisticRegression(),
    "two scalers": lambda: (
        compose.TransformerUnion(SCALER(), preprocessing.MinMaxScaler()) | linear_model.LogisticRegression()
    ),
    "robust": lambda: preprocessing.RobustScaler() | linear_model.LogisticRegression(),
    "adaptive scaler": lambda: preprocessing.AdaptiveStandardScaler() | linear_model.LogisticRegression(),
}
REGRESSORS: dict[str, Callable[[], Any]] = {
    "linear": lambda: SCALER() | linear_model.LinearRegression(),
    "bayesian": linear_model.BayesianLinearRegression,
    "tree": lambda: tree.HoeffdingTreeRegressor(grace_period=20, delta=0.1),
    "adaptive tree": lambda: tree.HoeffdingAdaptiveTreeRegressor(grace_period=20, delta=0.1, seed=1),
    "forest": lambda: forest.ARFRegressor(n_models=3, grace_period=20, delta=0.1, seed=1),
    "extra trees": lambda: forest.OXTRegressor(n_models=3, grace_period=20, seed=1),
    "rules": lambda: rules.AMRules(n_min=20, delta=0.1),
    "averaged": lambda: ensemble.EWARegressor([linear_model.LinearRegression(), linear_model.PARegressor()]),
}
HELPERS: dict[str, Callable[[], Any]] = {
    "ADWIN": drift.ADWIN,
    "Page-Hinkley": drift.PageHinkley,
    "KSWIN": lambda: drift.KSWIN(seed=1),
    "ROC AUC": metrics.ROCAUC,
    "rolling": lambda: utils.Rolling(stats.Mean, window_size=20),
    "quantile": lambda: stats.RollingQuantile(0.5, 20),
}


class Canary:
    """What must never run: `__reduce__` of a stranger's object."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (os.system, (f"touch {self.path}",))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_predicts_and_learns_on_as_if_it_had_not_been_away(name: str) -> None:
    model = trained(CLASSIFIERS[name]())
    again = loads(dumps({"pipeline": model}))["pipeline"]

    assert [predict(again, x) for x in inputs(20, 5)] == [predict(model, x) for x in inputs(20, 5)]
    trained(model, 60, seed=8)
    trained(again, 60, seed=8)
    assert [predict(again, x) for x in inputs(20, 5)] == [predict(model, x) for x in inputs(20, 5)]


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_regressor_predicts_and_learns_on_as_if_it_had_not_been_away(name: str) -> None:
    model = trained(REGRESSORS[name](), number=True)
    again = loads(dumps({"pipeline": model}))["pipeline"]

    trained(model, 60, number=True, seed=8)
    trained(again, 60, number=True, seed=8)
    found = [predict(again, x) for x in inputs(20, 5)]
    assert found == [predict(model, x) for x in inputs(20, 5)]
    assert len(set(map(repr, found))) > 1, "a model that says always the same proves nothing"


@pytest.mark.parametrize("name", HELPERS)
def test_a_detector_or_a_measure_goes_on_where_it_was(name: str) -> None:
    draw, helper = random.Random(1), HELPERS[name]()

    def feed(to: Any, values: list[float]) -> list[str]:
        said = []
        for value in values:
            to.update(*((value > 0.5, value) if name == "ROC AUC" else (value,)))
            said.append(repr(to.drift_detected if hasattr(to, "drift_detected") else to.get()))
        return said

    feed(helper, [draw.random() for _ in range(300)])
    again, more = loads(dumps(helper)), [draw.random() + 3 * (n > 50) for n in range(200)]
    said = feed(helper, more)

    assert feed(again, more) == said
    assert len(set(said)) > 1, "nothing happened that could have been lost"


def own_function(x: dict[str, float]) -> dict[str, float]:
    return x


class OwnModel(linear_model.LogisticRegression):
    """A researcher's class: what it does is in the notebook, not in River."""


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (compose.FuncTransformer(own_function), "FuncTransformer"),
        (OwnModel(), "OwnModel"),
        (defaultdict(own_function), "own_function"),
        (functools.partial(own_function, 1), "own_function"),
        (
            SCALER() | compose.FuncTransformer(str.lower) | linear_model.LogisticRegression(),
            "FuncTransformer",
        ),
        (compose.FuncTransformer(len), "FuncTransformer"),
        ({"path": Path("here")}, "Path"),
        ({"code": os.system}, "system"),
        (lambda x: x, "lambda"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_could_not_be_loaded_is_not_saved_and_its_name_is_said(model: Any, named: str) -> None:
    with pytest.raises(ModelRefused) as refused:
        loads(dumps({"pipeline": model}))

    assert refused.value.reason == "class"
    assert named in str(refused.value)


def stack_global(module: str, name: str) -> bytes:
    return _text(module) + _text(name) + pickle.STACK_GLOBAL


def _text(text: str) -> bytes:
    return pickle.SHORT_BINUNICODE + bytes([len(text)]) + text.encode()


def by_hand(body: bytes) -> bytes:
    return pickle.PROTO + b"\x05" + body + pickle.STOP


def called(module: str, name: str, *args: str) -> bytes:
    """`module.name(*args)`, as a pickle says it."""
    given = pickle.MARK + b"".join(map(_text, args)) + pickle.TUPLE
    return by_hand(stack_global(module, name) + given + pickle.REDUCE)


def attribute(owner: bytes, name: str, then: bytes = b"") -> bytes:
    """`getattr(owner, name)`, and what is done to it."""
    return by_hand(
        stack_global("builtins", "getattr") + owner + _text(name) + pickle.TUPLE2 + pickle.REDUCE + then
    )


EMPTY_CALL = pickle.EMPTY_TUPLE + pickle.REDUCE
MODEL = stack_global("river.linear_model.log_reg", "LogisticRegression") + pickle.EMPTY_TUPLE + pickle.NEWOBJ
STATS = stack_global("river.stats.mean", "Mean")
ATTACKS = {
    "system": called("os", "system", "touch CANARY"),
    "posix": called("posix", "system", "touch CANARY"),
    "eval": called("builtins", "eval", "open('CANARY','w')"),
    "exec": called("builtins", "exec", "open('CANARY','w')"),
    "import": called("builtins", "__import__", "antigravity"),
    "open": called("builtins", "open", "CANARY", "w"),
    "dotted through River's imports": called("river.datasets.base", "os.getpid"),
    "dotted in an admitted module": called("river.utils.random", "random.Random"),
    "dotted method": called("river.linear_model.log_reg", "LogisticRegression.__init__.__globals__"),
    "dataset": called("river.datasets.base", "RemoteDataset", "http://127.0.0.1/"),
    "read a file": called("river.stream.iter_csv", "iter_csv", "/etc/passwd"),
    "what a module of River imported": called("river.utils.random", "random"),
    "numpy's loader": called("numpy", "load", "/etc/passwd"),
    "numpy's library": called("numpy.ctypeslib", "load_library", "c", "/"),
    "an unpickler": called("pickle", "loads", "x"),
    "a registered constructor": called("copyreg", "_reconstructor", "x"),
    "import as a module": called("importlib", "import_module", "antigravity"),
    "getattr of a class": attribute(STATS, "__subclasses__", EMPTY_CALL),
    "getattr of a dunder": attribute(MODEL, "__reduce_ex__"),
    "getattr of a constructor": attribute(MODEL, "__init__"),
    "getattr of a property": attribute(MODEL, "_memory_usage"),
    "getattr of an inherited method": attribute(
        stack_global("river.time_series.holt_winters", "AdditiveLevel") + pickle.EMPTY_TUPLE + pickle.NEWOBJ,
        "append",
    ),
    "getattr of a class's own method": attribute(MODEL, "_unit_test_params"),
    "getattr of a random generator": attribute(
        stack_global("random", "Random") + pickle.EMPTY_TUPLE + pickle.REDUCE, "seed"
    ),
    "getattr of a plain object": attribute(pickle.EMPTY_DICT, "clear"),
    "getattr of an import": attribute(MODEL, "os"),
    "getattr with dots": attribute(MODEL, "learn_one.__globals__"),
    "getattr of getattr": attribute(stack_global("builtins", "getattr"), "__self__"),
    "a method called": attribute(MODEL, "clone", EMPTY_CALL),
    "River's class called": called("river.linear_model.log_reg", "LogisticRegression"),
    "a constructor with arguments": by_hand(
        stack_global("river.stats.mean", "Mean") + _text("x") + pickle.TUPLE1 + pickle.NEWOBJ
    ),
    "a method replaced": by_hand(
        MODEL + pickle.EMPTY_DICT + _text("learn_one") + stack_global("copy", "deepcopy") + pickle.SETITEM
        + pickle.BUILD
    ),
    "a class replaced": by_hand(
        MODEL + pickle.NONE + pickle.EMPTY_DICT + _text("__class__") + STATS + pickle.SETITEM + pickle.TUPLE2
        + pickle.BUILD
    ),
    "a class changed": by_hand(
        STATS + pickle.EMPTY_DICT + _text("get") + pickle.NONE + pickle.SETITEM + pickle.BUILD
    ),
    "a function changed": by_hand(
        stack_global("copy", "deepcopy") + pickle.EMPTY_DICT + _text("x") + pickle.NONE + pickle.SETITEM
        + pickle.BUILD
    ),
    "a partial of getattr": by_hand(
        stack_global("functools", "partial") + stack_global("builtins", "getattr") + pickle.TUPLE1
        + pickle.REDUCE
    ),
    "a factory that reads": by_hand(
        stack_global("collections", "defaultdict") + stack_global("builtins", "open") + pickle.TUPLE1
        + pickle.REDUCE
    ),
    "protocol 0": b"cposix\nsystem\n(S'touch CANARY'\ntR.",
    "protocol 2": b"\x80\x02cos\nsystem\n(X\x0c\x00\x00\x00touch CANARYtR.",
    "an instance": b"(ios\nsystem\n(S'x'\ntb.",
    "an extension": pickle.PROTO + b"\x05" + pickle.EXT1 + b"\x01" + pickle.STOP,
    "a persistent id": by_hand(_text("x") + pickle.BINPERSID),
    "a buffer from outside": by_hand(pickle.NEXT_BUFFER),
    "bytes without end": by_hand(pickle.BYTEARRAY8 + struct.pack("<Q", 2**60)),
    "a list that is none": by_hand(MODEL + pickle.NONE + pickle.APPEND),
    "a key that hashes": by_hand(pickle.EMPTY_DICT + MODEL + pickle.NONE + pickle.SETITEM),
    "a deep key": by_hand(
        pickle.EMPTY_DICT + pickle.NONE + pickle.TUPLE1 * 100_000 + pickle.NONE + pickle.SETITEM
    ),
    "two objects": by_hand(pickle.NONE + pickle.NONE),
    "more after the end": by_hand(pickle.NONE) + b"x",
    "nothing": b"",
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_a_pickle_that_does_more_than_hold_a_model_is_refused_and_nothing_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ModelRefused):
        loads(ATTACKS[name])

    assert list(tmp_path.iterdir()) == []


def test_a_strangers_reduce_never_runs_where_pythons_own_loader_runs_it(tmp_path: Path) -> None:
    """The first half shows that the canary is alive."""
    blob = pickle.dumps({"pipeline": Canary(tmp_path / "ran")}, 5)
    pickle.loads(blob)
    assert (tmp_path / "ran").exists()
    (tmp_path / "ran").unlink()

    with pytest.raises(ModelRefused, match=r"system cannot be kept"):
        loads(blob)
    assert not (tmp_path / "ran").exists()


NUMPY_ATTACKS = {
    "a position outside the words": ("pos", 10**6),
    "a position below them": ("pos", -5),
    "too few words": ("key", None),
}


@pytest.mark.parametrize("name", NUMPY_ATTACKS)
def test_numpys_random_state_is_checked_before_numpy_reads_beyond_it(name: str) -> None:
    numpy = pytest.importorskip("numpy")
    field, value = NUMPY_ATTACKS[name]
    generator = numpy.random.RandomState(1)
    make, args, state = generator.__reduce__()
    state["state"][field] = state["state"]["key"][:10] if value is None else value

    class Forged:
        def __reduce__(self) -> Any:
            return make, args, state

    assert loads(pickle.dumps(generator, 5)).random_sample() == generator.random_sample()
    with pytest.raises(ModelRefused):
        loads(pickle.dumps(Forged(), 5))


AUDITED = """
import base64, json, sys
from quantlab.errors import ModelRefused
from quantlab.learning.unpickler import loads
quiet = {"object.__getattr__", "object.__setattr__", "object.__delattr__", "sys._getframe", "builtins.id",
         "code.__new__", "pickle.find_class"}
blobs = [base64.b64decode(each) for each in json.load(sys.stdin)]
for blob in blobs[:1]:
    loads(blob)  # imports what the genuine one needs
events, refused, loaded, odd = set(), 0, 0, set()
watching = False
def watch(event, args):
    if watching and event not in quiet and not (event == "import" and str(args[0]).startswith("river")):
        events.add(event + " " + repr(args)[:80])
sys.addaudithook(watch)
for blob in blobs[1:]:
    watching = True
    try:
        loads(blob); loaded += 1
    except ModelRefused as error:
        refused += 1
    except BaseException as error:
        odd.add(type(error).__name__)
    finally:
        watching = False
json.dump({"events": sorted(events), "refused": refused, "loaded": loaded, "odd": sorted(odd)}, sys.stdout)
"""


def mutated(blob: bytes, draw: random.Random, names: list[bytes]) -> bytes:
    """Bytes changed, removed, doubled, or a name put in the place of another."""
    changed = bytearray(blob)
    for _ in range(draw.choice((1, 1, 2, 6))):
        at = draw.randrange(len(changed))
        match draw.randrange(5):
            case 0:
                changed[at] = draw.randrange(256)
            case 1:
                changed[at] = ord(draw.choice("R\x81bsuaet.)}]0N\x94\x93h(")) & 0xFF
            case 2:
                del changed[at : at + draw.randrange(1, 9)]
            case 3:
                changed[at:at] = changed[at : at + draw.randrange(1, 60)]
            case 4:
                changed[at:at] = draw.choice(names)
    return bytes(changed)


def test_a_mutated_pickle_is_refused_or_harmless_also_behind_the_right_seal(full: bool) -> None:
    """The second wall by itself: an audit hook sees files, processes, sockets, imports and code."""
    models = [
        {"pipeline": trained(CLASSIFIERS[name](), 60)}
        for name in ("logistic", "naive bayes", "neighbours", "passive aggressive", "factors")
    ] + [drift.ADWIN(), {"a": drift.KSWIN(seed=1)}]
    whole = [dumps(each) for each in models]
    names = [
        stack_global(*each) for each in (("os", "system"), ("builtins", "getattr"), ("builtins", "eval"))
    ]
    names += [EMPTY_CALL, pickle.TUPLE1 + pickle.REDUCE, stack_global("river.stats.mean", "Mean")]
    draw = random.Random(5)
    count = 10_000 if full else 1_500
    blobs = [dumps(models)] + [mutated(draw.choice(whole), draw, names) for _ in range(count)]

    done = subprocess.run(
        [sys.executable, "-c", AUDITED], capture_output=True, text=True, timeout=110, check=False,
        input=json.dumps([base64.b64encode(each).decode() for each in blobs]),
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-2_000:]
    found = json.loads(done.stdout)
    assert found["events"] == []
    assert found["odd"] == []
    assert found["refused"] > count / 3, "no mutation was noticed: they change nothing that matters"
    assert found["loaded"] > count / 100, "none is let through: the audit saw nothing"


def test_what_a_model_may_hold_is_a_short_list() -> None:
    """Whoever adds to it changes this test, and thinks."""
    from quantlab.learning import admitted

    assert len(admitted.FUNCTIONS) == 11
    assert len(admitted.NUMPY) == 10
    assert {kind.__name__ for kind in admitted.PLAIN_CLASSES.values()} == {
        "bool", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple", "NormalDist",
    }  # fmt: skip
    assert {kind.__name__ for kind in admitted.REBUILT_CLASSES.values()} == {
        "Counter", "OrderedDict", "Random", "defaultdict", "deque", "partial",
    }  # fmt: skip


def test_shared_and_circular_objects_stay_shared() -> None:
    """A member of an ensemble and the list of it are one object before, and one after."""
    mean = stats.Mean()
    both = loads(dumps({"one": mean, "two": [mean], "count": Counter("aab")}))

    assert both["one"] is both["two"][0]
    assert both["count"] == Counter("aab")


def test_the_pickler_writes_what_pythons_own_would() -> None:
    """It only asks; so what it makes is what River's own tests of pickling are about."""
    model = trained(SCALER() | linear_model.LogisticRegression())

    assert dumps(model) == pickle.dumps(model, 5)


NUMBERS = st.one_of(
    st.integers(0, 300),
    st.integers(-(2**40), 2**40),
    st.integers(2**31 - 3, 2**32 + 3),
    st.floats(allow_nan=False),
)


@given(
    st.lists(NUMBERS, max_size=40), st.lists(st.sampled_from([None, "x", (1, 2), 2**70, True]), max_size=3)
)
def test_a_run_of_numbers_is_read_as_it_was_written(numbers: list[Any], others: list[Any]) -> None:
    """Whatever stands before, in or behind a run; long runs go another way than short ones."""
    for written in ((*numbers, *others), [*others, *numbers], [*numbers, *others, *numbers]):
        assert repr(loads(pickle.dumps(written, 5))) == repr(written)


def test_in_a_run_of_numbers_nothing_but_numbers_is_left_to_pythons_reader() -> None:
    """Each opcode that is no number, behind a run: it is the strict machine that meets it."""
    run = b"".join(b"K" + bytes([each]) for each in range(20))
    handed: list[bytes] = []
    real = pickle.loads
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pickle, "loads", lambda blob: handed.append(blob) or real(blob))
        for opcode in set(range(256)) - set(b"KMJG\x8a."):
            with suppress(ModelRefused):
                loads(b"\x80\x05(" + run + bytes([opcode]) + b"\x04abcdefghijklmnopq.")

    assert len(handed) == 250
    assert set(handed) == {b"\x80\x05](" + run + b"e."}


def test_a_key_that_is_looked_at_for_ever_is_refused() -> None:
    """A few hundred bytes whose hash goes through 2,560,000 parts, and with wider rows through any number."""
    row = tuple(range(40))
    for _ in range(3):
        row = (row,) * 40

    with pytest.raises(ModelRefused, match="cannot be kept as a key"):
        loads(pickle.dumps({"model": {row: 1}}, 5))
    assert loads(pickle.dumps({(1, ("a", 2.5)): 1}, 5)) == {(1, ("a", 2.5)): 1}


def test_a_class_that_river_has_imported_is_not_rivers() -> None:
    """Every name in every module of River that is loaded: what is admitted, River defines there itself."""
    from quantlab.learning.admitted import find

    modules = [(name, vars(module)) for name, module in sys.modules.items() if name.startswith("river.")]
    own, strangers = 0, set()
    for module, names in modules:
        for name, value in tuple(names.items()):
            try:
                found = find(module, name)
            except ModelRefused:
                if isinstance(value, type) and not value.__module__.startswith("river"):
                    strangers.add(f"{value.__module__}.{value.__qualname__}")
                continue
            own += 1
            assert found is value
            assert value.__module__ == module

    assert own > 200
    assert len(strangers) > 5, "River has imported nobody's classes: nothing was tried"
