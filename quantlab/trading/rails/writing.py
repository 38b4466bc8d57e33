"""Writes the one function of all rails, for one form of plain orders.

Pure. Each rail's source is put in with its answers turned into what a decision needs of them: go on where
it allows, note where a limit is near, end where it denies.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable
from types import FunctionType
from typing import TypeAlias

from quantlab.domain.decimals import remainder
from quantlab.domain.limits import Limits
from quantlab.domain.orders import EXTRAS, OrderRequest, OrderType, Side
from quantlab.trading.amounts import add, subtract, times
from quantlab.trading.decision import DENIED, MINIMUM, NEAR, PASSES, STEPS, UNTOLD
from quantlab.trading.exposure import Exposure
from quantlab.trading.rails.ask import Ask
from quantlab.trading.rails.catalogue import LIMITED, RAILS, Rail
from quantlab.trading.rails.folding import FROZEN
from quantlab.trading.rails.fusing import Fuser, Returned
from quantlab.trading.rails.sources import Code, Known, NotUnderstood, Scope, Value, Whole, name_of

Fused: TypeAlias = Callable[[OrderRequest, Exposure, Limits, Limits], int]
OPERATORS = {add: ast.Add(), subtract: ast.Sub(), times: ast.Mult(), remainder: ast.Mod()}
TEMPLATE = f"def fused(request, exposure, {FROZEN}, soft):\n    near = {PASSES}\n    return near"
ENDS, DENIES = (ast.Return(value=ast.Constant(value=each)) for each in (UNTOLD, DENIED))


def fuse(kind: OrderType, side: Side, rails: tuple[Rail, ...] = RAILS) -> Fused:
    """The function for plain orders of one type and side; one that tells nothing where none can be made."""
    with contextlib.suppress(NotUnderstood, OSError):  # no source, or Python that `fusing` does not know
        return _written(kind, side, rails)
    return lambda *_: UNTOLD


def _written(kind: OrderType, side: Side, rails: tuple[Rail, ...]) -> Fused:
    fuser = Fuser(__package__, OPERATORS, ENDS)
    whole = Whole("ask", {}, Ask)
    request = _request(fuser, kind, side)
    limits, exposure = Code(name_of(FROZEN), given=True), Code(name_of("exposure"), given=True)
    for function, arguments, returned in (
        (Ask.__init__, [whole, request, exposure, limits], _nothing),
        *((rail, [whole], _answers(fuser, rail.__name__, place)) for place, rail in enumerate(rails)),
    ):
        if not isinstance(function, FunctionType):
            raise NotUnderstood(function)
        fuser.write(function, arguments, returned)
    module = ast.parse(TEMPLATE)
    made = module.body[0]
    made.body[1:1] = fuser.body  # type: ignore[attr-defined]  # it is a function
    exec(compile(ast.fix_missing_locations(module), "<fused rails>", "exec"), fuser.space)  # noqa: S102  # ours
    fused: Fused = fuser.space["fused"]
    return fused


def _request(fuser: Fuser, kind: OrderType, side: Side) -> Whole:
    """The fields of a plain order; one that is not plain ends the function."""
    by_type = {"price", "time_in_force"}
    present, absent = {"quantity"}, {*EXTRAS, "quote_quantity"}
    (absent if kind is OrderType.MARKET else present).update(by_type)
    fields: dict[str, Value] = {"type": Known(kind), "side": Known(side)}
    for name in OrderRequest.__struct_fields__:
        if name in fields:
            continue
        read = ast.Attribute(value=name_of("request"), attr=name, ctx=ast.Load())
        if name in absent | present:
            op = ast.IsNot() if name in absent else ast.Is()
            other = ast.Compare(left=read, ops=[op], comparators=[ast.Constant(value=None)])
            fuser.body.append(ast.If(test=other, body=[ENDS], orelse=[]))
        fields[name] = Known(None) if name in absent else Code(read, given=True)
    return Whole("request", fields, OrderRequest)


def _nothing(node: ast.expr, _: Scope) -> None:
    raise NotUnderstood(ast.unparse(node))


def _answers(fuser: Fuser, rail: str, place: int) -> Returned:
    """What becomes of a return of a rail."""
    bits = [NEAR << place * len(STEPS) + each for each in range(len(STEPS))]

    def returned(node: ast.expr, scope: Scope) -> None:
        match node:
            case ast.Tuple(elts=[allowed, used, limit, kind, *_]) if rail in LIMITED and not _is_text(used):
                share = (limit, used) if _is_minimum(fuser, kind, scope) else (used, limit)
                amounts = [fuser.hold(fuser.value(each, scope)) for each in share]
                _require(fuser, fuser.value(allowed, scope))
                _note(fuser, amounts, bits)
            case ast.Tuple(elts=[allowed, *_]):
                _require(fuser, fuser.value(allowed, scope))
            case ast.Call(func=called, args=args):
                function = fuser.value(called, scope)
                if not isinstance(function, Known) or not isinstance(function.value, FunctionType):
                    raise NotUnderstood(ast.unparse(node))
                fuser.write(function.value, [fuser.hold(fuser.value(each, scope)) for each in args], returned)
            case _:
                answer = fuser.value(node, scope)
                if not isinstance(answer, Known):
                    raise NotUnderstood(ast.unparse(node))
                _require(fuser, Known(answer.value[0]))

    return returned


def _require(fuser: Fuser, allowed: Value) -> None:
    """End where it is not allowed."""
    if not isinstance(allowed, Known):
        test = ast.UnaryOp(op=ast.Not(), operand=fuser.node(allowed))
        fuser.body.append(ast.If(test=test, body=[DENIES], orelse=[]))
    elif not allowed.value:
        fuser.body.append(DENIES)


def _note(fuser: Fuser, amounts: list[Value], bits: list[int]) -> None:
    """Note each step to which the limit is used, once nearly half of it is."""
    (left, right), before = fuser.nodes(amounts), fuser.body[-1:]
    match right:
        case ast.Attribute(value=ast.Name(id=name), attr=attr) if name == FROZEN:
            soft = ast.Attribute(value=name_of("soft"), attr=attr, ctx=ast.Load())
            beyond = ast.Compare(left=left, ops=[ast.Gt()], comparators=[soft])
        case _:
            beyond = _at_most(right, ast.BinOp(left=left, op=ast.Add(), right=left))
            before = []
    within = ast.UnaryOp(op=ast.Not(), operand=_at_most(left, right))
    if before and isinstance(before[0], ast.If) and ast.dump(before[0].test) == ast.dump(within):
        fuser.body.pop()  # a limit is never below itself softened: beyond that it is asked, and only there
    else:
        before = []
    for percent, bit in zip(STEPS, bits, strict=True):
        test = _at_most(_times(right, percent), _times(left, 100))
        before.append(ast.If(test=test, body=ast.parse(f"near |= {bit}").body, orelse=[]))
    fuser.body.append(ast.If(test=beyond, body=before, orelse=[]))


def _times(amount: ast.expr, number: int) -> ast.expr:
    return ast.BinOp(left=amount, op=ast.Mult(), right=ast.Constant(value=number))


def _at_most(left: ast.expr, right: ast.expr) -> ast.Compare:
    return ast.Compare(left=left, ops=[ast.LtE()], comparators=[right])


def _is_minimum(fuser: Fuser, kind: ast.expr, scope: Scope) -> bool:
    """Then what is used of the limit is the share that it has in what there is; as `Decision.amounts`."""
    found = fuser.value(kind, scope) if isinstance(kind, ast.Name) else None
    return isinstance(found, Known) and found.value is MINIMUM


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
