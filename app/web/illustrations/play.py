"""Drawings of toys and of what babies need."""

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
    mirrored,
    mix,
    oval,
    path,
    rect,
    ring,
    turned,
)


def board_game(k: Ink) -> str:
    """A box with a board, pawns and a die."""
    cells = "".join(
        rect(72 + 24 * i, 60 + 24 * j, 24, 24, k.main if (i + j) % 2 else k.pale) for i in range(4) for j in range(4)
    )

    def pawn(x: int, y: int, colour: str) -> str:
        return (
            path(f"M{x - 14} {y} l8 -34 h12 l8 34 z", colour)
            + circle(x, y - 40, 11, colour)
            + rect(x - 17, y - 5, 34, 10, mix(colour, DARK, 0.25), 4)
        )

    return (
        turned(rect(64, 52, 112, 112, WOOD, 8) + cells, -8)
        + pawn(76, 192, "#d2453d")
        + pawn(118, 198, "#3f7fc4")
        + turned(
            rect(146, 154, 42, 42, PAPER, 9)
            + circle(157, 165, 4, DARK)
            + circle(167, 175, 4, DARK)
            + circle(177, 185, 4, DARK),
            12,
            167,
            175,
        )
    )


def bricks(k: Ink) -> str:
    """Building bricks."""

    def brick(x: int, y: int, n: int, colour: str) -> str:
        studs = "".join(rect(x + 9 + 26 * i, y - 9, 16, 10, mix(colour, "#ffffff", 0.2), 3) for i in range(n))
        return (
            studs + rect(x, y, 26 * n + 8, 34, colour, 4) + rect(x, y + 26, 26 * n + 8, 8, mix(colour, DARK, 0.18), 4)
        )

    return (
        brick(38, 166, 3, "#d2453d")
        + brick(126, 166, 3, "#3f7fc4")
        + brick(68, 124, 4, "#f2c94c")
        + brick(96, 82, 2, k.accent)
        + turned(brick(104, 36, 1, "#4f9a69"), 10, 120, 50)
    )


def kit(k: Ink) -> str:
    """A science or craft kit."""
    return (
        path("M100 48 H140 V84 L186 178 a14 14 0 0 1 -13 22 H67 a14 14 0 0 1 -13 -22 L100 84 Z", "#dcebf0")
        + path("M82 124 H158 L186 178 a14 14 0 0 1 -13 22 H67 a14 14 0 0 1 -13 -22 Z", k.accent)
        + rect(94, 40, 52, 12, SOFT, 6)
        + circle(98, 160, 9, PAPER, 'opacity=".7"')
        + circle(130, 178, 12, PAPER, 'opacity=".5"')
        + circle(138, 146, 6, PAPER, 'opacity=".8"')
        + path("M186 54 l5 13 l13 5 l-13 5 l-5 13 l-5 -13 l-13 -5 l13 -5 z", "#f2c94c")
        + line("M104 90 L80 140", PAPER, 5)
    )


def puzzle(k: Ink) -> str:
    """A puzzle with a piece out of place."""
    hues = (k.main, k.tint, k.accent, k.shade)
    cells = "".join(
        rect(44 + 44 * i, 72 + 42 * j, 44, 42, hues[(i * 2 + j + k.variant) % 4])
        for i in range(3)
        for j in range(3)
        if (i, j) != (2, 0)
    )
    knobs = "".join(
        circle(88 + 44 * i, 93 + 42 * j, 8, hues[(i * 2 + j + k.variant) % 4])
        for i in range(2)
        for j in range(3)
        if (i, j) != (1, 0)
    ) + "".join(
        circle(66 + 44 * i, 114 + 42 * j, 8, hues[(i * 2 + j + k.variant) % 4])
        for i in range(3)
        for j in range(2)
        if (i, j) != (2, 0)
    )
    return (
        cells
        + knobs
        + turned(
            rect(146, 38, 44, 42, "#f2c94c")
            + circle(168, 82, 8, "#f2c94c")
            + circle(146, 60, 8, mix("#f2c94c", DARK, 0.12)),
            18,
            168,
            58,
        )
    )


