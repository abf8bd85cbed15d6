"""Drawings of books, paper and pens."""

from __future__ import annotations

from html import escape

from app.web.illustrations.ink import (
    DARK,
    LEAF,
    METAL,
    PAPER,
    SOFT,
    WOOD,
    Ink,
    circle,
    line,
    mix,
    moved,
    path,
    rect,
    ring,
    turned,
)

_SERIF = 'font-family="Georgia, \'Times New Roman\', serif" text-anchor="middle"'


def _title(k: Ink, x: float, y: float, width: int, colour: str, size: int = 15) -> str:
    """The product's title in centred lines of at most `width` characters, at most four of them."""
    lines: list[str] = []
    for word in k.label.split(" by ")[0].split():
        if lines and len(lines[-1]) + len(word) < width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "".join(
        f'<text x="{x:g}" y="{y + (size + 4) * i:g}" {_SERIF} font-size="{size}" fill="{colour}">{escape(text)}</text>'
        for i, text in enumerate(lines[:4])
    )


def book(k: Ink) -> str:
    """A book with its title and an emblem."""
    emblem = (
        circle(124, 152, 22, k.accent) + path("M96 172 Q124 150 152 172 v8 H96 Z", k.tint),
        "".join(line(f"M100 {140 + 11 * i} q12 -9 24 0 t24 0", k.accent, 4) for i in range(4)),
        path("M124 128 l9 19 l20 3 l-15 14 l4 20 l-18 -10 l-18 10 l4 -20 l-15 -14 l20 -3 z", k.accent),
        path(
            "M124 182 V140 M124 160 C106 158 102 146 102 142 C116 142 124 150 124 160 Z M124 152 "
            "C142 150 146 138 146 134 C132 134 124 142 124 152 Z",
            k.accent,
            f'stroke="{k.accent}" stroke-width="3"',
        ),
        path("M98 180 V146 l14 -10 l14 10 v-14 l12 -10 l12 10 v48 z", k.accent),
    )[k.variant % 5]
    ink = DARK if k.main > "#c" and k.main[1] in "defc" else PAPER
    return (
        path("M68 46 H176 a6 6 0 0 1 6 6 V196 H76 a12 12 0 0 1 -12 -12 V50 a4 4 0 0 1 4 -4 Z", k.main)
        + rect(64, 46, 13, 146, k.deep)
        + path("M76 184 H182 V198 a2 2 0 0 1 -2 2 H76 a8 8 0 0 1 0 -16 Z", PAPER)
        + line("M78 189 h102 M78 195 h102", METAL, 1.5)
        + rect(86, 56, 86, 118, "none", 3, f'stroke="{k.tint}" stroke-width="2"')
        + _title(k, 129, 80, 13, ink, 13)
        + moved(emblem, 21, 22, 0.87)
    )


def hardback(k: Ink) -> str:
    """A large illustrated book."""
    return (
        rect(46, 52, 150, 146, k.deep, 5)
        + rect(52, 48, 150, 146, k.main, 5)
        + rect(52, 48, 12, 146, k.shade, 3)
        + circle(130, 132, 42, k.pale)
        + circle(130, 132, 26, k.accent)
        + path("M96 160 Q130 124 164 160 A42 42 0 0 1 96 160 Z", LEAF)
        + circle(146, 112, 7, "#f2c94c")
        + _title(k, 132, 70, 17, PAPER, 14)
    )


def notebook(k: Ink) -> str:
    """A notebook with a ribbon and a band."""
    return (
        rect(72, 44, 112, 156, PAPER, 6)
        + rect(62, 40, 112, 160, k.main, 9)
        + rect(62, 40, 16, 160, k.shade, 7)
        + rect(152, 40, 9, 160, k.deep)
        + rect(90, 72, 50, 30, k.tint, 4)
        + line("M98 82 h34 M98 92 h22", k.deep, 3)
        + path("M110 200 h12 v16 l-6 -6 l-6 6 z", k.accent)
    )


def pen(k: Ink) -> str:
    """A pen."""
    return turned(
        rect(110, 30, 22, 126, k.main, 8)
        + rect(110, 30, 8, 126, k.tint, 4)
        + rect(130, 36, 7, 56, METAL, 3)
        + rect(108, 96, 26, 7, "#d9ab4c")
        + path("M112 156 H130 L124 190 H118 Z", METAL)
        + path("M118 190 h6 l-3 14 z", DARK),
        34,
    ) + line("M40 196 C60 180 70 206 92 192", k.main, 4)


