"""Drawings of seats, tables, storage and beds."""

from __future__ import annotations

from app.web.illustrations.furnishings import plant_pot, vase
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
    oval,
    path,
    rect,
    turned,
)


def desk(k: Ink) -> str:
    """A desk with a drawer."""
    return (
        rect(28, 92, 184, 14, k.main, 4)
        + rect(28, 102, 184, 5, k.shade)
        + rect(136, 106, 64, 40, k.tint, 3)
        + rect(158, 122, 20, 5, k.deep, 2.5)
        + rect(40, 106, 10, 94, k.shade, 3)
        + rect(190, 106, 10, 94, k.shade, 3)
        + rect(60, 60, 44, 30, DARK, 3)
        + rect(64, 64, 36, 22, k.accent, 2)
        + rect(78, 88, 8, 5, SOFT)
        + moved(plant_pot(k), 126, 32, 0.36)
    )


def standing_desk(k: Ink) -> str:
    """A height-adjustable desk."""
    return (
        rect(26, 74, 188, 13, k.main, 4)
        + rect(26, 84, 188, 4, k.shade)
        + rect(64, 88, 14, 104, SOFT, 2)
        + rect(162, 88, 14, 104, SOFT, 2)
        + rect(67, 88, 8, 60, METAL)
        + rect(165, 88, 8, 60, METAL)
        + rect(42, 190, 58, 10, DARK, 5)
        + rect(140, 190, 58, 10, DARK, 5)
        + rect(64, 38, 62, 34, DARK, 4)
        + rect(69, 43, 52, 24, k.accent, 2)
        + line("M112 110 v30 M104 118 l8 -9 l8 9 M104 132 l8 9 l8 -9", k.accent, 4)
    )


def office_chair(k: Ink) -> str:
    """An office chair."""
    wheels = "".join(circle(x, 198, 7, DARK) for x in (70, 120, 170))
    return (
        rect(80, 42, 80, 82, k.main, 22)
        + rect(90, 54, 60, 56, k.tint, 14)
        + rect(114, 118, 12, 22, SOFT)
        + rect(66, 132, 108, 24, k.main, 12)
        + rect(66, 146, 108, 10, k.shade, 5)
        + line("M58 112 h-2 v28 h14 M182 112 h2 v28 h-14", SOFT, 7)
        + rect(114, 154, 12, 30, SOFT)
        + line("M70 190 L120 180 L170 190", SOFT, 8)
        + wheels
    )


def gaming_chair(k: Ink) -> str:
    """A racing-style chair."""
    wheels = "".join(circle(x, 199, 7, DARK) for x in (70, 120, 170))
    return (
        path("M86 36 H154 L166 64 L158 132 H82 L74 64 Z", DARK)
        + path("M96 36 H144 L138 132 H102 Z", k.accent)
        + rect(102, 46, 36, 15, DARK, 7)
        + rect(98, 108, 44, 16, DARK, 8)
        + rect(62, 132, 116, 24, DARK, 12)
        + rect(88, 132, 64, 24, k.accent, 6)
        + line("M56 108 v32 h14 M184 108 v32 h-14", SOFT, 8)
        + rect(114, 154, 12, 30, SOFT)
        + line("M70 191 L120 180 L170 191", SOFT, 8)
        + wheels
    )


def sofa(k: Ink) -> str:
    """A sofa."""
    seats = rect(60, 128, 58, 34, k.tint, 10) + rect(122, 128, 58, 34, k.tint, 10)
    return (
        rect(42, 182, 10, 18, WOOD, 3)
        + rect(188, 182, 10, 18, WOOD, 3)
        + rect(46, 86, 148, 74, k.main, 20)
        + line("M120 96 v40", k.shade, 3)
        + seats
        + rect(28, 118, 38, 70, k.shade, 16)
        + rect(174, 118, 38, 70, k.shade, 16)
        + rect(50, 160, 140, 28, k.main, 8)
        + turned(rect(70, 100, 36, 36, k.accent, 8), -10, 88, 118)
    )


def corner_sofa(k: Ink) -> str:
    """A corner sofa."""
    return (
        rect(22, 184, 9, 16, WOOD, 3)
        + rect(206, 184, 9, 16, WOOD, 3)
        + rect(24, 88, 190, 70, k.main, 18)
        + rect(18, 116, 32, 74, k.shade, 14)
        + rect(46, 130, 54, 30, k.tint, 9)
        + rect(102, 130, 54, 30, k.tint, 9)
        + rect(46, 158, 112, 30, k.main, 7)
        + rect(150, 132, 68, 56, k.shade, 14)
        + rect(150, 132, 68, 20, k.tint, 10)
        + turned(rect(54, 104, 32, 32, k.accent, 8), -12, 70, 120)
    )


def armchair(k: Ink) -> str:
    """An armchair."""
    return (
        line("M72 182 L64 202 M168 182 L176 202", WOOD, 9)
        + rect(66, 56, 108, 104, k.main, 34)
        + rect(80, 70, 80, 70, k.tint, 24)
        + rect(44, 108, 38, 80, k.shade, 18)
        + rect(158, 108, 38, 80, k.shade, 18)
        + rect(76, 138, 88, 28, k.main, 12)
        + rect(76, 160, 88, 28, k.shade, 8)
    )