def plush(k: Ink) -> str:
    """A plush animal."""
    fur = k.main
    ears = (
        mirrored(
            oval(92, 54, 13, 34, fur, 'transform="rotate(-8 92 54)"')
            + oval(92, 56, 6, 24, "#f0b8b0", 'transform="rotate(-8 92 56)"')
        )
        if "rabbit" in k.label.casefold()
        else mirrored(circle(82, 62, 18, fur) + circle(82, 62, 10, k.tint))
    )
    return (
        ears
        + mirrored(oval(78, 150, 16, 28, k.shade, 'transform="rotate(24 78 150)"') + oval(92, 190, 21, 14, k.shade))
        + oval(120, 158, 44, 44, fur)
        + oval(120, 164, 27, 28, k.tint)
        + circle(120, 94, 42, fur)
        + oval(120, 108, 19, 14, k.tint)
        + circle(104, 90, 4.5, DARK)
        + circle(136, 90, 4.5, DARK)
        + oval(120, 102, 6, 4.5, DARK)
        + line("M120 106 v6 M112 114 q8 6 16 0", DARK, 2.5)
    )


def train(k: Ink) -> str:
    """A wooden train."""
    wheels = "".join(circle(x, 184, 16, "#e07a5f") + circle(x, 184, 5, PAPER) for x in (58, 100, 164, 198))
    return (
        line("M24 200 H220", WOOD, 5)
        + rect(132, 126, 84, 52, "#3f7fc4", 7)
        + rect(36, 116, 84, 62, k.main, 8)
        + rect(36, 72, 46, 56, "#d2453d", 6)
        + rect(46, 84, 26, 24, PAPER, 4)
        + rect(98, 84, 14, 34, DARK, 4)
        + rect(30, 64, 58, 12, DARK, 5)
        + line("M118 160 h16", DARK, 6)
        + circle(152, 118, 13, "#f2c94c")
        + circle(178, 116, 14, LEAF)
        + circle(200, 120, 11, "#e5a83b")
        + wheels
    )


def stacking_tower(k: Ink) -> str:
    """A stacking tower."""
    hues = ("#d2453d", "#ee8a3a", "#f2c94c", "#4f9a69", "#3f7fc4")
    return (
        rect(114, 46, 12, 150, k.main, 6)
        + "".join(rect(46 + 13 * i, 168 - 28 * i, 148 - 26 * i, 26, hues[4 - i], 13) for i in range(5))
        + circle(120, 44, 14, k.main)
    )


def marble_run(k: Ink) -> str:
    """A marble run."""
    return (
        rect(40, 44, 13, 156, k.main, 3)
        + rect(188, 44, 13, 156, k.shade, 3)
        + line("M46 70 L188 98", WOOD, 13)
        + line("M194 116 L54 144", WOOD, 13)
        + line("M46 162 L190 188", WOOD, 13)
        + circle(84, 62, 11, "#3f7fc4")
        + circle(140, 112, 11, "#d2453d")
        + circle(120, 161, 11, "#f2c94c")
    )


def balance_bike(k: Ink) -> str:
    """A balance bike."""
    return (
        ring(64, 158, 36, DARK, 10)
        + ring(178, 158, 36, DARK, 10)
        + circle(64, 158, 7, METAL)
        + circle(178, 158, 7, METAL)
        + line("M64 158 L96 112 L164 118 L178 158 M96 112 L132 158 L164 118", k.accent, 10)
        + line("M164 118 L154 70 M138 66 L172 62", SOFT, 8)
        + rect(72, 96, 46, 15, DARK, 7)
        + line("M138 66 h-8 M172 62 h8", "#e07a5f", 10)
    )


def play_kitchen(k: Ink) -> str:
    """A play kitchen."""
    return (
        rect(46, 40, 148, 60, k.tint, 8)
        + rect(62, 54, 46, 34, "#cfe3ea", 4)
        + line("M124 60 v22 M140 60 v16 M156 60 v22", SOFT, 5)
        + rect(40, 98, 160, 102, k.main, 8)
        + rect(40, 98, 160, 12, PAPER, 5)
        + rect(54, 126, 66, 62, SOFT, 6)
        + rect(62, 138, 50, 38, "#ffd98a", 4)
        + rect(132, 126, 56, 62, k.tint, 6)
        + circle(66, 118, 5, "#d2453d")
        + circle(84, 118, 5, "#f2c94c")
        + circle(102, 118, 5, LEAF)
        + circle(176, 158, 4, k.deep)
        + oval(88, 97, 22, 5, DARK)
    )


def baby_bottle(k: Ink) -> str:
    """A baby's bottle."""
    return (
        path("M110 62 c-4 -14 4 -16 4 -26 a6 6 0 0 1 12 0 c0 10 8 12 4 26 z", "#e3bfa5")
        + rect(88, 62, 64, 24, k.main, 7)
        + path(
            "M88 86 H152 C164 96 166 104 166 116 V184 a16 16 0 0 1 -16 16 H90 a16 16 0 0 1 -16 "
            "-16 V116 C74 104 76 96 88 86 Z",
            "#dcebf0",
        )
        + path("M74 130 H166 V184 a16 16 0 0 1 -16 16 H90 a16 16 0 0 1 -16 -16 Z", PAPER)
        + line("M146 118 h14 M152 136 h8 M146 154 h14 M152 172 h8", SOFT, 3)
        + circle(106, 158, 13, k.tint)
    )


