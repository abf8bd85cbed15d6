"""Drawings of what is used in a garden."""

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


def kettle_grill(k: Ink) -> str:
    """A round barbecue."""
    return (
        line("M84 150 L62 200 M156 150 L178 200 M120 156 V188", SOFT, 7)
        + circle(66, 194, 9, DARK)
        + path("M46 110 H194 C190 152 152 166 120 166 S50 152 46 110 Z", k.main)
        + path("M46 104 C50 56 92 46 120 46 S190 56 194 104 Z", k.shade)
        + path("M64 92 C70 70 88 60 102 58", "none", f'stroke="{k.tint}" stroke-width="7" stroke-linecap="round"')
        + rect(40, 100, 160, 12, METAL, 6)
        + rect(106, 34, 28, 12, WOOD, 6)
    )


def sack(k: Ink) -> str:
    """A sack of charcoal, soil or feed."""
    return (
        path(
            "M62 54 C90 48 150 48 178 54 C172 100 190 150 182 196 C150 204 90 204 58 196 C50 150 68 100 62 54 Z", k.main
        )
        + path("M60 42 h120 l-2 18 c-30 -6 -86 -6 -116 0 z", k.shade)
        + rect(78, 88, 84, 76, PAPER, 12)
        + path("M120 150 C92 138 98 112 120 100 C142 112 148 138 120 150 Z", k.accent)
        + line("M120 108 V156", mix(k.accent, DARK, 0.3), 3)
        + rect(92, 174, 56, 9, k.tint, 4)
    )


def tongs(k: Ink) -> str:
    """Grill tongs."""
    return turned(
        path(
            "M110 40 C104 90 92 130 96 178 l14 14 l-4 -18 C104 130 118 90 120 46 C122 90 136 130 "
            "134 174 l-4 18 l14 -14 C148 130 136 90 130 40 Z",
            METAL,
        )
        + rect(104, 34, 32, 62, DARK, 12)
        + circle(120, 46, 4, PAPER),
        30,
    )


def mower(k: Ink) -> str:
    """A lawn mower."""
    return (
        line("M176 150 L210 52 H190", SOFT, 8)
        + path("M40 138 C44 112 76 104 108 104 H172 L184 166 H40 Z", k.main)
        + rect(84, 82, 60, 28, k.shade, 8)
        + rect(92, 74, 26, 10, DARK, 4)
        + rect(36, 156, 150, 14, k.deep, 5)
        + circle(66, 178, 22, DARK)
        + circle(66, 178, 9, METAL)
        + circle(162, 174, 26, DARK)
        + circle(162, 174, 11, METAL)
        + line("M28 200 l6 -14 M40 200 l2 -10 M196 200 l6 -16 M212 200 l2 -12", LEAF, 4)
    )


def hose(k: Ink) -> str:
    """A coiled garden hose."""
    return (
        ring(112, 132, 62, k.main, 14)
        + ring(112, 132, 44, k.shade, 13)
        + ring(112, 132, 28, k.main, 11)
        + line("M174 132 C188 100 168 76 188 56", k.main, 14)
        + turned(rect(176, 34, 22, 34, "#e5a83b", 5), 14, 187, 50)
        + rect(180, 24, 22, 14, DARK, 4)
    )


def sprinkler(k: Ink) -> str:
    """A sprinkler at work."""
    drops = "".join(circle(60 + 20 * i, 60 + (i - 3) ** 2 * 6, 4, "#8fc1e8") for i in range(7)) + "".join(
        circle(78 + 14 * i, 92 + (i - 3) ** 2 * 4, 3, "#a6cbe6") for i in range(7)
    )
    return (
        drops
        + rect(108, 128, 24, 36, k.main, 6)
        + rect(90, 118, 60, 14, k.shade, 7)
        + path("M60 164 H180 L196 196 H44 Z", k.main)
        + rect(40, 190, 160, 10, k.deep, 5)
        + line("M196 184 H226", LEAF, 9)
    )


def bench(k: Ink) -> str:
    """A garden bench."""
    slats = (
        rect(34, 72, 172, 13, k.main, 4)
        + rect(34, 92, 172, 13, k.main, 4)
        + rect(34, 112, 172, 13, k.main, 4)
        + rect(28, 142, 184, 14, k.tint, 4)
        + rect(28, 156, 184, 7, k.shade, 3)
    )
    return line("M44 66 V200 M196 66 V200", k.deep, 9) + slats + line("M34 130 h18 M188 130 h18", k.deep, 9)


