"""Drawings of bags and of what is worn against the weather."""

from __future__ import annotations

from app.web.illustrations.ink import DARK, METAL, PAPER, SOFT, Ink, circle, line, mirrored, path, rect, ring


def tote(k: Ink) -> str:
    """A tote bag."""
    return (
        line("M88 98 C88 36 152 36 152 98", k.deep, 8)
        + path("M54 90 H186 L196 200 H44 Z", k.main)
        + path("M54 90 H186 L187 104 H53 Z", k.shade)
        + circle(88, 98, 4, "#d9ab4c")
        + circle(152, 98, 4, "#d9ab4c")
        + rect(102, 134, 36, 30, k.tint, 4)
        + line("M110 149 h20", k.shade, 3)
    )


def shoulder_bag(k: Ink) -> str:
    """A bag with a flap and a strap."""
    return (
        line("M58 120 C44 26 196 26 182 120", k.deep, 7)
        + rect(46, 106, 148, 92, k.main, 18)
        + path("M46 124 a18 18 0 0 1 18 -18 h112 a18 18 0 0 1 18 18 v14 C176 162 64 162 46 138 Z", k.shade)
        + rect(108, 142, 24, 26, "#d9ab4c", 5)
        + circle(120, 155, 4, k.deep)
    )


def clutch(k: Ink) -> str:
    """A clutch."""
    return (
        rect(36, 96, 168, 98, k.main, 12)
        + path("M36 108 a12 12 0 0 1 12 -12 h144 a12 12 0 0 1 12 12 L128 158 a12 12 0 0 1 -16 0 Z", k.shade)
        + circle(120, 152, 9, "#d9ab4c")
        + line("M190 100 C224 96 226 142 206 150", "#d9ab4c", 3)
    )


def backpack(k: Ink) -> str:
    """A rucksack."""
    return (
        line("M100 56 C100 34 140 34 140 56", k.deep, 8)
        + rect(46, 118, 24, 66, k.shade, 10)
        + rect(170, 118, 24, 66, k.shade, 10)
        + path("M66 104 C66 32 174 32 174 104 V186 a14 14 0 0 1 -14 14 H80 a14 14 0 0 1 -14 -14 Z", k.main)
        + path("M66 104 C66 32 174 32 174 104 V112 H66 Z", k.shade)
        + rect(78, 132, 84, 52, k.tint, 10)
        + line("M86 148 h68", k.deep, 4)
        + rect(90, 96, 12, 34, k.deep, 4)
        + rect(138, 96, 12, 34, k.deep, 4)
        + rect(112, 146, 10, 14, METAL, 3)
    )


def dry_bag(k: Ink) -> str:
    """A roll-top bag."""
    return (
        rect(70, 66, 100, 134, k.main, 20)
        + rect(70, 66, 18, 134, k.tint, 9)
        + path("M74 48 H166 L174 74 H66 Z", k.shade)
        + rect(76, 40, 88, 14, k.deep, 6)
        + line("M76 46 C40 60 44 110 70 112", k.deep, 6)
        + rect(100, 116, 40, 40, PAPER, 8)
        + path("M120 122 c8 12 12 17 12 22 a12 12 0 0 1 -24 0 c0 -5 4 -10 12 -22 z", k.accent)
    )


def gloves(k: Ink) -> str:
    """A pair of padded gloves."""
    one = (
        path("M60 110 C52 84 66 70 84 70 C108 66 118 84 116 110 L112 152 H66 Z", k.main)
        + path("M112 120 C118 98 136 96 136 110 C136 128 120 140 112 146 Z", k.shade)
        + rect(60, 148, 58, 26, k.deep, 8)
        + line("M72 82 V104 M86 76 V102 M100 80 V104", k.shade, 4)
        + rect(66, 156, 20, 8, k.accent, 4)
    )
    return (
        f'<g transform="translate(-22 22) rotate(-8 90 120)">{one}</g>'
        + mirrored("")
        + f'<g transform="matrix(-1 0 0 1 262 22)">{one}</g>'
    )


def hat(k: Ink) -> str:
    """A knitted hat."""
    knit = "".join(
        line(f"M{82 + 19 * i} 150 C{86 + 17 * i} 120 {96 + 12 * i} 96 {108 + 6 * i} 82", k.shade, 4) for i in range(5)
    )
    return (
        circle(120, 64, 20, k.tint)
        + path("M60 156 C56 96 84 74 120 74 C156 74 184 96 180 156 Z", k.main)
        + knit
        + rect(52, 146, 136, 38, k.shade, 14)
        + "".join(line(f"M{66 + 12 * i} 154 V176", k.deep, 3) for i in range(10))
    )


def romper(k: Ink) -> str:
    """A baby's suit."""
    feet = path("M84 138 L74 196 C84 204 104 204 110 196 L120 158 L130 196 C136 204 156 204 166 196 L156 138 Z", k.main)
    body = path(
        "M94 58 C104 70 136 70 146 58 L170 70 L196 116 L172 130 L158 112 L160 150 H80 L82 112 L68 130 L44 116 L70 70 Z",
        k.main,
    )
    return (
        feet
        + body
        + path("M94 58 C104 74 136 74 146 58 L140 54 C132 62 108 62 100 54 Z", k.deep)
        + "".join(circle(120, 84 + 18 * i, 4, k.pale) for i in range(4))
        + rect(132, 96, 18, 16, k.tint, 4)
        + line("M56 112 L72 124 M184 112 L168 124", k.tint, 5)
        + circle(92, 186, 6, k.tint)
        + circle(148, 186, 6, k.tint)
    )


def goggles(k: Ink) -> str:
    """Ski goggles."""
    return (
        line("M44 118 C20 120 14 150 20 162 M196 118 C220 120 226 150 220 162", k.deep, 15)
        + path(
            "M40 112 a28 28 0 0 1 28 -28 h104 a28 28 0 0 1 28 28 v24 a28 28 0 0 1 -28 28 h-22 "
            "c-14 0 -16 -18 -30 -18 s-16 18 -30 18 h-22 a28 28 0 0 1 -28 -28 z",
            k.main,
        )
        + path(
            "M52 114 a20 20 0 0 1 20 -20 h96 a20 20 0 0 1 20 20 v18 a20 20 0 0 1 -20 20 h-14 "
            "c-14 0 -18 -18 -34 -18 s-20 18 -34 18 h-14 a20 20 0 0 1 -20 -20 z",
            k.accent,
        )
        + path("M70 98 L98 98 L74 140 C62 138 60 124 62 112 Z", "#ffffff", 'opacity=".4"')
    )


def helmet(k: Ink) -> str:
    """A helmet."""
    vents = "".join(path(f"M{82 + 30 * i} 92 q10 -24 18 -22 l4 34 q-14 2 -22 -12 z", k.deep) for i in range(3))
    return (
        path("M36 150 C30 76 80 48 124 48 C176 48 210 88 206 150 C170 138 80 138 36 150 Z", k.main)
        + vents
        + path("M36 150 C80 136 170 136 206 150 L204 162 C166 150 80 150 38 162 Z", k.shade)
        + line("M60 158 C66 186 104 202 124 202 C146 202 172 184 180 158", SOFT, 5)
        + rect(112, 196, 22, 9, DARK, 4)
        + ring(120, 120, 0.1, k.main, 0.1)
    )
