"""Drawings of what stands in a bathroom, and of the box for what nobody looks at in a window."""

from __future__ import annotations

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
    oval,
    path,
    rect,
    turned,
)


def perfume(k: Ink) -> str:
    """A bottle of perfume."""
    return (
        rect(98, 36, 44, 34, "#d9ab4c", 5)
        + rect(110, 68, 20, 16, METAL)
        + path(
            "M70 96 a14 14 0 0 1 14 -14 h72 a14 14 0 0 1 14 14 V184 a16 16 0 0 1 -16 16 H86 a16 16 0 0 1 -16 -16 Z",
            k.tint,
        )
        + path("M78 126 H162 V182 a12 12 0 0 1 -12 12 H90 a12 12 0 0 1 -12 -12 Z", k.accent)
        + rect(96, 136, 48, 34, PAPER, 3)
        + line("M106 148 h28 M112 158 h16", "#d9ab4c", 3)
        + line("M82 98 V184", "#ffffff", 5)
        + "".join(circle(156 + 14 * (i % 3), 42 + 11 * (i // 3), 2.5, mix(k.accent, "#ffffff", 0.3)) for i in range(6))
    )


def pump_bottle(k: Ink) -> str:
    """A bottle with a pump."""
    return (
        line("M120 66 V46 H92", SOFT, 9)
        + rect(100, 60, 40, 20, SOFT, 5)
        + path(
            "M96 80 H144 C162 90 164 100 164 114 V184 a16 16 0 0 1 -16 16 H92 a16 16 0 0 1 -16 "
            "-16 V114 C76 100 78 90 96 80 Z",
            k.main,
        )
        + rect(86, 106, 11, 78, k.tint, 5)
        + rect(100, 112, 52, 66, PAPER, 5)
        + path("M126 156 C110 148 114 130 126 124 C138 130 142 148 126 156 Z", LEAF)
        + rect(112, 164, 28, 5, METAL, 2)
    )


def tube(k: Ink) -> str:
    """A tube of cream."""
    return (
        path("M80 38 H160 L152 160 H88 Z", k.main)
        + rect(78, 34, 84, 13, k.shade, 3)
        + path("M90 50 h14 l-2 104 h-8 z", k.tint)
        + rect(98, 160, 44, 40, PAPER, 6)
        + "".join(line(f"M{106 + 10 * i} 168 v26", METAL, 2.5) for i in range(4))
        + circle(124, 98, 19, PAPER)
        + path("M124 110 C114 104 116 92 124 88 C132 92 134 104 124 110 Z", LEAF)
    )


def cream_jar(k: Ink) -> str:
    """A jar of cream."""
    return (
        path("M44 118 H196 V176 a24 24 0 0 1 -24 24 H68 a24 24 0 0 1 -24 -24 Z", k.main)
        + rect(54, 126, 12, 58, k.tint, 6)
        + rect(38, 88, 164, 34, k.accent, 9)
        + rect(38, 88, 164, 10, mix(k.accent, "#ffffff", 0.35), 5)
        + rect(84, 138, 76, 42, PAPER, 6)
        + path("M122 172 C108 164 112 150 122 146 C132 150 136 164 122 172 Z", LEAF)
        + path("M92 88 C96 62 118 74 122 56 C136 66 150 70 148 88 Z", PAPER)
    )


def soap(k: Ink) -> str:
    """A shampoo bar."""
    return (
        rect(38, 160, 164, 32, WOOD, 12)
        + line("M60 176 h120", mix(WOOD, DARK, 0.25), 4)
        + rect(56, 104, 128, 62, k.main, 28)
        + rect(70, 112, 70, 12, k.tint, 6)
        + circle(76, 82, 12, "#dcebf0")
        + circle(104, 64, 17, "#dcebf0")
        + circle(140, 84, 11, "#dcebf0")
        + circle(166, 66, 7, "#dcebf0")
        + path("M120 152 C106 146 108 132 120 126 C132 132 134 146 120 152 Z", k.deep)
    )


def lipstick(k: Ink) -> str:
    """A lipstick."""
    return (
        path("M98 94 V62 L138 40 V94 Z", k.main)
        + path("M98 94 V62 L112 54 V94 Z", k.tint)
        + rect(92, 92, 52, 34, "#d9ab4c", 3)
        + rect(84, 122, 68, 78, DARK, 7)
        + rect(90, 128, 11, 64, SOFT, 5)
        + rect(164, 128, 44, 72, DARK, 7)
        + rect(164, 128, 44, 10, "#d9ab4c", 4)
    )


def mascara(k: Ink) -> str:
    """A mascara."""
    bristles = "".join(line(f"M84 {62 + 8 * i} h20", DARK, 3) for i in range(8))
    return (
        turned(rect(91, 54, 6, 84, DARK, 3) + bristles + rect(82, 132, 24, 70, k.accent, 7), -12, 94, 130)
        + rect(134, 70, 30, 130, k.main, 9)
        + rect(134, 70, 30, 44, k.accent, 9)
        + rect(139, 122, 6, 68, SOFT, 3)
    )


def palette(k: Ink) -> str:
    """A palette with its mirror."""
    hues = (k.main, k.tint, k.shade, "#e3bfa5", "#9a4a4f", "#d9ab4c")
    pans = "".join(rect(58 + 43 * (i % 3), 138 + 29 * (i // 3), 37, 23, hues[(i + k.variant) % 6], 5) for i in range(6))
    return (
        rect(46, 42, 148, 84, DARK, 10)
        + rect(56, 51, 128, 66, "#cfe3ea", 6)
        + path("M70 104 L104 58 H122 L84 110 Z", "#ffffff", 'opacity=".6"')
        + rect(46, 126, 148, 74, DARK, 10)
        + pans
    )


def vitamins(k: Ink) -> str:
    """A bottle of tablets."""
    return (
        rect(78, 42, 84, 32, PAPER, 6)
        + "".join(line(f"M{88 + 11 * i} 48 v20", METAL, 2.5) for i in range(7))
        + rect(66, 72, 108, 128, "#c98a3c", 16)
        + rect(66, 96, 108, 76, PAPER)
        + circle(120, 132, 24, k.accent)
        + line("M120 120 v24 M108 132 h24", PAPER, 7)
        + oval(188, 192, 14, 8, "#e5a83b")
        + oval(206, 178, 14, 8, "#e07a5f")
    )


def first_aid(k: Ink) -> str:
    """A first-aid kit."""
    return (
        line("M92 76 V58 h56 v18", SOFT, 9)
        + rect(36, 74, 168, 122, "#d2453d", 16)
        + rect(36, 128, 168, 8, mix("#d2453d", DARK, 0.2))
        + circle(120, 132, 38, PAPER)
        + rect(111, 110, 18, 44, "#d2453d", 3)
        + rect(98, 123, 44, 18, "#d2453d", 3)
    )


def thermometer(k: Ink) -> str:
    """A digital thermometer."""
    return turned(
        rect(98, 32, 44, 118, PAPER, 20)
        + rect(106, 54, 28, 42, "#cfe0c8", 5)
        + line("M112 66 h16 M112 76 h16 M112 86 h10", DARK, 3)
        + circle(120, 118, 9, k.accent)
        + path("M108 148 H132 L124 200 a4 4 0 0 1 -8 0 Z", METAL),
        32,
    )


def plasters(k: Ink) -> str:
    """Plasters."""
    one = (
        rect(46, 100, 148, 42, "#e3bfa5", 21)
        + rect(94, 100, 52, 42, "#f0d5bf")
        + "".join(circle(66 + 12 * (i % 2), 114 + 12 * (i // 2), 2.4, "#c99d80") for i in range(4))
        + "".join(circle(162 + 12 * (i % 2), 114 + 12 * (i // 2), 2.4, "#c99d80") for i in range(4))
    )
    return turned(one, 45) + turned(one, -45)


def hot_water_bottle(k: Ink) -> str:
    """A hot water bottle."""
    return (
        rect(100, 34, 40, 20, SOFT, 5)
        + rect(106, 50, 28, 22, k.deep)
        + path("M70 92 C70 70 170 70 170 92 L178 180 a20 20 0 0 1 -20 20 H82 a20 20 0 0 1 -20 -20 Z", k.accent)
        + "".join(line(f"M84 {104 + 18 * i} h72", mix(k.accent, DARK, 0.15), 5) for i in range(5))
        + path("M120 128 c-10 -16 -32 2 0 24 c32 -22 10 -40 0 -24 z", PAPER)
    )


def carton(k: Ink) -> str:
    """A plain box, for what nobody looks at in a window."""
    return (
        path("M52 84 L120 56 L188 84 V172 L120 202 L52 172 Z", k.main)
        + path("M52 84 L120 112 L188 84 L120 56 Z", k.tint)
        + path("M120 112 V202 L52 172 V84 Z", k.shade)
        + path("M84 70 L152 98 V122 L140 116 V104 L72 76 Z", PAPER, 'opacity=".75"')
    )