def bistro_set(k: Ink) -> str:
    """A small table between two chairs."""
    chair = (
        line("M36 84 L44 146 L36 200 M44 146 H82 L86 200", k.main, 7)
        + rect(42, 138, 44, 10, k.shade, 4)
        + line("M38 102 h6", k.main, 6)
    )
    return (
        mirrored(chair)
        + oval(120, 120, 42, 9, k.tint)
        + line("M120 124 V190 M98 200 L120 186 L142 200", k.main, 7)
        + rect(110, 98, 12, 16, PAPER, 3)
        + circle(130, 106, 8, "#e07a5f")
    )


def lounger(k: Ink) -> str:
    """A sun lounger."""
    return (
        line("M60 158 V196 M172 158 V196", k.deep, 9)
        + path("M24 146 H150 L204 80 L216 90 L160 164 H24 Z", k.main)
        + path("M28 134 H144 L196 70 L208 80 L152 150 H28 Z", k.tint)
        + circle(66, 62, 22, "#f2c94c")
        + turned(rect(168, 76, 40, 15, PAPER, 7), -51, 188, 84)
    )


def parasol(k: Ink) -> str:
    """A parasol."""
    return (
        rect(117, 60, 7, 132, WOOD)
        + rect(90, 190, 60, 12, SOFT, 6)
        + path(
            "M24 116 C34 64 84 46 120 46 C156 46 206 64 216 116 C200 104 184 104 168 116 C152 "
            "104 136 104 120 116 C104 104 88 104 72 116 C56 104 40 104 24 116 Z",
            k.main,
        )
        + path("M120 46 C98 62 78 88 72 116 C88 104 104 104 120 116 Z", k.tint)
        + path("M120 46 C142 62 162 88 168 116 C184 104 200 104 216 116 C206 64 156 46 120 46 Z", k.shade)
        + circle(120, 44, 5, WOOD)
    )


def bird_feeder(k: Ink) -> str:
    """A bird feeder with a guest."""
    return (
        line("M120 18 V54", SOFT, 3)
        + path("M56 106 L120 50 L184 106 Z", k.shade)
        + rect(80, 104, 80, 66, "#dcebf0")
        + rect(80, 132, 80, 38, "#d9b36c")
        + rect(74, 104, 9, 72, k.main)
        + rect(157, 104, 9, 72, k.main)
        + rect(46, 170, 148, 14, k.main, 5)
        + path("M178 168 C168 148 184 136 196 144 L206 148 L196 152 C196 164 188 170 178 168 Z", "#5b8def")
        + circle(193, 147, 2.2, DARK)
    )


def planter(k: Ink) -> str:
    """A box or bed with plants."""
    leaves = "".join(
        oval(
            56 + 22 * i,
            104 - 8 * (i % 3),
            9,
            26,
            mix(LEAF, "#ffffff", 0.12 * (i % 3)),
            f'transform="rotate({-18 + 12 * (i % 4)} {56 + 22 * i} 110)"',
        )
        for i in range(7)
    )
    blooms = "".join(circle(58 + 31 * i, 82 - 12 * (i % 2), 9, k.accent if i % 2 else "#e5a83b") for i in range(5))
    return (
        leaves
        + blooms
        + rect(30, 124, 180, 66, k.main, 5)
        + line("M34 146 h172 M34 168 h172", k.shade, 4)
        + rect(42, 188, 16, 12, k.deep, 2)
        + rect(182, 188, 16, 12, k.deep, 2)
    )


def hanging_basket(k: Ink) -> str:
    """A hanging basket."""
    return (
        line("M120 20 L64 110 M120 20 L176 110 M120 20 V106", SOFT, 3)
        + "".join(
            circle(62 + 19 * i, 108 - 11 * (i % 2), 13, (LEAF, k.accent, mix(LEAF, DARK, 0.2))[i % 3]) for i in range(7)
        )
        + path("M52 116 H188 C186 166 152 190 120 190 S54 166 52 116 Z", k.main)
        + line("M62 140 C90 154 150 154 178 140 M78 166 C100 176 140 176 162 166", k.shade, 4)
        + line("M58 122 q-14 24 -4 46 M184 122 q12 20 4 40", LEAF, 5)
    )


