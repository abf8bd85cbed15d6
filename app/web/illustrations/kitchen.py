"""Drawings of what stands in a kitchen: machines, pots, knives, tableware."""

from __future__ import annotations

from app.web.illustrations.ink import DARK, LEAF, METAL, PAPER, WOOD, Ink, circle, line, mix, oval, path, rect, turned


def kettle(k: Ink) -> str:
    """A kettle."""
    return (
        line("M168 84 C214 84 208 168 172 172", DARK, 12)
        + path("M76 100 L42 86 L52 78 L84 84 Z", k.shade)
        + path("M88 70 H152 C164 70 176 176 176 186 H64 C64 176 76 70 88 70 Z", k.main)
        + path("M88 70 H104 C96 90 84 150 84 186 H64 C64 176 76 70 88 70 Z", k.tint)
        + rect(84, 58, 72, 16, k.shade, 8)
        + rect(110, 46, 20, 14, DARK, 6)
        + rect(56, 184, 128, 16, DARK, 8)
    )


def toaster(k: Ink) -> str:
    """A toaster with toast."""
    toast = path("M74 70 c-8 -18 10 -26 22 -26 s30 8 22 26 v42 h-44 z", "#d9a05b") + path(
        "M80 72 c-6 -14 8 -20 16 -20 s22 6 16 20 v40 h-32 z", "#f0cd92"
    )
    return (
        toast
        + f'<g transform="translate(50 6)">{toast}</g>'
        + rect(36, 98, 168, 94, k.main, 24)
        + rect(36, 98, 24, 94, k.tint, 12)
        + rect(64, 92, 112, 12, k.deep, 6)
        + rect(196, 120, 16, 12, DARK, 4)
        + circle(168, 160, 12, k.deep)
        + circle(168, 160, 5, k.tint)
        + rect(52, 188, 24, 12, DARK, 4)
        + rect(164, 188, 24, 12, DARK, 4)
    )


def stick_blender(k: Ink) -> str:
    """A stick blender beside its beaker."""
    return (
        path("M128 96 H196 L188 200 H136 Z", "#dcebf0")
        + path("M132 140 H192 L188 200 H136 Z", k.accent)
        + rect(76, 38, 34, 84, k.main, 16)
        + rect(80, 44, 9, 64, k.tint, 4.5)
        + rect(86, 118, 14, 56, METAL, 4)
        + path("M70 174 h46 l6 22 c-16 8 -42 8 -58 0 z", METAL)
        + circle(93, 66, 5, k.deep)
    )


def stand_mixer(k: Ink) -> str:
    """A stand mixer with its bowl."""
    return (
        path("M60 84 a30 30 0 0 1 30 -30 h94 a22 22 0 0 1 0 46 H118 V106 H60 Z", k.main)
        + rect(60, 96, 50, 88, k.main, 8)
        + rect(66, 100, 12, 76, k.tint, 6)
        + circle(184, 77, 9, k.deep)
        + rect(150, 98, 10, 26, METAL)
        + path("M108 116 H202 C202 158 186 172 174 176 H136 C122 172 108 158 108 116 Z", METAL)
        + path("M116 122 h12 c0 24 6 38 14 46 h-8 c-10 -6 -18 -20 -18 -46 z", PAPER)
        + path("M52 180 H192 a10 10 0 0 1 0 20 H62 a10 10 0 0 1 -10 -10 Z", k.shade)
    )


def food_processor(k: Ink) -> str:
    """A food processor."""
    return (
        rect(104, 38, 32, 30, "#dcebf0", 5)
        + rect(66, 62, 108, 14, k.deep, 5)
        + path("M70 76 H170 L160 148 H80 Z", "#dcebf0")
        + circle(100, 126, 10, "#e07a5f")
        + circle(122, 132, 10, LEAF)
        + circle(142, 124, 10, "#e5a83b")
        + line("M170 88 C196 88 192 130 164 132", "#c3d8df", 8)
        + path("M72 148 H168 L180 200 H60 Z", k.main)
        + circle(120, 174, 13, k.deep)
        + circle(120, 174, 6, k.tint)
    )


