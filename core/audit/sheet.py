"""A4 sheets that a report is set on: text of any origin, findings, tables over page breaks, pictures, page numbers. The
font is DejaVu Sans, which comes with matplotlib; the same content gives the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from math import ceil
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import Align, WrapMode
from fpdf.fonts import FontFace

from core.audit.findings import AuditTable
from core.audit.report import numeric
from core.explanation.evidence import LONG_AGO

MARGIN, FOOT = 16.0, 18.0  # mm
INK, QUIET_INK, RULE = "#1d1b22", "#55515e", "#b9b5c2"
BODY, SMALL = 9.5, 8.0  # points
TABLE_SIZES = (8.0, 7.5, 7.0, 6.5)  # points; the first that fits
LEADING = 1.35
POINT = 25.4 / 72  # mm
PAD = 0.9  # mm left and right of a cell's text
WIDEST_WORD = 42.0  # mm that a word may take of a table before it is broken
LONGEST_CELL = 500  # letters
MOST_ROWS = 400  # of a table; the others stand in the other forms of the report
UNKNOWN = "\ufffd"  # stands for a letter that the font lacks
PAGES = 3 * "\ufffc"  # where the number of pages comes to stand
FAMILY = "DejaVu"
Measures = Sequence[Sequence[tuple[float, float]]]


class Sheet(FPDF):
    """Pages that text is set on from top to bottom. `letters` are those that the font has."""

    def __init__(self, title: str, foot: str, producer: str) -> None:
        super().__init__(format="A4", unit="mm")
        self.letters = self._take_fonts()
        self._foot = cut_short(self.known(foot), 90)
        self.set_title(self.known(title))
        self.set_producer(self.known(producer))
        self.set_lang("en-GB")
        self.set_creation_date(datetime(*LONG_AGO, tzinfo=UTC))
        self.alias_nb_pages(PAGES)
        self.set_margin(MARGIN)
        self.set_auto_page_break(True, FOOT)
        self.add_page()

    def _take_fonts(self) -> frozenset[int]:
        import matplotlib

        fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        self.add_font(FAMILY, "", fonts / "DejaVuSans.ttf")
        self.add_font(FAMILY, "B", fonts / "DejaVuSans-Bold.ttf")
        own = [frozenset(font.cmap) for font in self.fonts.values()]  # type: ignore[union-attr]
        return own[0] & own[1] - set(map(ord, PAGES))

    def footer(self) -> None:
        """What stands at the foot of each page (called by fpdf2)."""
        self.set_y(-12)
        self._style(7.5, QUIET_INK)
        self.cell(self.epw - 30, 4, self._foot)
        self.cell(30, 4, f"page {self.page_no()} of {PAGES}", align=Align.R)

    def known(self, text: str) -> str:
        """The text in one line, in letters that the font has; no line ends before a per cent sign."""
        plain = " ".join(text.split())
        told = "".join(letter if ord(letter) in self.letters else UNKNOWN for letter in plain)
        return told.replace(" %", "\u00a0%")

    def _style(self, size: float, colour: str = INK, bold: bool = False) -> None:
        self.set_font(FAMILY, "B" if bold else "", size)
        self.set_text_color(colour)

    def room(self) -> float:
        """Millimetres that are left on the page."""
        return float(self.page_break_trigger - self.get_y())

    def keep(self, height: float) -> None:
        """Go to the next page where less than `height` mm are left on this one, and a page has as much."""
        if self.room() < height <= self.eph and self.get_y() > MARGIN + 1:
            self.add_page()

    def heading(self, text: str, level: int = 1, with_next: float = 30.0) -> None:
        """A heading with a bookmark (levels from 0), on the page of what follows it (`with_next` mm)."""
        size = (16.0, 12.5, 10.0)[level]
        self.keep(size * POINT * 2 + with_next)
        if self.get_y() > MARGIN + 1:
            self.ln((0.0, 5.0, 3.0)[level])
        told = self.known(text)
        if level < 2:
            self.start_section(cut_short(told, 80), level=0)
        self.lines(told, size, bold=True)
        self.ln(1.0)

    def lines(self, text: str, size: float = BODY, colour: str = INK, bold: bool = False, indent: float = 0.0) -> None:
        """A paragraph."""
        self._style(size, colour, bold)
        self.set_x(self.l_margin + indent)
        self.multi_cell(self.epw - indent, size * POINT * LEADING, self.known(text), align=Align.L,
                        new_x="LMARGIN", new_y="NEXT")  # fmt: skip

    def _height(self, text: str, width: float, size: float, bold: bool = False) -> float:
        self._style(size, bold=bold)
        found = self.multi_cell(width, size * POINT * LEADING, text, align=Align.L, dry_run=True, output="HEIGHT")
        return float(found)  # type: ignore[arg-type]

    def finding(self, sign: str, colour: str, title: str, sentence: str, notes: Sequence[str], failed: bool) -> None:
        """A finding: its sign in words and in a frame (dashed, with a double bar, where it `failed`), title, sentence
        and notes, all on one page where a page has room for it.
        """
        indent = 4.0
        self._style(SMALL, bold=True)
        pill = self.get_string_width(sign) + 4
        beside = self.epw - indent - pill - 2
        title, told = self.known(title), [self.known(text) for text in (sentence, *notes)]
        sizes = [BODY, *(SMALL,) * len(notes)]
        height = self._height(title, beside, BODY, bold=True)
        height += sum(self._height(text, self.epw - indent, size) for text, size in zip(told, sizes, strict=True))
        self.keep(height + 2)
        page, top = self.page_no(), self.get_y()
        self._pill(sign, colour, pill, self.l_margin + indent, failed)
        self._style(BODY, bold=True)
        self.set_xy(self.l_margin + indent + pill + 2, top)
        self.multi_cell(beside, BODY * POINT * LEADING, title, align=Align.L, new_x="LMARGIN", new_y="NEXT")
        for text, size in zip(told, sizes, strict=True):
            self.lines(text, size, INK if size == BODY else QUIET_INK, indent=indent)
        self._bar(top if page == self.page_no() else MARGIN, colour, failed)
        self.ln(2.2)

    def _pill(self, sign: str, colour: str, width: float, left: float, failed: bool) -> None:
        height = SMALL * POINT * LEADING + 0.4
        self.set_draw_color(colour)
        self.set_line_width(0.25)
        self.set_dash_pattern(0.8, 0.6) if failed else self.set_dash_pattern()
        self.rect(left, self.get_y() + 0.2, width, height, round_corners=True, corner_radius=height / 2)
        self.set_dash_pattern()
        self._style(SMALL, colour, bold=True)
        self.set_xy(left, self.get_y() + 0.2)
        self.cell(width, height, sign, align=Align.C)

    def _bar(self, top: float, colour: str, failed: bool) -> None:
        self.set_draw_color(colour)
        self.set_line_width(0.45 if failed else 1.0)
        for shift in (0.0, 1.0) if failed else (0.3,):
            self.line(self.l_margin + shift, top, self.l_margin + shift, self.get_y())
        self.set_line_width(0.2)

    def picture(self, png: bytes, title: str, note: str, words: str, width: float = 128.0) -> None:
        """A picture with its caption, together on a page; `words` say what it shows to those who do not see it."""
        from PIL import Image

        with Image.open(BytesIO(png)) as opened:
            across, down = opened.size
        height = min(width * down / across, 150.0)
        self.keep(height + 14)
        self.image(BytesIO(png), self.l_margin, self.get_y() + 1, height * across / down, height,
                   alt_text=self.known(words), title=self.known(title))  # fmt: skip
        self.set_y(self.get_y() + height + 2)
        self.lines(f"{title}.", SMALL, bold=True)
        if note:
            self.lines(note, SMALL, QUIET_INK)
        self.ln(2)

    def table_of(self, table: AuditTable) -> None:
        """A table with title and note: smaller where it is wide, else in parts that each have the first column."""
        rows = [[cut_short(self.known(cell), LONGEST_CELL) for cell in row] for row in table.rows[:MOST_ROWS]]
        heads = [cut_short(self.known(head), LONGEST_CELL) for head in table.heads]
        cells = [heads, *rows]
        measured = self._measured(cells)
        size, parts = self._parts(measured)
        heights = [_height(measured, columns, widths, size) for columns, widths in parts]
        self.heading(table.title, 2, heights[0] + 8 if heights and heights[0] < self.eph / 2 else 25.0)
        for number, ((columns, widths), height) in enumerate(zip(parts, heights, strict=True)):
            self.keep(height if height < self.eph / 2 else 25)
            if number:
                self.lines(f"{table.title}, further columns", SMALL, QUIET_INK)
            self._grid([[row[k] for k in columns] for row in cells], widths, size)
            self.ln(1.5)
        left = len(table.rows) - len(rows)
        rest = f"{left:,} further rows stand in the other forms of the report. " if left else ""
        if rest or table.note:
            self.lines(rest + table.note, SMALL, QUIET_INK)
        self.ln(1.5)

    def _measured(self, cells: Sequence[Sequence[str]]) -> Measures:
        """What each cell takes in one line, and what its longest word takes, in mm at one point."""
        found = []
        for number, row in enumerate(cells):
            self._style(10.0, bold=number == 0)
            blank = self.get_string_width(" ") / 10
            words = [[self.get_string_width(word) / 10 for word in cell.split(" ")] for cell in row]
            found.append([(sum(own) + (len(own) - 1) * blank, max(own)) for own in words])
        return found

    def _parts(self, measured: Measures) -> tuple[float, list[tuple[list[int], list[float]]]]:
        """The size of the letters, and which columns stand beside each other, with their widths in mm."""
        every = list(range(len(measured[0])))
        natural, least = _widths(measured, TABLE_SIZES[0])
        if sum(natural) <= self.epw:
            return TABLE_SIZES[0], [(every, natural)] if every else []
        for size in TABLE_SIZES:  # heads alone in several lines
            natural, least = _widths(measured, size)
            body, _ = _widths(measured[1:] or measured, size)
            one_line = [max(pair) for pair in zip(body, least, strict=True)]
            if sum(one_line) <= self.epw:
                return size, [(every, _spread(natural, one_line, self.epw))]
        for size in TABLE_SIZES:
            natural, least = _widths(measured, size)
            if sum(least) <= self.epw:
                return size, [(every, _spread(natural, least, self.epw))]
        parts: list[list[int]] = [[0]]
        least = [max(low, min(whole, WIDEST_WORD)) for low, whole in zip(least, body, strict=True)]
        for k in every[1:]:
            if sum(least[j] for j in (*parts[-1], k)) > self.epw and len(parts[-1]) > 1:
                parts.append([0])
            parts[-1].append(k)
        return TABLE_SIZES[-1], [
            (part, _spread([natural[k] for k in part], [least[k] for k in part], self.epw)) for part in parts
        ]

    def _grid(self, cells: Sequence[Sequence[str]], widths: Sequence[float], size: float) -> None:
        self._style(size)
        self.set_draw_color(RULE)
        self.set_line_width(0.15)
        columns = list(zip(*cells[1:], strict=True)) or [()] * len(widths)
        aligned = tuple("LEFT" if k == 0 or not all(map(numeric, column)) else "RIGHT" for k, column in
                        enumerate(columns))  # fmt: skip
        style = FontFace(emphasis="BOLD", color=INK)
        with self.table(
            cells, align="LEFT", v_align="TOP", borders_layout="HORIZONTAL_LINES", col_widths=tuple(widths),
            headings_style=style, line_height=size * POINT * LEADING, text_align=aligned,
            width=min(sum(widths), self.epw),  # the sum of floats may be a hair wider
            wrapmode=WrapMode.WORD, padding=(0.7, PAD, 0.7, PAD),
        ):  # fmt: skip
            pass

    def to_be_signed(self, names: Sequence[str]) -> None:
        """Lines for a pen, all on one page."""
        self.keep(16.0 * len(names))
        for name in names:
            self.ln(8)
            self._style(BODY)
            self.cell(30, 6, name)
            self.set_draw_color(QUIET_INK)
            self.line(self.get_x(), self.get_y() + 6, self.get_x() + 90, self.get_y() + 6)
            self.ln(6)


def _widths(measured: Measures, size: float) -> tuple[list[float], list[float]]:
    """Of each column in mm: what its longest cell takes in one line, and what its longest word takes."""
    columns = list(zip(*measured, strict=True))
    natural = [max(whole for whole, _ in column) * size + 2 * PAD + 0.3 for column in columns]
    least = [min(max(word for _, word in column) * size, WIDEST_WORD) + 2 * PAD + 0.3 for column in columns]
    return natural, least


def _height(measured: Measures, columns: Sequence[int], widths: Sequence[float], size: float) -> float:
    """About how high a part of a table comes to stand, in mm."""
    lines = (
        max(ceil(row[k][0] * size / (wide - 2 * PAD)) for k, wide in zip(columns, widths, strict=True))
        for row in measured
    )
    return sum(count * size * POINT * LEADING + 1.4 for count in lines)


def _spread(natural: Sequence[float], least: Sequence[float], width: float) -> list[float]:
    """Widths from `least` to `natural` that fit into `width` in sum, what is spare going where it is wanted."""
    wanted = [max(0.0, one - other) for one, other in zip(natural, least, strict=True)]
    share = min(1.0, max(0.0, width - sum(least)) / sum(wanted)) if sum(wanted) else 0.0
    found = [low + share * more for low, more in zip(least, wanted, strict=True)]
    scale = min(1.0, width / sum(found))
    return [scale * one for one in found]


def cut_short(text: str, most: int) -> str:
    """The text, cut to `most` letters with an ellipsis where it is longer."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