def bookcase(k: Ink) -> str:
    """A bookcase with books."""
    hues = (k.accent, "#e07a5f", "#3d9a8b", "#e5a83b", "#4a6fa5", "#d0587e")

    def row(y: int, n: int) -> str:
        return "".join(
            rect(78 + 11 * i, y - 24 - (i * 5 + n) % 9, 9, 24 + (i * 5 + n) % 9, hues[(i + n) % 6], 1.5)
            for i in range(n)
        )

    shelves = "".join(rect(70, y, 100, 6, k.shade) for y in (80, 120, 160))
    return (
        rect(62, 36, 116, 166, k.main, 5)
        + rect(70, 44, 100, 152, mix(k.main, "#ffffff", 0.55), 2)
        + row(80, 5)
        + row(120, 7)
        + row(160, 4)
        + shelves
        + circle(150, 70, 9, PAPER)
        + rect(138, 140, 24, 20, k.accent, 5)
        + path("M134 120", "none")
        + rect(70, 190, 100, 6, k.shade)
    )


def sideboard(k: Ink) -> str:
    """A sideboard with a vase."""
    return (
        line("M54 176 L48 202 M186 176 L192 202", k.deep, 8)
        + rect(28, 104, 184, 76, k.main, 7)
        + rect(36, 112, 54, 60, k.tint, 4)
        + rect(94, 112, 54, 60, k.tint, 4)
        + rect(152, 112, 52, 60, k.tint, 4)
        + "".join(circle(x, 142, 4, k.deep) for x in (82, 102, 196))
        + moved(vase(k), 110, 20, 0.43)
    )


def bedside(k: Ink) -> str:
    """A bedside table."""
    return (
        line("M78 178 L72 202 M162 178 L168 202", k.deep, 8)
        + rect(66, 96, 108, 86, k.main, 7)
        + rect(74, 106, 92, 32, k.tint, 4)
        + rect(74, 142, 92, 32, k.tint, 4)
        + rect(108, 119, 24, 6, k.deep, 3)
        + rect(108, 155, 24, 6, k.deep, 3)
        + rect(84, 82, 44, 7, "#e07a5f", 2)
        + rect(88, 89, 40, 7, "#4a6fa5", 2)
        + path("M140 96 l5 -14 h14 l5 14 z", PAPER)
    )


def chest(k: Ink) -> str:
    """A chest of drawers."""
    drawers = "".join(
        rect(56, 70 + 40 * i, 128, 34, k.tint, 4)
        + rect(88, 84 + 40 * i, 14, 6, k.deep, 3)
        + rect(138, 84 + 40 * i, 14, 6, k.deep, 3)
        for i in range(3)
    )
    return (
        rect(58, 188, 12, 14, k.deep, 2)
        + rect(170, 188, 12, 14, k.deep, 2)
        + rect(46, 58, 148, 134, k.main, 7)
        + drawers
    )


def dining_table(k: Ink) -> str:
    """A table with a bowl of fruit."""
    return (
        line("M52 112 L42 200 M188 112 L198 200", k.shade, 11)
        + rect(24, 98, 192, 16, k.main, 7)
        + rect(24, 108, 192, 6, k.shade, 3)
        + circle(108, 80, 10, "#e07a5f")
        + circle(128, 78, 11, "#e5a83b")
        + circle(118, 72, 9, LEAF)
        + path("M88 82 h64 c-4 14 -14 16 -32 16 s-28 -2 -32 -16 z", PAPER)
    )


def dining_chair(k: Ink) -> str:
    """A wooden chair."""
    slats = "".join(rect(92 + 21 * i, 52, 8, 76, k.tint, 3) for i in range(4))
    return (
        rect(76, 40, 96, 16, k.main, 7)
        + slats
        + line("M80 48 L84 134 M168 48 L164 134", k.main, 10)
        + rect(70, 130, 108, 18, k.main, 7)
        + rect(70, 142, 108, 6, k.shade, 3)
        + line("M80 148 L74 200 M168 148 L174 200 M96 148 L96 184 M152 148 L152 184", k.shade, 9)
    )


def coffee_table(k: Ink) -> str:
    """A low table."""
    return (
        line("M66 148 L50 200 M174 148 L190 200 M120 150 V188", k.shade, 9)
        + oval(120, 142, 94, 20, k.main)
        + oval(120, 138, 94, 18, k.tint)
        + rect(86, 124, 52, 8, "#4a6fa5", 2)
        + rect(90, 116, 46, 8, "#e07a5f", 2)
        + rect(150, 112, 20, 20, PAPER, 4)
        + line("M170 116 c10 0 10 12 0 12", PAPER, 4)
    )


def bed(k: Ink) -> str:
    """A bed frame with bedding."""
    return (
        rect(34, 70, 172, 100, k.main, 12)
        + rect(46, 82, 148, 60, k.tint, 6)
        + rect(52, 108, 62, 34, PAPER, 12)
        + rect(126, 108, 62, 34, PAPER, 12)
        + path("M34 138 H206 V184 H34 Z", mix(k.accent, "#ffffff", 0.45))
        + path("M34 138 H206 V154 Q120 164 34 154 Z", mix(k.accent, "#ffffff", 0.7))
        + rect(28, 172, 184, 18, k.shade, 5)
        + rect(36, 188, 12, 14, k.deep, 2)
        + rect(192, 188, 12, 14, k.deep, 2)
    )