def air_fryer(k: Ink) -> str:
    """An air fryer."""
    return (
        path("M62 96 C62 30 178 30 178 96 V186 a14 14 0 0 1 -14 14 H76 a14 14 0 0 1 -14 -14 Z", k.main)
        + path("M70 100 C70 54 92 48 104 46 C84 58 82 80 82 104 Z", k.tint)
        + rect(84, 66, 72, 28, DARK, 10)
        + line("M96 80 h16 M122 80 h22", k.accent, 5)
        + rect(62, 112, 116, 6, k.deep)
        + rect(98, 132, 44, 40, k.shade, 8)
        + rect(104, 140, 32, 50, DARK, 10)
    )


def espresso_machine(k: Ink) -> str:
    """An espresso machine at work."""
    return (
        rect(48, 44, 144, 52, k.main, 12)
        + rect(48, 44, 144, 14, k.tint, 7)
        + rect(56, 92, 128, 80, mix(k.main, DARK, 0.55))
        + rect(44, 168, 152, 32, k.main, 10)
        + rect(72, 168, 96, 7, DARK, 3)
        + circle(74, 76, 8, PAPER)
        + line("M74 76 l4 -5", "#d2453d", 2)
        + circle(166, 76, 7, k.deep)
        + rect(98, 92, 44, 16, METAL, 4)
        + rect(138, 98, 46, 9, DARK, 4)
        + line("M112 108 v26 M128 108 v26", "#80563b", 4)
        + path("M98 134 H142 L136 166 H104 Z", PAPER)
        + line("M140 142 c12 0 10 16 -2 16", PAPER, 4)
    )


def filter_machine(k: Ink) -> str:
    """A filter coffee machine."""
    return (
        rect(60, 42, 120, 42, k.main, 10)
        + rect(60, 42, 40, 158, k.main, 10)
        + rect(66, 50, 9, 130, k.tint, 4.5)
        + path("M112 84 H172 L162 106 H122 Z", k.shade)
        + rect(54, 180, 134, 20, k.shade, 8)
        + path("M114 116 H170 C182 140 178 178 166 180 H118 C106 178 102 140 114 116 Z", "#dcebf0")
        + path("M106 146 H178 C176 166 172 179 166 180 H118 C112 179 108 166 106 146 Z", "#6b452c")
        + line("M176 126 C198 128 194 164 178 166", DARK, 7)
        + rect(112, 110, 60, 9, DARK, 4)
    )


def grinder(k: Ink) -> str:
    """A coffee grinder."""
    beans = "".join(
        oval(
            98 + (17 * i) % 46,
            74 + (11 * i) % 22,
            7,
            5,
            "#6b452c",
            f'transform="rotate({40 * i} {98 + (17 * i) % 46} {74 + (11 * i) % 22})"',
        )
        for i in range(9)
    )
    return (
        path("M82 52 H158 L146 106 H94 Z", "#dcebf0")
        + beans
        + rect(78, 42, 84, 12, DARK, 5)
        + rect(84, 104, 72, 96, k.main, 10)
        + rect(90, 110, 10, 80, k.tint, 5)
        + circle(124, 132, 11, k.deep)
        + rect(100, 156, 46, 30, mix(k.main, DARK, 0.55), 5)
        + rect(116, 166, 14, 6, PAPER, 3)
    )


def pour_over(k: Ink) -> str:
    """A pour-over set."""
    return (
        path("M78 46 H162 L130 104 H110 Z", k.main)
        + path("M86 52 H154 L136 82 H104 Z", "#6b452c")
        + rect(96, 100, 48, 9, k.shade, 4)
        + path("M104 112 H136 C172 140 176 190 160 200 H80 C64 190 68 140 104 112 Z", "#dcebf0")
        + path("M74 162 C76 184 76 196 82 200 H158 C164 196 164 184 166 162 Z", "#7b5030")
        + rect(102, 108, 36, 16, WOOD, 5)
    )


def cafetiere(k: Ink) -> str:
    """A French press."""
    return (
        rect(116, 32, 8, 44, METAL)
        + circle(120, 34, 9, DARK)
        + path("M84 80 H156 V192 H84 Z", "#dcebf0")
        + rect(84, 124, 72, 68, "#6b452c")
        + rect(88, 118, 64, 8, METAL, 3)
        + rect(78, 70, 84, 14, k.main, 6)
        + rect(78, 186, 84, 14, k.main, 6)
        + line("M84 84 V188 M156 84 V188", METAL, 6)
        + line("M160 92 C198 92 198 166 160 170", DARK, 9)
    )


