"""Pictures of learners. Each function returns its figure; a notebook shows it as any other value.

Imported on first use, since matplotlib is. No pyplot: no state of its own, no window, no thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from quantlab.learning.baselines import BASELINES, MODEL
from quantlab.learning.curve import values_of
from quantlab.pictures import Picture

if TYPE_CHECKING:
    from quantlab.learning.looking import Looks

COLOURS = {MODEL: "#1f5fbf", "no change": "#8a8a8a", "prior": "#c98a1b", "last sign": "#4a9a5b"}
DASHES = {MODEL: "-", "no change": ":", "prior": "--", "last sign": "-."}


def score_over_time(learner: Looks, key: str) -> Figure:
    """Above, River's metric and the hit rates or errors; below, what was earned after costs.

    Red lines are where the error rose, thin grey ones where it fell: the latter cause nothing.
    """
    curve, marks = learner.curve(key), learner.drift(key)
    recipe, scores = learner.models[key].recipe, learner.frame()
    figure = Picture(figsize=(9, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    running = "accuracy" if recipe.classes else "loss"
    for who in (MODEL, *BASELINES):
        style = {"color": COLOURS[who], "linestyle": DASHES[who], "label": who}
        above.plot(curve["time"], curve[f"{who} {running}"], **style)
        below.plot(curve["time"], curve[f"{who} earned"], **style)
    for rose, colour, width in ((False, "#bbbbbb", 0.6), (True, "#c0392b", 1.0)):
        moments = marks.loc[marks["rose"].astype(bool) == rose, "time"]
        for number, moment in enumerate(moments):
            said = f"error {'rose' if rose else 'fell'}" if number == 0 else None
            above.axvline(moment, color=colour, linewidth=width, label=said, zorder=0)
    its = scores[(scores["key"] == key) & (scores["who"] == MODEL)].iloc[0]
    metric = ", ".join(
        f"{name} {its[name]:.3f}" for name in values_of(recipe.metric) if its[name] == its[name]
    )
    above.set_title(f"{learner.name} on {key}: {metric}")
    above.set_ylabel("accuracy so far" if recipe.classes else "mean absolute error so far")
    below.set_ylabel(f"earned, bps after {recipe.cost_bps:g} bps a trade")
    below.set_xlabel("event time, UTC")
    above.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    below.axhline(0, color="black", linewidth=0.5)
    return figure