def markers(k: Ink) -> str:
    """A set of pens."""
    hues = ("#f2c94c", "#8fd0a0", "#f08fa5", "#8fb8f0")
    return "".join(
        rect(52 + 36 * i, 78, 28, 104, hues[i], 6)
        + rect(52 + 36 * i, 148, 28, 52, mix(hues[i], DARK, 0.15), 6)
        + rect(58 + 36 * i, 60, 16, 20, DARK, 3)
        + path(f"M{60 + 36 * i} 60 l12 -14 v14 z", hues[i])
        + rect(57 + 36 * i, 96, 5, 44, PAPER, 2.5)
        for i in range(4)
    )


def calculator(k: Ink) -> str:
    """A calculator."""
    keys = "".join(
        rect(78 + 23 * i, 108 + 22 * j, 17, 15, k.accent if i == 3 else PAPER, 4) for i in range(4) for j in range(4)
    )
    return (
        rect(62, 38, 116, 164, mix(k.main, DARK, 0.15), 14)
        + rect(76, 54, 88, 38, "#cfe0c8", 5)
        + "".join(rect(128 + 11 * i, 66, 7, 16, DARK, 1.5) for i in range(3))
        + keys
    )


def pencil_case(k: Ink) -> str:
    """A pencil case with pencils."""
    pencils = (
        turned(rect(86, 44, 12, 80, "#f2c94c") + path("M86 44 l6 -14 l6 14 z", WOOD), -12, 92, 100)
        + turned(rect(118, 40, 12, 84, "#e07a5f") + path("M118 40 l6 -14 l6 14 z", WOOD), 4, 124, 100)
        + turned(rect(150, 46, 12, 80, "#5b8def") + path("M150 46 l6 -14 l6 14 z", WOOD), 16, 156, 100)
    )
    return (
        pencils
        + rect(30, 108, 180, 90, k.main, 26)
        + rect(30, 108, 180, 22, k.shade, 11)
        + line("M44 120 h140", PAPER, 4)
        + rect(178, 114, 22, 12, "#d9ab4c", 4)
        + circle(84, 164, 9, k.tint)
        + circle(116, 164, 9, k.tint)
        + circle(148, 164, 9, k.tint)
    )


def organiser(k: Ink) -> str:
    """A desk organiser."""
    return (
        turned(rect(60, 52, 10, 90, "#e07a5f"), -8, 66, 120)
        + rect(82, 46, 10, 90, "#5b8def")
        + turned(rect(100, 52, 9, 80, METAL), 10, 104, 120)
        + rect(130, 78, 70, 76, PAPER, 3)
        + rect(136, 70, 60, 80, "#e8eef5", 3)
        + rect(42, 104, 80, 96, k.main, 8)
        + rect(118, 128, 84, 72, k.shade, 8)
        + rect(128, 150, 64, 10, k.tint, 5)
        + rect(52, 114, 11, 76, k.tint, 5)
    )


def binder(k: Ink) -> str:
    """A ring binder."""
    return (
        rect(58, 42, 62, 158, k.main, 6)
        + rect(68, 62, 42, 60, PAPER, 4)
        + line("M76 76 h26 M76 88 h18", SOFT, 3)
        + ring(89, 162, 13, k.deep, 6)
        + turned(
            rect(124, 44, 56, 156, k.accent, 6)
            + rect(132, 64, 40, 56, PAPER, 4)
            + ring(152, 162, 12, mix(k.accent, DARK, 0.4), 6),
            6,
            150,
            200,
        )
    )


def paper(k: Ink) -> str:
    """A ream of paper."""
    return (
        path("M40 108 L74 76 H210 V156 L176 194 H40 Z", k.accent)
        + path("M40 108 L74 76 H210 L176 108 Z", PAPER)
        + path("M176 108 L210 76 V156 L176 194 Z", mix(k.accent, DARK, 0.2))
        + rect(62, 128, 92, 40, PAPER, 6)
        + rect(74, 140, 50, 7, k.accent, 3)
        + rect(74, 153, 34, 5, METAL, 2)
    )