def pan(k: Ink) -> str:
    """A frying pan seen from above."""
    return (
        turned(rect(164, 110, 74, 18, DARK, 9) + circle(228, 119, 4, PAPER), 24, 120, 120)
        + circle(104, 116, 76, k.shade)
        + circle(104, 116, 68, mix(k.main, DARK, 0.4))
        + circle(104, 116, 58, mix(k.main, DARK, 0.52))
        + path("M84 96 c18 -18 52 -8 52 18 c0 24 -26 34 -44 24 c-20 -8 -22 -28 -8 -42 z", PAPER)
        + circle(108, 114, 15, "#f2b53c")
        + circle(103, 109, 4, "#ffe3a3")
    )


def pot(k: Ink) -> str:
    """A pot with its lid."""
    return (
        line("M48 128 h-14 v22 h14 M192 128 h14 v22 h-14", k.deep, 9)
        + path("M46 108 H194 V170 a30 30 0 0 1 -30 30 H76 a30 30 0 0 1 -30 -30 Z", k.main)
        + rect(56, 114, 12, 66, k.tint, 6)
        + path("M46 108 C54 72 186 72 194 108 Z", k.shade)
        + rect(40, 102, 160, 12, k.deep, 6)
        + rect(104, 64, 32, 14, DARK, 7)
    )


def saucepan(k: Ink) -> str:
    """A saucepan."""
    return (
        rect(154, 124, 74, 15, DARK, 7)
        + path("M32 110 H164 V174 a24 24 0 0 1 -24 24 H56 a24 24 0 0 1 -24 -24 Z", k.main)
        + rect(42, 118, 11, 62, k.tint, 5)
        + oval(98, 110, 66, 14, k.deep)
        + oval(98, 109, 54, 9, "#f0cd92")
        + line("M76 84 c-6 -10 6 -14 0 -26 M102 84 c-6 -10 6 -14 0 -26 M126 84 c-6 -10 6 -14 0 -26", METAL, 5)
    )


def knife(k: Ink) -> str:
    """A kitchen knife on a board."""
    board = turned(
        rect(30, 66, 180, 124, WOOD, 16) + line("M46 98 h150 M46 128 h150 M46 158 h150", mix(WOOD, DARK, 0.1), 3), -8
    )
    blade = path("M40 112 C84 96 128 96 146 100 V130 C104 134 68 128 40 112 Z", mix(k.main, "#ffffff", 0.25)) + path(
        "M40 112 C68 128 104 134 146 130 V124 C104 126 70 122 40 112 Z", "#ffffff", 'opacity=".7"'
    )
    return board + turned(
        blade
        + rect(144, 98, 66, 24, DARK, 10)
        + circle(162, 110, 3, METAL)
        + circle(180, 110, 3, METAL)
        + circle(197, 110, 3, METAL),
        -18,
    )


def board(k: Ink) -> str:
    """A chopping board with tomatoes."""
    return (
        turned(
            rect(42, 74, 146, 126, k.main, 18)
            + rect(100, 40, 30, 44, k.main, 12)
            + circle(115, 54, 6, PAPER)
            + "".join(line(f"M{60 + 22 * i} 92 V184", k.shade, 3) for i in range(6)),
            6,
        )
        + circle(96, 146, 24, "#d2453d")
        + circle(88, 138, 7, "#f08069")
        + path("M90 124 l6 -8 l6 8 z", LEAF)
        + circle(144, 158, 18, "#d2453d")
        + path("M138 142 l6 -7 l6 7 z", LEAF)
    )


def baking_tin(k: Ink) -> str:
    """A tin with a loaf."""
    return (
        path("M52 112 C52 60 94 74 120 68 C150 60 190 70 188 112 Z", "#c98a4b")
        + line("M86 84 q10 8 8 24 M118 78 q10 10 8 30 M150 80 q10 10 8 28", "#e8bd80", 6)
        + path("M36 108 H204 L190 190 a10 10 0 0 1 -10 10 H60 a10 10 0 0 1 -10 -10 Z", k.main)
        + rect(30, 102, 180, 13, k.shade, 6)
        + path("M52 122 h14 l8 66 h-12 z", k.tint)
    )


