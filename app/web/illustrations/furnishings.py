"""Drawings of lamps, fabrics and decoration."""

from __future__ import annotations

from app.web.illustrations.ink import (
    DARK,
    LEAF,
    METAL,
    PAPER,
    SOFT,
    Ink,
    circle,
    line,
    mirrored,
    mix,
    oval,
    path,
    rect,
    turned,
)


def desk_lamp(k: Ink) -> str:
    """A desk lamp, lit."""
    return (
        path("M70 104 L40 182 H138 L110 96 Z", "#ffe3a3", 'opacity=".6"')
        + rect(132, 188, 72, 12, k.shade, 6)
        + line("M168 190 L178 122 L120 66", k.main, 8)
        + circle(178, 122, 8, k.deep)
        + turned(path("M92 50 h36 l16 44 h-68 z", k.main), 24, 110, 72)
        + circle(118, 66, 8, k.deep)
    )


def floor_lamp(k: Ink) -> str:
    """A standing lamp, lit."""
    return (
        path("M84 88 L52 190 H188 L156 88 Z", "#ffe3a3", 'opacity=".4"')
        + rect(117, 84, 6, 110, SOFT, 3)
        + oval(120, 196, 40, 8, SOFT)
        + path("M92 36 H148 L168 92 H72 Z", k.main)
        + path("M92 36 H106 L92 92 H72 Z", k.tint)
    )


def pendant(k: Ink) -> str:
    """A hanging lamp, lit."""
    return (
        path("M64 138 L30 204 H210 L176 138 Z", "#ffe3a3", 'opacity=".55"')
        + line("M120 18 V74", SOFT, 4)
        + rect(108, 68, 24, 16, k.deep, 5)
        + path("M54 140 C56 92 96 82 120 82 C144 82 184 92 186 140 Z", k.main)
        + path("M66 132 C70 104 88 94 102 90", "none", f'stroke="{k.tint}" stroke-width="7" stroke-linecap="round"')
        + oval(120, 140, 66, 9, k.deep)
        + oval(120, 141, 36, 6, "#fff1c9")
    )


def table_lamp(k: Ink) -> str:
    """A table lamp, lit."""
    return (
        circle(120, 92, 76, "#ffe3a3", 'opacity=".45"')
        + oval(120, 198, 38, 7, k.deep)
        + path("M120 122 C150 132 152 176 136 196 H104 C88 176 90 132 120 122 Z", k.main)
        + path("M104 146 C98 160 100 178 106 188", "none", f'stroke="{k.tint}" stroke-width="6" stroke-linecap="round"')
        + rect(115, 108, 10, 18, METAL)
        + path("M88 46 H152 L176 114 H64 Z", PAPER)
        + path("M88 46 H102 L86 114 H64 Z", "#ffffff")
    )


def rug(k: Ink) -> str:
    """A rug with a woven pattern."""
    fringe = "".join(
        line(f"M{46 + 10.6 * i:g} 186 v14", k.tint, 3) + line(f"M{46 + 10.6 * i:g} 54 v-14", k.tint, 3)
        for i in range(15)
    )
    kites = "".join(
        path(f"M{72 + 48 * i} 120 l24 -30 l24 30 l-24 30 z", k.deep)
        + path(f"M{84 + 48 * i} 120 l12 -15 l12 15 l-12 15 z", k.pale)
        for i in range(2)
    )
    stripes = "".join(rect(38, y, 164, 7, c) for y, c in ((66, k.deep), (78, k.tint), (155, k.tint), (167, k.deep)))
    return fringe + rect(38, 54, 164, 132, k.main, 3) + stripes + kites


def folded_textile(k: Ink) -> str:
    """Folded bedding or a throw."""

    def fold(y: int, colour: str) -> str:
        return path(f"M44 {y} h140 a18 18 0 0 1 0 36 h-140 a10 10 0 0 1 0 -20 a8 8 0 0 1 0 -16 z", colour) + line(
            f"M52 {y + 18} h128", mix(colour, DARK, 0.18), 3
        )

    fringe = (
        "".join(line(f"M{58 + 14 * i} 112 v16", k.tint, 4) for i in range(9)) if "throw" in k.label.casefold() else ""
    )
    return fold(162, k.main) + fold(124, k.tint) + fold(86, k.shade) + fringe


