"""Pictures of limits: what was used of them over time, and what a sweep found.

Each function returns its figure; a notebook shows it as any other value. Imported on first use, since
matplotlib is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.dates import ConciseDateFormatter

from quantlab.errors import InvalidField
from quantlab.pictures import Picture

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

PANELS = 6  # of limits, unless some are named
DENSE = 200  # orders: more of them are dots, without a line to each
EDGE = 1.5  # limits: what was asked beyond that is drawn at the edge, or the rest would be too small to see
FRAME = {"boxstyle": "round", "fill": False, "edgecolor": "#f2a900", "linewidth": 2}
USED, LIMIT, OTHER = "#1f5fbf", "#c0392b", "#9a9a9a"
DASHES = ("-", (0, (5, 2)), (0, (3, 5)), (2, (3, 5)), (4, (3, 5)))
LINES = ("#1f5fbf", "#c98a1b", "#4a9a5b", "#7d3fa8", "#8a8a8a", "#0f8b8d", "#d1495b", "#5c4d3c")


def usage_over_time(usage: pd.DataFrame, limits: Sequence[str] = ()) -> Picture:
    """A panel for each limit: what each decided order would have used of it, and where the limit stood.

    Args:
        usage: As `Decisions.usage` gives it.
        limits: Which ones; without, the six of which most was used.

    Raises:
        InvalidField: Nothing was decided, or nothing was used of a limit that is named.
    """
    names = _most_used(usage, limits)
    by_time = usage.index.nunique() > 1 and not usage.index.hasnans
    if not by_time:  # a clock that stands still, or none
        usage = usage.set_index("number")
    figure = Picture(figsize=(9, 1.1 + 1.5 * len(names)), layout="constrained")
    panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(panels, names, strict=True):
        _draw_usage(axes, usage[usage["limit_name"] == name], name)
    panels[0].legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    panels[-1].set_xlabel("decided at, UTC" if by_time else "decision")
    if by_time:
        panels[-1].xaxis.set_major_formatter(
            ConciseDateFormatter(panels[-1].xaxis.get_major_locator())  # type: ignore[no-untyped-call]
        )
    return figure


def swept(table: pd.DataFrame) -> Picture:
    """What a sweep found: of sizes the share of each limit, of limits how many orders pass.

    Raises:
        InvalidField: It is no sweep's frame, or one of more than two limits.
    """
    if table.index.name == "quantity" and len(table):
        return _sizes(table)
    if "newly_denied" in table and len(table) and table.index.nlevels <= 2:
        return _limits(table) if table.index.nlevels == 1 else _pair(table)
    raise InvalidField("table", "it is no sweep that can be drawn", "give the frame of ql.rails.sweep(...)")


def _most_used(usage: pd.DataFrame, limits: Sequence[str]) -> list[str]:
    most = usage.groupby("limit_name", sort=False)["share"].max()
    for name in limits:
        if name not in most:
            known = ", ".join(most.index) or "nothing: no order was decided yet"
            raise InvalidField("limits", f"nothing was used of {name!s:.40}", f"there is {known}")
    names = list(limits) or list(most[most > 0].sort_values(ascending=False, kind="stable").index[:PANELS])
    if not names:
        raise InvalidField("limits", "no order was decided yet", "send one, then look")
    return names


def _draw_usage(axes: Axes, rows: pd.DataFrame, name: str) -> None:
    moments, allowed = rows.index, rows["allowed"].to_numpy(bool)
    used, limit = rows["used"].astype(float), rows["limit"].astype(float)
    least = rows["at_least"].any()
    beyond = (used < limit if least else used > limit).to_numpy()
    edge = 0.0 if least else EDGE * float(limit.max())
    shown = used.clip(upper=edge) if edge else used
    axes.plot(moments, limit, drawstyle="steps-post", color=LIMIT, linewidth=1.2, label="limit")
    axes.fill_between(moments, 0, limit, step="post", color=LIMIT, alpha=0.05, linewidth=0)
    dense = len(rows) > DENSE
    if not dense:
        axes.vlines(moments, 0, shown, color=USED, linewidth=0.8, alpha=0.4)
    for which, style, colour, words in (
        (allowed, "o", USED, "used by an order that passed"),
        (~allowed & beyond, "x", LIMIT, "asked, and denied for it"),
        (~allowed & ~beyond, "x", OTHER, "denied for another reason"),
    ):
        axes.plot(
            moments[which], shown[which], style, color=colour, markersize=2 if dense else 5, label=words
        )
    axes.set_ylim(0, 1.12 * max(float(shown.max()), float(limit.max())) or 1)
    for moment, asked in zip(moments[used > shown], used[used > shown], strict=True):
        words = f"{asked:,.0f} ↑" if asked >= 1_000 else f"{asked:.4g} ↑"
        axes.annotate(
            words, (moment, edge), textcoords="offset points", xytext=(0, 5), fontsize=7.5, color=LIMIT,
            ha="center",
        )  # fmt: skip
    unit = next((each for each in rows["unit"] if each), "")
    axes.set_title(f"{name}{', ' + unit if unit else ''}", loc="left", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _sizes(table: pd.DataFrame) -> Picture:
    """A line for each limit: how much of it one size uses; what is denied lies on grey."""
    figure = Picture(figsize=(9, 4.2), layout="constrained")
    axes = figure.subplots()
    sizes = [float(each) for each in table.index]
    names = [name for name in table.columns if table[name].dtype == float and table[name].nunique() > 1]
    top = EDGE * 100
    for number, name in enumerate(names):  # some lie on each other: broken lines let the others show
        axes.plot(
            sizes, table[name] * 100, color=LINES[number % len(LINES)], label=name, linewidth=2,
            linestyle=DASHES[number % len(DASHES)],
        )  # fmt: skip
    passing = [size for size, allowed in zip(sizes, table["allowed"], strict=True) if allowed]
    denied = [size for size, allowed in zip(sizes, table["allowed"], strict=True) if not allowed]
    axes.plot(denied, [0] * len(denied), "x", color=LIMIT, markersize=5, label="denied", clip_on=False)
    axes.plot(passing, [0] * len(passing), "o", color=USED, markersize=4, label="passes", clip_on=False)
    axes.axhline(100, color=LIMIT, linewidth=1.2)
    axes.set_ylim(0, min(top, max(110.0, float(table[names].max().max()) * 100) if names else top))
    axes.set_title("one order, in many sizes", loc="left", fontsize=10)
    axes.set_xlabel("quantity")
    axes.set_ylabel("used of the limit, %")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _limits(table: pd.DataFrame) -> Picture:
    """How many of the past orders pass at each value of one limit."""
    figure = Picture(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots()
    values = [float(each) for each in table.index]
    total = int(table["decisions"].iloc[0])
    before = table["allowed"].iloc[0] + table["newly_denied"].iloc[0] - table["newly_allowed"].iloc[0]
    axes.plot(values, table["allowed"], color=USED, marker="o", markersize=4, label="would pass")
    axes.fill_between(values, table["allowed"], total, color=LIMIT, alpha=0.08, linewidth=0)
    axes.axhline(before, color="#8a8a8a", linestyle="--", linewidth=1, label="passed")
    axes.set_ylim(0, total * 1.05 or 1)
    if min(values) > 0 and max(values) / min(values) > 50:
        axes.set_xscale("log")
    axes.set_xlabel(str(table.index.name))
    axes.set_ylabel(f"of {total} orders")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _pair(table: pd.DataFrame) -> Picture:
    """How many pass at each pair of values of two limits."""
    figure = Picture(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    grid: Any = table["allowed"].unstack()
    across, down = [f"{each:,}" for each in grid.columns], [f"{each:,}" for each in grid.index]
    same: Any = (table["newly_denied"] + table["newly_allowed"] == 0).unstack().to_numpy(bool)
    values = grid.to_numpy(float)
    most, least = int(table["decisions"].iloc[0]), float(values.min())
    axes.imshow(values, aspect="auto", cmap="Blues", vmin=2 * least - most, vmax=most or 1, origin="lower")
    for row, line in enumerate(values):
        for column, count in enumerate(line):
            bright = count > (least + most) / 2
            axes.text(
                column, row, f"{count:.0f}", ha="center", va="center", color="white" if bright else "black",
                bbox=FRAME if same[row][column] else None,
            )  # fmt: skip
    axes.set_xticks(range(len(across)), across, rotation=20)
    axes.set_yticks(range(len(down)), down)
    axes.set_xlabel(str(grid.columns.name))
    axes.set_ylabel(str(grid.index.name))
    axes.set_title(f"would pass, of {most} orders; framed: every answer as it was", loc="left", fontsize=10)
    return figure
