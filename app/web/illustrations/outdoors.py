"""Drawings of what is used for camping and sport."""

from __future__ import annotations

from app.web.illustrations.ink import DARK, METAL, PAPER, SOFT, WOOD, Ink, circle, line, moved, oval, path, rect, turned


def tent(k: Ink) -> str:
    """A tent at night."""
    return (
        circle(180, 60, 15, "#f2d98c")
        + path("M120 56 L214 196 H26 Z", k.main)
        + path("M120 56 L152 196 H88 Z", k.deep)
        + path("M120 82 L138 196 H102 Z", "#ffe3a3")
        + path("M120 56 L26 196 H60 Z", k.shade)
        + line("M120 56 V44", WOOD, 5)
        + line("M26 196 L14 200 M214 196 L226 200", SOFT, 3)
    )


def sleeping_bag(k: Ink) -> str:
    """A sleeping bag."""
    return turned(
        path("M78 66 C78 30 162 30 162 66 L154 190 a16 16 0 0 1 -16 14 H102 a16 16 0 0 1 -16 -14 Z", k.main)
        + oval(120, 70, 30, 24, k.deep)
        + oval(120, 66, 19, 14, PAPER)
        + "".join(
            line(f"M{84 + i} {108 + 24 * i} Q120 {118 + 24 * i} {156 - i} {108 + 24 * i}", k.shade, 4) for i in range(4)
        )
        + line("M150 92 L144 190", k.accent, 4),
        14,
    )


def rolled_mat(k: Ink) -> str:
    """A rolled mat."""
    return (
        path("M58 150 H176 L212 190 H74 Z", k.tint)
        + rect(36, 92, 148, 66, k.main, 33)
        + circle(180, 125, 33, k.shade)
        + circle(180, 125, 22, k.main)
        + circle(180, 125, 11, k.shade)
        + circle(180, 125, 3, k.deep)
        + rect(72, 91, 11, 68, k.deep, 3)
        + rect(124, 91, 11, 68, k.deep, 3)
    )


def stove(k: Ink) -> str:
    """A gas stove with its flame."""
    return (
        path("M96 96 c-6 -26 20 -30 24 -56 c14 16 30 34 24 56 z", "#f2a33c")
        + path("M108 96 c-2 -14 10 -18 12 -32 c8 10 16 22 12 32 z", "#5b8def")
        + line("M84 94 L62 78 M156 94 L178 78 M84 94 H156", METAL, 7)
        + rect(112, 98, 16, 24, METAL)
        + line("M128 110 h34", k.accent, 5)
        + path("M72 124 H168 V186 a14 14 0 0 1 -14 14 H86 a14 14 0 0 1 -14 -14 Z", k.main)
        + rect(72, 146, 96, 30, PAPER)
    )


def headlamp(k: Ink) -> str:
    """A headlamp, lit."""
    return (
        path("M120 130 L40 204 H200 Z", "#ffe3a3", 'opacity=".6"')
        + line("M44 116 C44 56 196 56 196 116", k.shade, 17)
        + line("M70 78 C92 50 148 50 170 78", k.tint, 5)
        + rect(82, 92, 76, 52, DARK, 16)
        + circle(120, 118, 20, "#fff1c9")
        + circle(120, 118, 11, "#ffd98a")
        + rect(90, 86, 22, 8, k.accent, 4)
    )


def cool_box(k: Ink) -> str:
    """A cool box."""
    return (
        line("M62 92 C62 42 178 42 178 92", SOFT, 10)
        + rect(34, 86, 172, 34, PAPER, 9)
        + rect(42, 116, 156, 84, k.main, 12)
        + rect(42, 116, 156, 16, k.shade)
        + line("M120 144 v42 M102 154 l36 22 M138 154 l-36 22", PAPER, 5)
        + rect(104, 104, 32, 20, k.deep, 5)
    )


def folding_chair(k: Ink) -> str:
    """A folding chair."""
    return (
        line("M64 200 L168 120 M168 200 L72 120 M72 120 L56 44 M168 120 L184 44", SOFT, 7)
        + path("M54 44 H186 L174 106 H66 Z", k.main)
        + path("M54 44 H186 L184 56 H56 Z", k.shade)
        + path("M66 118 H174 L170 136 H70 Z", k.shade)
        + line("M48 96 H74 M166 96 H192", DARK, 9)
    )


def bottle(k: Ink) -> str:
    """A drinking bottle."""
    return (
        rect(100, 34, 40, 32, DARK, 8)
        + line("M140 44 C162 44 160 72 142 74", DARK, 6)
        + path(
            "M92 66 H148 C160 76 162 84 162 98 V184 a16 16 0 0 1 -16 16 H94 a16 16 0 0 1 -16 -16 "
            "V98 C78 84 80 76 92 66 Z",
            k.main,
        )
        + rect(88, 90, 12, 92, k.tint, 6)
        + path("M104 164 L124 124 L136 144 L144 132 L156 164 Z", PAPER)
    )


