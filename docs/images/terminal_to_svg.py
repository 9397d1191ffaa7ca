#!/usr/bin/env python3
"""Draws what a command printed to a terminal as an SVG picture. Standard library only.

    COLUMNS=100 script -qec 'stty cols 100; yaga demo 2>/dev/null' /dev/null </dev/null >demo.ansi
    docs/images/terminal_to_svg.py demo.ansi docs/images/demo.svg "yaga demo"
"""
import re
import sys
from xml.sax.saxutils import escape

COLUMN, LINE, SIZE, MARGIN, BAR = 8.4, 19, 14, 16, 34
INK, PAPER, DIM = "#d6dae2", "#181a20", "#7f8694"
COLOURS = {31: "#e06c75", 32: "#98c379", 33: "#e5c07b", 34: "#61afef", 35: "#c678dd", 36: "#56b6c2"}
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def runs(line):
    """(column, text, colour, bold) of each stretch of one style."""
    colour, bold, column = INK, False, 0
    for piece in re.split(r"(\x1b\[[0-9;?]*[A-Za-z])", line):
        if not piece.startswith("\x1b"):
            text = piece.lstrip(" ")
            if text.strip():
                yield column + len(piece) - len(text), text.rstrip(" "), colour, bold
            column += len(piece)
        elif piece.endswith("m"):
            # 256 colours: the first sixteen are the usual ones.
            codes = re.sub(r"38;5;(\d+)", lambda it: str(30 + int(it[1]) % 8), piece[2:-1])
            for code in [int(it or 0) for it in codes.split(";")]:
                if code == 0:
                    colour, bold = INK, False
                elif code == 1:
                    bold = True
                elif code == 2:
                    colour = DIM
                elif code == 22:
                    bold, colour = False, INK
                elif code == 39:
                    colour = INK
                elif code % 60 in COLOURS:
                    colour = COLOURS[code % 60]


def main():
    source, target, title = sys.argv[1:4]
    with open(source, encoding="utf-8") as file:
        lines = file.read().replace("\r", "").rstrip().split("\n")
    width = round(100 * COLUMN + 2 * MARGIN)
    height = BAR + len(lines) * LINE + MARGIN
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" rx="8" fill="{PAPER}"/>',
        *(f'<circle cx="{20 + 18 * i}" cy="17" r="5.5" fill="{c}"/>'
          for i, c in enumerate(["#ff5f57", "#febc2e", "#28c840"])),
        f'<g font-family="{FONT}" font-size="{SIZE}" xml:space="preserve">',
    ]
    for number, line in enumerate(lines):
        y = BAR + (number + 1) * LINE - 5
        for column, text, colour, bold in runs(line):
            weight = ' font-weight="bold"' if bold else ""
            x = MARGIN + column * COLUMN
            length = len(text) * COLUMN
            out.append(f'<text x="{x:.1f}" y="{y}" textLength="{length:.1f}" '
                       f'lengthAdjust="spacingAndGlyphs" fill="{colour}"{weight}>{escape(text)}</text>')
    out.append("</g></svg>\n")
    with open(target, "w", encoding="utf-8") as file:
        file.write("\n".join(out))


if __name__ == "__main__":
    main()