def bib(k: Ink) -> str:
    """A bib."""
    return (
        path(
            "M76 44 C50 60 46 100 60 130 C54 190 92 204 120 204 S186 190 180 130 C194 100 190 60 "
            "164 44 C176 70 160 104 120 104 S64 70 76 44 Z",
            k.main,
        )
        + path("M70 136 C66 176 96 192 120 192 S174 176 170 136 C150 150 90 150 70 136 Z", k.tint)
        + circle(104, 160, 4, DARK)
        + circle(136, 160, 4, DARK)
        + line("M110 172 q10 8 20 0", DARK, 3)
    )


def baby_carrier(k: Ink) -> str:
    """A baby carrier."""
    return (
        line("M78 56 C40 70 44 130 70 142 M162 56 C200 70 196 130 170 142", k.deep, 13)
        + path("M76 58 C90 44 150 44 164 58 L174 140 C160 186 80 186 66 140 Z", k.main)
        + rect(40, 138, 160, 24, k.shade, 12)
        + rect(98, 142, 44, 16, k.deep, 5)
        + rect(92, 84, 56, 40, k.tint, 9)
    )


def baby_monitor(k: Ink) -> str:
    """A baby monitor."""
    return (
        line("M156 64 V34", SOFT, 7)
        + rect(64, 58, 112, 142, PAPER, 34)
        + rect(64, 58, 112, 142, "none", 34, f'stroke="{k.main}" stroke-width="7"')
        + rect(84, 80, 72, 56, mix(k.main, "#ffffff", 0.35), 10)
        + circle(120, 104, 13, "#f0cfae")
        + path("M98 136 c2 -20 42 -20 44 0 z", k.shade)
        + "".join(circle(96 + 16 * i, 158, 4, SOFT) for i in range(4))
        + "".join(circle(96 + 16 * i, 174, 4, SOFT) for i in range(4))
    )


def high_chair(k: Ink) -> str:
    """A high chair."""
    return (
        line("M84 118 L62 200 M156 118 L178 200 M72 172 H168", WOOD, 9)
        + rect(82, 42, 76, 76, k.main, 18)
        + rect(94, 54, 52, 52, k.tint, 12)
        + rect(78, 112, 84, 16, k.shade, 7)
        + rect(54, 92, 132, 14, PAPER, 7)
        + line("M82 100 v22 M158 100 v22", SOFT, 6)
    )


def car_seat(k: Ink) -> str:
    """A child's car seat."""
    return (
        path("M70 58 C78 34 162 34 170 58 L178 132 C200 140 200 180 186 196 H54 C40 180 40 140 62 132 Z", k.main)
        + path("M90 66 C96 50 144 50 150 66 L154 142 C160 156 156 176 150 182 H90 C84 176 80 156 86 142 Z", k.tint)
        + line("M102 64 L116 142 M138 64 L124 142 M120 142 V180", DARK, 8)
        + rect(108, 134, 24, 20, "#d2453d", 5)
    )


def pushchair(k: Ink) -> str:
    """A pushchair."""
    return (
        line("M196 56 L176 70 L132 150 M84 182 L120 142 L168 182", SOFT, 8)
        + path("M44 118 C44 74 82 50 120 52 V118 Z", k.shade)
        + path("M44 118 H164 C164 148 140 160 108 160 S46 150 44 118 Z", k.main)
        + line("M120 52 L84 118 M120 52 L56 92", k.deep, 4)
        + circle(80, 184, 17, DARK)
        + circle(80, 184, 7, METAL)
        + circle(168, 184, 17, DARK)
        + circle(168, 184, 7, METAL)
    )


def nappies(k: Ink) -> str:
    """A pack of nappies or wipes."""
    return (
        line("M92 70 C92 38 148 38 148 70", k.accent, 9)
        + rect(40, 66, 160, 134, k.accent, 18)
        + rect(40, 66, 160, 26, mix(k.accent, "#ffffff", 0.35), 13)
        + circle(120, 142, 42, PAPER)
        + path(
            "M88 126 H152 V138 C138 140 134 152 132 166 H108 C106 152 102 140 88 138 Z", mix(k.accent, "#ffffff", 0.7)
        )
        + path("M120 128 c-6 -8 -16 2 0 12 c16 -10 6 -20 0 -12 z", "#e07a5f")
    )