def bed_linen(k: Ink) -> str:
    """A made bed seen from above: pillows and a duvet."""
    stripes = (
        "".join(rect(52, 122 + 18 * i, 136, 5, k.tint) for i in range(4))
        if k.variant % 2
        else "".join(circle(66 + 27 * (i % 5), 130 + 28 * (i // 5), 4, k.tint) for i in range(15))
    )
    return (
        rect(46, 44, 148, 158, PAPER, 14)
        + rect(58, 54, 58, 38, k.tint, 14)
        + rect(124, 54, 58, 38, k.tint, 14)
        + path("M46 104 H194 V188 a14 14 0 0 1 -14 14 H60 a14 14 0 0 1 -14 -14 Z", k.main)
        + stripes
        + path("M46 98 H194 V114 Q120 124 46 114 Z", k.shade)
    )


def pillow(k: Ink) -> str:
    """A cushion or pillow."""
    return (
        path(
            "M58 66 C96 76 144 76 182 66 C192 64 196 72 192 82 C184 112 184 140 192 168 C196 180 "
            "190 186 180 184 C144 174 96 174 60 184 C50 186 44 180 48 168 C56 140 56 112 48 82 "
            "C44 72 48 64 58 66 Z",
            k.main,
        )
        + path(
            "M78 92 C104 98 136 98 162 92 C156 116 156 136 162 158 C136 152 104 152 78 158 C84 136 84 116 78 92 Z",
            k.tint,
        )
        + line("M70 80 q10 6 14 14 M170 80 q-10 6 -14 14 M70 172 q10 -6 14 -14 M170 172 q-10 -6 -14 -14", k.shade, 3)
    )


def vase(k: Ink) -> str:
    """A vase with stems."""
    stems = line("M118 112 C112 78 96 66 88 44 M122 112 C126 80 140 70 150 40 M120 112 V52", "#6d8a55", 4)
    heads = (
        circle(88, 46, 10, k.accent)
        + circle(150, 42, 11, mix(k.accent, "#ffffff", 0.3))
        + circle(120, 50, 9, "#e5a83b")
        + oval(104, 78, 5, 12, "#7d9b64", 'transform="rotate(-40 104 78)"')
        + oval(140, 80, 5, 12, "#7d9b64", 'transform="rotate(40 140 80)"')
    )
    return (
        stems
        + heads
        + path(
            "M102 104 H138 C136 122 168 134 164 168 C162 188 150 200 138 200 H102 C90 200 78 188 "
            "76 168 C72 134 104 122 102 104 Z",
            k.main,
        )
        + path("M92 150 C90 170 96 184 104 190", "none", f'stroke="{k.tint}" stroke-width="7" stroke-linecap="round"')
    )


def candle(k: Ink) -> str:
    """A candle in a glass."""
    return (
        circle(120, 78, 46, "#ffe3a3", 'opacity=".5"')
        + path("M120 50 c12 16 14 22 14 30 a14 14 0 0 1 -28 0 c0 -8 4 -14 14 -30 z", "#f2a33c")
        + path("M120 70 c5 7 6 10 6 14 a6 6 0 0 1 -12 0 c0 -4 2 -7 6 -14 z", "#fff1c9")
        + line("M120 92 v14", DARK, 3)
        + rect(72, 104, 96, 96, k.main, 14)
        + rect(72, 104, 14, 96, k.tint, 7)
        + rect(94, 138, 52, 38, PAPER, 4)
        + rect(104, 148, 32, 5, SOFT, 2.5)
        + rect(110, 160, 20, 4, METAL, 2)
    )


def picture_frame(k: Ink) -> str:
    """A framed landscape."""
    return (
        rect(54, 42, 132, 158, k.main, 5)
        + rect(66, 54, 108, 134, PAPER)
        + rect(82, 74, 76, 94, mix(k.accent, "#ffffff", 0.65))
        + circle(138, 96, 10, "#e5a83b")
        + path("M82 150 L108 116 L128 140 L140 128 L158 148 V168 H82 Z", mix(k.accent, DARK, 0.2))
        + line("M54 42 l12 12 M186 42 l-12 12 M54 200 l12 -12 M186 200 l-12 -12", k.shade, 2)
    )


def mirror(k: Ink) -> str:
    """A round mirror."""
    return (
        circle(120, 122, 80, k.main)
        + circle(120, 122, 70, "#cfe3ea")
        + path("M74 140 L128 66 L150 66 L84 162 Z M106 176 L172 88 L180 100 L122 182 Z", "#ffffff", 'opacity=".6"')
    )


def plant_pot(k: Ink) -> str:
    """A plant in its pot."""
    leaf = oval(88, 84, 13, 38, LEAF, 'transform="rotate(-32 88 84)"') + oval(
        66, 112, 10, 28, mix(LEAF, DARK, 0.15), 'transform="rotate(-62 66 112)"'
    )
    return (
        mirrored(leaf)
        + oval(120, 72, 14, 42, mix(LEAF, "#ffffff", 0.15))
        + path("M72 132 H168 L156 200 H84 Z", k.main)
        + rect(64, 122, 112, 20, k.shade, 5)
        + path("M84 146 h14 l4 50 h-12 z", k.tint)
    )