def bike_lights(k: Ink) -> str:
    """Bicycle lights, lit."""
    return (
        path("M72 102 L18 60 V144 Z", "#ffe3a3", 'opacity=".7"')
        + rect(66, 70, 52, 64, k.main, 14)
        + circle(78, 102, 19, "#fff1c9")
        + rect(92, 132, 20, 18, DARK, 5)
        + rect(146, 98, 50, 68, k.shade, 16)
        + circle(171, 126, 17, "#d2453d")
        + circle(171, 126, 8, "#ff8c80")
        + rect(162, 164, 18, 16, DARK, 5)
    )


def pannier(k: Ink) -> str:
    """A pannier."""
    return (
        line("M84 62 C84 36 156 36 156 62", k.deep, 8)
        + rect(52, 72, 136, 128, k.main, 16)
        + path("M52 88 a16 16 0 0 1 16 -16 h104 a16 16 0 0 1 16 16 v34 H52 Z", k.shade)
        + rect(84, 60, 20, 20, SOFT, 4)
        + rect(136, 60, 20, 20, SOFT, 4)
        + rect(108, 108, 24, 36, k.deep, 5)
        + rect(66, 160, 108, 7, PAPER, 3)
    )


def bike_lock(k: Ink) -> str:
    """A bicycle lock."""
    return (
        line("M72 130 V94 C72 30 168 30 168 94 V130", METAL, 19)
        + line("M72 124 V94 C72 34 168 34 168 94 V124", k.main, 9)
        + rect(48, 122, 144, 78, DARK, 16)
        + circle(120, 156, 14, k.main)
        + rect(116, 154, 8, 24, k.main, 4)
    )


def pump(k: Ink) -> str:
    """A floor pump."""
    return (
        rect(74, 36, 92, 17, DARK, 8)
        + rect(115, 50, 10, 40, METAL)
        + rect(104, 84, 32, 94, k.main, 8)
        + rect(109, 90, 7, 80, k.tint, 3)
        + path("M70 186 L104 172 H136 L170 186 V200 H70 Z", DARK)
        + circle(120, 172, 17, PAPER)
        + line("M120 172 l8 -8", "#d2453d", 3)
        + line("M136 160 C190 160 194 96 178 80", DARK, 6)
        + rect(170, 62, 14, 22, k.accent, 4)
    )


def blocks(k: Ink) -> str:
    """Two blocks."""
    return (
        rect(44, 148, 152, 52, k.main, 9)
        + rect(44, 188, 152, 12, k.shade, 6)
        + turned(rect(62, 88, 116, 52, k.tint, 9) + rect(62, 128, 116, 12, k.main, 6), -7, 120, 114)
    )


def dumbbells(k: Ink) -> str:
    """Dumbbells."""
    one = (
        rect(74, 126, 92, 14, METAL, 6)
        + rect(44, 100, 26, 66, k.main, 8)
        + rect(68, 108, 12, 50, k.shade, 5)
        + rect(170, 100, 26, 66, k.main, 8)
        + rect(160, 108, 12, 50, k.shade, 5)
        + rect(50, 106, 6, 50, k.tint, 3)
        + rect(176, 106, 6, 50, k.tint, 3)
    )
    return moved(one, 14, -46) + moved(one, -6, 28)


def bands(k: Ink) -> str:
    """Resistance bands."""
    hues = (k.main, k.accent, k.tint)
    return "".join(
        (
            f'<ellipse cx="{92 + 28 * i}" cy="{118 + 10 * i}" rx="46" ry="{68 - 4 * i}" '
            f'fill="none" stroke="{hues[i]}" stroke-width="{16 - 2 * i}"/>'
        )
        for i in range(3)
    )


def roller(k: Ink) -> str:
    """A foam roller."""
    ridges = "".join(rect(56 + 20 * i, 92, 11, 88, k.shade, 5) for i in range(6))
    return (
        rect(34, 88, 150, 96, k.main, 40)
        + ridges
        + oval(176, 136, 30, 48, k.shade)
        + oval(176, 136, 19, 33, k.deep)
        + oval(178, 136, 13, 26, DARK)
    )


def kettlebell(k: Ink) -> str:
    """A kettlebell."""
    return (
        line("M84 108 C66 38 174 38 156 108", k.shade, 21)
        + circle(120, 144, 56, k.main)
        + path("M78 126 C82 112 92 102 102 98", "none", f'stroke="{k.tint}" stroke-width="8" stroke-linecap="round"')
        + circle(120, 146, 25, k.tint)
        + line("M112 138 h16 v16 h-16 z", k.deep, 4)
    )


def skis(k: Ink) -> str:
    """Skis and poles."""
    ski = (
        path("M96 206 V58 C96 38 118 34 118 56 V206 Z", k.main)
        + path("M96 96 h22 v34 h-22 z", k.accent)
        + rect(99, 138, 16, 26, DARK, 4)
    )
    return (
        turned(line("M64 46 V200 M56 186 h16", SOFT, 5), -12, 64, 120)
        + turned(line("M176 46 V200 M168 186 h16", SOFT, 5), 12, 176, 120)
        + ski
        + f'<g transform="translate(26 0)">{ski}</g>'
    )
