"""One small table: aligned plain text for consoles and tests, escaped HTML for browsers.

Nothing that changes by itself gets in: no memory address, no colour code, no time of day that
the caller did not pass. Colour is never the only sign; there is none at all.
"""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable, Generator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from quantlab.domain.decimals import plain
from quantlab.domain.text import printable

if TYPE_CHECKING:
    from quantlab.control.handle import Handle

T = TypeVar("T")
ABSENT = "-"
MOST_ROWS = 100  # of a frame: a notebook keeps what it shows
CELL = "text-align:left;padding:0 1em 0 0;vertical-align:top"
NUMBER = "text-align:right;padding:0 1em 0 0;vertical-align:top"


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A headline, rows under named columns (no names: none shown), and notes below."""

    title: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Whatever a cell holds stays in its cell: no line end and no escape sequence gets through."""
        force = msgspec.structs.force_setattr
        force(self, "title", printable(self.title))
        force(self, "rows", tuple(tuple(map(printable, row)) for row in self.rows))
        force(self, "notes", tuple(map(printable, self.notes)))

    def text(self) -> str:
        """Plain text: columns two blanks apart, numbers to the right."""
        grid = ([self.columns] if self.columns else []) + list(self.rows)
        right = self._right()
        widths = [max(len(row[index]) for row in grid) for index in range(len(right))] if grid else []
        lines = [
            "  ".join(
                cell.rjust(width) if to_right else cell.ljust(width)
                for cell, width, to_right in zip(row, widths, right, strict=True)
            ).rstrip()
            for row in grid
        ]
        indent = "  " if self.title else ""
        return "\n".join(
            [*([self.title] if self.title else []), *(indent + line for line in lines), *self.notes]
        )

    def html(self) -> str:
        """The same as HTML; every cell is escaped, so text from a venue stays text."""
        right = self._right()
        head = "".join(
            f"<th style='{NUMBER if to_right else CELL}'>{html.escape(name)}</th>"
            for name, to_right in zip(self.columns, right, strict=False)  # no columns, no head
        )
        body = "".join(
            "<tr>"
            + "".join(
                f"<td style='{NUMBER if to_right else CELL}'>{html.escape(cell)}</td>"
                for cell, to_right in zip(row, right, strict=True)
            )
            + "</tr>"
            for row in self.rows
        )
        title = f"<div><b>{html.escape(self.title)}</b></div>" if self.title else ""
        grid = f"<table>{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>"
        notes = "".join(f"<div>{html.escape(note)}</div>" for note in self.notes)
        return f"<div class='quantlab'>{title}{grid if self.columns or self.rows else ''}{notes}</div>"

    def bundle(self) -> dict[str, str]:
        """What IPython displays: both forms."""
        return {"text/plain": self.text(), "text/html": self.html()}

    def __repr__(self) -> str:
        return self.text()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG002
        return self.bundle()

    def _right(self) -> list[bool]:
        width = len(self.columns) or max((len(row) for row in self.rows), default=0)
        return [bool(self.columns) and _numbers(row[index] for row in self.rows) for index in range(width)]


class View(Generic[T]):
    """What a read-only `%ql` line returns: it can be awaited, shown, or both.

    Un-awaited it shows what is known now; awaited it first waits until the engine is up (or
    fetches), then returns itself. `value` is what it shows: a struct, a decision, a frame.
    """

    def __init__(
        self,
        read: Callable[[], T],
        render: Callable[[T], Table],
        *,
        fetch: Callable[[], Awaitable[T]] | None = None,
    ) -> None:
        self._read = read
        self._render = render
        self._fetch = fetch
        self._values: list[T] = []

    @property
    def value(self) -> T:
        if not self._values:
            self._values.append(self._read())
        return self._values[0]

    @property
    def table(self) -> Table:
        return self._render(self.value)

    def __await__(self) -> Generator[Any, Any, View[T]]:
        return self._awaited().__await__()

    async def _awaited(self) -> View[T]:
        if self._fetch is not None:
            self._values[:] = [await self._fetch()]
        return self

    def __repr__(self) -> str:
        return self.table.text()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:  # noqa: ARG002
        bundle = getattr(self.value, "_repr_mimebundle_", None)  # a face that is more than a table
        return bundle() if callable(bundle) else self.table.bundle()


class Act(Generic[T]):
    """A command whose result is shown as a table: a handle with another face.

    As lazy as the handle: nothing is sent before it is awaited, and until then it says so. The
    table is made when it is done, so that shown again later it says the same.
    """

    def __init__(self, handle: Handle[T], render: Callable[[T], Table]) -> None:
        self.handle = handle
        self._render = render

    def __await__(self) -> Generator[Any, Any, View[T]]:
        result = yield from self.handle.__await__()
        table = self._render(result)
        return View(lambda: result, lambda _: table)

    def __repr__(self) -> str:
        return repr(self.handle)


def cell(value: object) -> str:
    """A value as one cell: exact numbers plain, None as "-", times in UTC, the rest as text."""
    if value is None or value != value:  # NaN and NaT differ from themselves  # noqa: PLR0124
        return ABSENT
    if isinstance(value, Decimal):
        return plain(value)
    isoformat = getattr(value, "isoformat", None)
    if callable(isoformat):
        return str(isoformat(sep=" ", timespec="milliseconds")).removesuffix("+00:00")
    if isinstance(value, dict):
        return ", ".join(f"{cell(amount)} {name}" for name, amount in value.items()) or ABSENT
    return str(value)


def of_rows(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "", empty: str = ""
) -> Table:
    """A table of any values; `empty` is the note where there is no row."""
    if not rows:
        return Table(title=title, notes=(empty or "nothing yet",))
    return Table(title=title, columns=tuple(columns), rows=tuple(tuple(map(cell, row)) for row in rows))


def of_frame(frame: Any, *, title: str = "", empty: str = "") -> Table:
    """A pandas frame as a table, its last 100 rows; a named index becomes the first column."""
    if frame.index.name:
        frame = frame.reset_index()
    last = frame.tail(MOST_ROWS)
    table = of_rows(
        [str(name) for name in frame.columns], last.to_numpy(dtype=object).tolist(), title=title, empty=empty
    )
    if len(frame) == len(last):
        return table
    note = f"the last {len(last)} of {len(frame)}; .frame() has all"
    return msgspec.structs.replace(table, notes=(*table.notes, note))


def _numbers(cells: Any) -> bool:
    return all(each == ABSENT or each.lstrip("-").replace(".", "", 1).isdigit() for each in cells)