def seeds(k: Ink) -> str:
    """A packet of seeds with its flower or plant."""
    petals = "".join(turned(oval(120, 96, 11, 21, k.main), 45 * i, 120, 116) for i in range(8))
    return (
        path("M66 42 H174 V196 a5 5 0 0 1 -5 5 H71 a5 5 0 0 1 -5 -5 Z", PAPER)
        + rect(66, 42, 108, 26, k.accent)
        + rect(86, 51, 68, 8, PAPER, 4)
        + line("M120 120 V186", LEAF, 6)
        + path(
            "M120 170 C98 166 92 150 92 146 C110 146 120 156 120 170 Z M120 178 C142 174 148 158 "
            "148 154 C130 154 120 164 120 178 Z",
            LEAF,
        )
        + petals
        + circle(120, 116, 12, "#e5a83b")
    )


def feed_bottle(k: Ink) -> str:
    """A bottle of plant feed."""
    return (
        rect(104, 36, 32, 24, k.accent, 5)
        + path(
            "M96 60 H144 C164 74 168 88 168 104 V186 a14 14 0 0 1 -14 14 H86 a14 14 0 0 1 -14 "
            "-14 V104 C72 88 76 74 96 60 Z",
            k.main,
        )
        + rect(72, 108, 96, 66, PAPER)
        + circle(108, 140, 18, "#d2453d")
        + path("M100 124 l8 -8 l8 8 z", LEAF)
        + path("M134 162 C126 146 138 128 150 124 C156 140 150 156 134 162 Z", LEAF)
    )


def trowel(k: Ink) -> str:
    """A hand trowel."""
    return turned(
        rect(106, 28, 28, 68, WOOD, 13)
        + rect(113, 92, 14, 28, METAL, 3)
        + path("M88 120 H152 C160 160 140 196 120 212 C100 196 80 160 88 120 Z", k.main)
        + path("M98 126 h14 c-2 30 0 54 8 74 c-14 -14 -26 -44 -22 -74 z", k.tint),
        32,
    )


def secateurs(k: Ink) -> str:
    """Secateurs."""
    return turned(
        path("M112 116 C104 84 108 54 132 36 C146 62 140 92 126 118 Z", METAL)
        + path("M126 118 C138 94 152 84 160 82 C158 102 146 118 132 128 Z", SOFT)
        + line("M116 126 C96 150 92 180 96 206", "#d2453d", 15)
        + line("M128 126 C148 150 152 180 148 206", "#d2453d", 15)
        + circle(122, 120, 9, DARK),
        18,
    )


def long_tool(k: Ink) -> str:
    """A spade, fork or rake, by its name."""
    name = k.label.casefold()
    if "rake" in name:
        head = rect(78, 164, 84, 10, k.shade, 4) + "".join(rect(82 + 13 * i, 170, 5, 28, k.main, 2) for i in range(6))
    elif "fork" in name:
        head = path("M86 140 H154 V150 H86 Z", k.shade) + "".join(
            rect(86 + 20.5 * i, 144, 7, 60, k.main, 3) for i in range(4)
        )
    else:
        head = path("M84 136 H156 V178 C150 196 130 206 120 210 C110 206 90 196 84 178 Z", k.main) + rect(
            94, 144, 11, 42, k.tint, 5
        )
    return turned(
        line("M98 22 H142 M104 24 L116 46 M136 24 L124 46", WOOD, 8)
        + rect(115, 42, 10, 102, WOOD, 3)
        + rect(112, 116, 16, 30, SOFT, 3)
        + head,
        22,
    )


def loppers(k: Ink) -> str:
    """Loppers."""
    return turned(
        line("M114 108 L84 206", "#d2453d", 12)
        + line("M126 108 L156 206", "#d2453d", 12)
        + path("M112 104 C100 74 112 44 136 34 C140 62 138 84 128 106 Z", METAL)
        + path("M128 104 C140 92 154 78 156 62 C138 62 126 78 120 98 Z", SOFT)
        + circle(120, 104, 9, DARK),
        14,
    )


def watering_can(k: Ink) -> str:
    """A watering can."""
    return (
        line("M86 92 C86 40 166 40 170 104", k.shade, 9)
        + path("M84 128 L34 78", "none", f'stroke="{k.shade}" stroke-width="15"')
        + turned(rect(20, 62, 26, 22, k.deep, 4), -42, 33, 73)
        + path("M80 92 H176 L184 190 a10 10 0 0 1 -10 10 H82 a10 10 0 0 1 -10 -10 Z", k.main)
        + path("M86 98 h16 l-6 94 h-12 z", k.tint)
        + oval(128, 92, 48, 9, k.deep)
        + "".join(circle(20 + 9 * (i % 2), 98 + 16 * i, 3.4, "#8fc1e8") for i in range(5))
    )
