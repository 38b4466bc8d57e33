"""numpy's part of a saved model: arrays and numbers of plain types, and its oldest random generator.

numpy trusts what it is given here: a wrong shape or position reads memory that is not the array's.
So every argument is checked before numpy sees it, and an array of Python objects is refused.
"""

from __future__ import annotations

import math
import re
from typing import Any

from quantlab.errors import ModelRefused
from quantlab.learning.admitted import Rebuilder, real

PLAIN_TYPES = re.compile(r"[iu][1248]|f[248]|c8|c16|b1")
STATE_OF_A_TYPE = (3, None, None, None, -1, -1, 0)  # of a plain dtype, without its byte order
RANDOM = ("numpy.random._mt19937", "MT19937")
WORDS = 624  # of a Mersenne Twister's state
ARRAY_STATE = 1  # the form of an array's state


def numpy_state(found: Any, state: Any) -> bool:
    """Give numpy's objects their state; False where `found` is none of them."""
    kind = f"{type(found).__module__}.{type(found).__qualname__}"
    if kind.startswith("numpy.dtypes."):
        _need(_order(state) in ("<", "|", "=") and (state[0], *state[2:]) == STATE_OF_A_TYPE)
        return True  # a plain type has no state
    if kind == "numpy.ndarray":
        _need(_is_array_state(state))
    elif kind == "numpy.random._mt19937.MT19937":
        _need(isinstance(state, tuple) and len(state) == 2 and _is_twister(state[0]))
        _need(state[1] is None or _is(state[1], "numpy.random.bit_generator", "SeedSequence"))
    elif kind == "numpy.random.mtrand.RandomState":
        _need(_is_twister(state) and type(state.get("has_gauss")) is int)
        _need(isinstance(state.get("gauss"), float))
    elif kind == "numpy.random.bit_generator.SeedSequence":
        _need(_is_seed(state))
    else:
        return False
    found.__setstate__(state)
    return True


def _dtype(name: Any, align: Any, copy: Any) -> Any:
    _need(isinstance(name, str) and PLAIN_TYPES.fullmatch(name) is not None)
    _need(align is False and copy is True)
    return real("numpy", "dtype")(name)


def _scalar(dtype: Any, content: Any) -> Any:
    _need(_is_dtype(dtype) and isinstance(content, bytes) and len(content) == dtype.itemsize)
    return real("numpy._core.multiarray", "scalar")(dtype, content)


def _frombuffer(content: Any, dtype: Any, shape: Any, order: Any) -> Any:
    _need(_is_dtype(dtype) and isinstance(content, bytes | bytearray) and order in ("C", "F"))
    _need(_size(shape) * dtype.itemsize == len(content))
    return real("numpy._core.numeric", "_frombuffer")(content, dtype, shape, order)


def _reconstruct(kind: Any, shape: Any, typecode: Any) -> Any:
    _need(kind == Rebuilder("numpy", "ndarray") and shape == (0,) and typecode == b"b")
    return real("numpy", "ndarray")((0,), "b")


def _bit_generator(kind: Any) -> Any:
    _need(kind == Rebuilder(*RANDOM))
    return real("numpy.random._pickle", "__bit_generator_ctor")(real(*RANDOM))


def _random_state(generator: Any) -> Any:
    _need(_is(generator, *RANDOM))
    return real("numpy.random._pickle", "__randomstate_ctor")(generator)


def _seed_sequence(kind: Any, checksum: Any, state: Any) -> Any:
    _need(kind == Rebuilder("numpy.random.bit_generator", "SeedSequence"))
    _need(type(checksum) is int and state is None)
    rebuild = real("numpy.random.bit_generator", "__pyx_unpickle_SeedSequence")
    return rebuild(real("numpy.random.bit_generator", "SeedSequence"), checksum, None)


NUMPY_CALLS: dict[str, Any] = {
    "dtype": _dtype,
    "scalar": _scalar,
    "_frombuffer": _frombuffer,
    "_reconstruct": _reconstruct,
    "__bit_generator_ctor": _bit_generator,
    "__randomstate_ctor": _random_state,
    "__pyx_unpickle_SeedSequence": _seed_sequence,
}


def _need(holds: bool) -> None:  # noqa: FBT001
    if not holds:
        raise ModelRefused("shape", "the model is damaged: it has an array or number that numpy never writes")


def _is(value: Any, module: str, name: str) -> bool:
    return type(value) is real(module, name)


def _is_dtype(value: Any) -> bool:
    return type(value).__module__ == "numpy.dtypes" and isinstance(value, real("numpy", "dtype"))


def _order(state: Any) -> Any:
    return state[1] if isinstance(state, tuple) and len(state) == 1 + len(STATE_OF_A_TYPE) else None


def _size(shape: Any) -> int:
    _need(isinstance(shape, tuple) and len(shape) <= 32 and all(type(each) is int for each in shape))
    _need(all(each >= 0 for each in shape))
    return math.prod(shape)


def _is_array_state(state: Any) -> bool:
    match state:
        case (int(form), tuple(shape), dtype, bool(), bytes(content)) if form == ARRAY_STATE:
            return _is_dtype(dtype) and _size(shape) * dtype.itemsize == len(content)
    return False


def _is_words(value: Any, count: int | None) -> bool:
    if not _is(value, "numpy", "ndarray") or value.dtype.str != "<u4" or value.ndim != 1:
        return False
    return count is None or len(value) == count


def _is_twister(state: Any) -> bool:
    """The position says where the next word is read, unchecked by numpy."""
    match state:
        case {"bit_generator": "MT19937", "state": {"key": key, "pos": int(position)}}:
            return _is_words(key, WORDS) and 0 <= position <= WORDS
    return False


def _is_seed(state: Any) -> bool:
    match state:
        case (int() | None, int(), pool, int(size), tuple(spawned)):
            return _is_words(pool, size) and 4 <= size <= 64 and all(type(each) is int for each in spawned)
    return False
