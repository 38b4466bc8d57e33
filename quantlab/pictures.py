"""Pictures that show themselves: a figure, whichever part of quantlab drew it.

The only module below the parts that loads matplotlib; who draws imports it where it draws, since
matplotlib takes longer to load than everything else of `%load_ext quantlab`.
"""

from __future__ import annotations

import io

from matplotlib.figure import Figure


class Picture(Figure):
    """A figure that shows itself, also where nobody called `%matplotlib`."""

    def _repr_png_(self) -> bytes:
        drawn = io.BytesIO()
        self.savefig(drawn, format="png", dpi=100)
        return drawn.getvalue()