def muffin_tray(k: Ink) -> str:
    """A tray of muffins."""
    one = "".join(
        path(f"M{44 + 54 * i} {104 + 50 * j} c-4 -34 52 -34 48 0 z", "#c98a4b")
        + path(f"M{46 + 54 * i} {104 + 50 * j} h44 l-5 24 h-34 z", k.accent if (i + j) % 2 else PAPER)
        + circle(68 + 54 * i, 90 + 50 * j, 4, "#80563b")
        for i in range(3)
        for j in range(2)
    )
    return rect(30, 96, 180, 104, k.main, 14) + rect(30, 188, 180, 12, k.shade, 6) + one


def bowl(k: Ink) -> str:
    """A mixing bowl with a whisk."""
    return (
        turned(
            line("M120 96 V40 M108 100 C92 60 112 44 120 44 C128 44 148 60 132 100", METAL, 5)
            + rect(114, 6, 12, 40, k.accent, 6),
            28,
            120,
            100,
        )
        + path("M34 96 H206 C206 160 170 196 148 200 H92 C70 196 34 160 34 96 Z", k.main)
        + path("M44 108 h16 c2 40 20 66 34 78 h-14 c-22 -14 -36 -44 -36 -78 z", k.tint)
        + rect(28, 90, 184, 13, k.shade, 6.5)
    )


def bowls(k: Ink) -> str:
    """A stack of bowls."""
    return "".join(
        path(
            f"M{50 + 4 * i} {146 - 30 * i} H{190 - 4 * i} C{190 - 4 * i} {176 - 30 * i} 160 {198 - 30 * i} "
            f"148 {200 - 30 * i} H92 C80 {198 - 30 * i} {50 + 4 * i} {176 - 30 * i} {50 + 4 * i} "
            f"{146 - 30 * i} Z",
            (k.main, k.tint, k.shade)[i % 3],
        )
        + rect(46 + 4 * i, 142 - 30 * i, 148 - 8 * i, 8, k.deep, 4)
        for i in range(3)
    )


def plates(k: Ink) -> str:
    """A plate on a stack of plates."""
    return (
        oval(120, 184, 84, 18, k.deep)
        + oval(120, 178, 84, 18, k.tint)
        + oval(120, 172, 84, 18, k.shade)
        + circle(120, 104, 70, k.shade)
        + circle(120, 102, 70, k.main)
        + circle(120, 102, 46, k.tint)
        + circle(120, 102, 38, k.main)
        + line("M78 66 a56 56 0 0 1 30 -18", PAPER, 5)
    )


def mug(k: Ink) -> str:
    """A mug, steaming."""
    return (
        line("M92 66 c-8 -12 8 -16 0 -30 M122 66 c-8 -12 8 -16 0 -30", METAL, 6)
        + line("M160 106 C208 100 206 172 158 170", k.main, 15)
        + path("M56 82 H166 V172 a28 28 0 0 1 -28 28 H84 a28 28 0 0 1 -28 -28 Z", k.main)
        + rect(66, 92, 13, 84, k.tint, 6)
        + oval(111, 82, 55, 10, k.deep)
        + oval(111, 83, 47, 7, "#6b452c")
    )


def wine_glass(k: Ink) -> str:
    """A wine glass."""
    return (
        path("M76 42 H164 C172 96 156 128 126 134 V188 H114 V134 C84 128 68 96 76 42 Z", "#dfecef")
        + path("M73 84 C76 112 92 126 120 128 C148 126 164 112 167 84 Z", mix(k.main, "#9c2f4a", 0.75))
        + line("M84 52 C82 76 84 96 92 108", "#ffffff", 5)
        + oval(120, 194, 44, 8, "#cfe0e4")
    )


def tumbler(k: Ink) -> str:
    """Tumblers."""
    one = (
        path("M56 96 H128 L120 200 H64 Z", k.main, 'opacity=".85"')
        + path("M60 132 H124 L120 200 H64 Z", k.tint, 'opacity=".8"')
        + line("M68 106 L73 188", "#ffffff", 5)
    )
    return f'<g transform="translate(54 -18)">{one}</g>' + one
