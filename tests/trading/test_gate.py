"""One gate: which code can ask the venue for an order, and that every way to it passes the rails."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import quantlab
from quantlab.binance.client import BinanceClient
from quantlab.binance.client.endpoints import ENDPOINTS, METHODS, Effect
from quantlab.domain.permit import Permit

ROOT = Path(quantlab.__file__).parent
TREES = {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}
OWN_WAYS = "binance/client/"  # methods for one type of order are the client's own way to `submit_order`

# What can neither create nor enlarge exposure, by name: a new method of the client is none of these until
# somebody has thought about it and written it here.
READS = {
    "account", "agg_trades", "all_order_lists", "all_orders", "avg_price", "book_ticker", "commission",
    "exchange_filter", "exchange_info", "historical_trades", "klines", "my_filters", "my_trades",
    "my_trades_since", "open_order_lists",
    "open_orders", "order_amendments", "order_book", "order_list_status", "order_rate_limits",
    "order_status", "ping", "prevented_matches", "server_time", "test_order", "ticker", "ticker_24h",
    "ticker_price", "trades", "trading_day", "ui_klines",
}  # fmt: skip
CANCELS = {"cancel_all", "cancel_list", "cancel_order"}
SMALLER = {"amend_keep_priority"}  # the venue lets an order only become smaller by it
OWN = {"aclose", "limits", "sync_clock", "warm"}  # connections, clock, counts


def public(kind: type) -> set[str]:
    """Every public name that is no plain attribute: methods and properties, inherited ones too."""
    members = inspect.getmembers(kind, lambda each: callable(each) or isinstance(each, property))
    return {name for name, _ in members if not name.startswith("_")}


def users(name: str) -> set[str]:
    """The modules in which anything of that name is taken from an object, called or not, or by getattr."""
    return {
        path
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr == name)
        or (
            isinstance(node, ast.Call)
            and getattr(node.func, "id", "") == "getattr"
            and any(isinstance(each, ast.Constant) and each.value == name for each in node.args)
        )
    }


def exposing() -> set[str]:
    """The client's methods that ask for what may create or enlarge exposure."""
    return {name for name, asked in METHODS.items() if ENDPOINTS[asked].effect is Effect.EXPOSE}


def test_every_method_of_the_client_needs_a_permit_or_is_known_to_need_none() -> None:
    """A new method without one fails here; so does one in a list that is gone."""
    harmless = READS | CANCELS | SMALLER | OWN
    gated = {
        name
        for name in public(BinanceClient) - harmless
        if inspect.signature(getattr(BinanceClient, name)).parameters.get("permit")
    }
    assert public(BinanceClient) == gated | harmless
    assert exposing() <= gated
    for name in gated:
        permit = inspect.signature(getattr(BinanceClient, name)).parameters["permit"]
        assert permit.default is inspect.Parameter.empty, name
        assert permit.annotation in (Permit, "Permit"), name


def test_what_is_said_to_be_harmless_is_so_to_the_table_of_endpoints() -> None:
    """Each of those methods asks for a read, or for what HALT lets pass."""
    effects = {name: ENDPOINTS[asked].effect for name, asked in METHODS.items()}
    assert {name for name in READS if effects.get(name, Effect.READ) is not Effect.READ} == set()
    assert {effects[name] for name in CANCELS | SMALLER} == {Effect.CANCEL}
    assert {name for name, effect in effects.items() if effect is Effect.CANCEL} == CANCELS | SMALLER


@pytest.mark.parametrize("name", sorted(exposing() | SMALLER))
def test_only_the_dispatch_asks_a_client_for_it(name: str) -> None:
    """One module names the client's methods that place or amend; whoever else would, is found here."""
    asking = {path for path in users(name) if not path.startswith((OWN_WAYS, "paper/"))}
    wrappers = {"submit_limit_order", "submit_market_order", "submit_market_quote", "submit_stop"}
    assert asking == (set() if name in wrappers else {"trading/dispatch.py"})


def test_the_way_to_the_dispatch_is_one_chain_of_single_callers() -> None:
    """desk > carrier > gateway.submit > hand-over > sender.send > dispatch.place: each has one caller."""
    assert importers("quantlab.trading.dispatch", "place") == {"trading/sender.py"}
    assert importers("quantlab.trading.handing", "Handing") == {"trading/gateway.py"}
    assert callers("over") == {("trading/gateway.py", "submit")}
    assert {path for path, _ in callers("send") if path.startswith("trading/")} == {"trading/handing.py"}
    assert callers("decide_together") == {
        ("trading/gateway.py", "submit"),
        ("trading/rails/gate.py", "decide"),
    }


def importers(module: str, name: str) -> set[str]:
    return {
        path
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and node.module == module
        and name in {each.name for each in node.names}
    }


def callers(name: str) -> set[tuple[str, str]]:
    """(module, innermost function) of each call of a method of that name."""
    found: set[tuple[str, str]] = set()

    def visit(path: str, node: ast.AST, inside: str) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = node.name
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == name:
            found.add((path, inside))
        for child in ast.iter_child_nodes(node):
            visit(path, child, inside)

    for path, tree in TREES.items():
        visit(path, tree, "")
    return found
