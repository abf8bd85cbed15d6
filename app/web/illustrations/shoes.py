"""Drawings of shoes."""

from __future__ import annotations

from app.web.illustrations.ink import DARK, PAPER, Ink, circle, line, mix, path, rect


def sneaker(k: Ink) -> str:
    """A low shoe with laces."""
    sole = mix(PAPER, "#c9b48f", 0.25)
    upper = path(
        "M38 118 C44 108 58 104 70 112 C84 122 96 114 104 100 L124 104 C140 130 172 134 194 "
        "146 C208 154 210 166 208 176 H36 C32 158 34 136 38 118 Z",
        k.main,
    )
    laces = "".join(line(f"M{104 + 13 * i} {112 + 8 * i} l17 -8", PAPER, 5) for i in range(4))
    return (
        upper
        + path("M38 118 C44 108 58 104 68 111 L62 150 H35 C34 138 35 128 38 118 Z", k.shade)
        + path("M166 138 C182 140 208 148 208 172 H156 C152 158 156 146 166 138 Z", k.tint)
        + line("M84 150 C110 160 130 146 150 156", k.accent, 8)
        + laces
        + rect(30, 170, 182, 20, sole, 10)
        + rect(30, 182, 182, 8, mix(sole, DARK, 0.18), 4)
    )


def running_shoe(k: Ink) -> str:
    """A running shoe with a thick sole."""
    upper = path(
        "M36 112 C44 100 58 100 68 110 C84 122 98 108 110 92 L132 100 C146 126 176 132 198 "
        "146 C208 152 212 162 208 170 L40 166 C32 150 32 126 36 112 Z",
        k.main,
    )
    mesh = "".join(circle(150 + 9 * (i % 5), 142 + 8 * (i // 5), 1.8, k.deep) for i in range(10))
    sole = path("M30 164 C80 158 150 170 212 164 C222 172 214 192 200 194 H44 C28 192 24 176 30 164 Z", PAPER)
    return (
        upper
        + path("M36 112 C44 100 58 100 66 109 L60 160 L38 162 C32 148 32 126 36 112 Z", k.deep)
        + line("M74 160 C96 156 104 134 122 126 M98 162 C116 158 128 144 142 138", k.accent, 7)
        + mesh
        + line("M110 106 l18 -8 M120 118 l17 -9 M132 128 l16 -9", PAPER, 5)
        + sole
        + path("M28 178 C90 174 150 184 216 176 C216 188 208 194 200 194 H44 C34 193 28 186 28 178 Z", k.accent)
    )


def boot(k: Ink) -> str:
    """A laced boot."""
    upper = path(
        "M70 44 H130 L134 118 C150 136 190 138 200 156 C206 166 206 176 204 184 H66 C60 150 72 110 70 44 Z", k.main
    )
    laces = "".join(line(f"M{112 + i * 2} {72 + 15 * i} h22", PAPER, 4.5) for i in range(5))
    return (
        upper
        + rect(66, 40, 68, 16, k.shade, 6)
        + path("M70 58 H92 C94 110 84 150 86 184 H66 C60 150 72 110 70 58 Z", k.shade)
        + laces
        + path("M168 140 C186 142 204 152 204 178 H160 C156 160 160 148 168 140 Z", k.deep)
        + path("M58 182 H208 V198 H176 l-4 -5 l-4 5 h-16 l-4 -5 l-4 5 h-16 l-4 -5 l-4 5 h-16 l-4 -5 l-4 5 H58 Z", DARK)
    )


def chelsea(k: Ink) -> str:
    """An ankle boot with an elastic side."""
    upper = path(
        "M74 50 H138 C138 90 136 108 142 120 C158 138 196 140 202 162 C204 172 204 178 202 "
        "186 H70 C66 150 76 104 74 50 Z",
        k.main,
    )
    return (
        upper
        + path("M96 54 H124 L118 112 H102 Z", k.deep)
        + "".join(line(f"M{102 + 6 * i} 60 V106", k.shade, 2) for i in range(4))
        + rect(78, 38, 12, 22, k.shade, 4)
        + path("M64 184 H206 V194 H104 V202 H64 Z", DARK)
        + line("M76 150 C104 160 120 150 140 158", k.shade, 3)
    )


def heel(k: Ink) -> str:
    """A shoe with a heel."""
    sole = path(
        "M48 74 C58 66 76 70 84 86 C104 126 150 152 196 160 C212 164 214 178 204 184 H150 "
        "C116 178 92 154 74 124 L64 196 H54 Z",
        k.main,
    )
    return (
        sole
        + path("M84 86 C104 126 150 152 190 159 C160 168 108 150 74 108 Z", k.deep)
        + path("M146 184 C166 188 190 186 206 183 l0 6 H152 Z", DARK)
        + path("M54 150 h14 l-5 46 h-8 z", k.shade)
        + circle(168, 166, 6, k.pale)
    )


def block_sandal(k: Ink) -> str:
    """A sandal with a block heel and straps."""
    return (
        path("M44 130 C90 132 120 178 206 176 V188 H136 C104 182 86 158 72 152 V196 H46 Z", k.main)
        + line("M54 132 C46 90 84 76 92 104 C98 124 78 138 70 138", k.main, 9)
        + line("M128 168 C132 130 176 132 186 172", k.main, 13)
        + line("M136 164 C142 144 166 142 176 166", k.tint, 3)
        + rect(44, 134, 30, 62, k.shade, 4)
        + circle(92, 104, 5, "#d9ab4c")
    )


def flat_shoe(k: Ink) -> str:
    """A ballet flat or loafer, with its pair behind it."""
    one = (
        path(
            "M36 140 C40 124 62 122 74 136 C92 156 118 152 134 142 C164 136 204 150 206 172 C206 "
            "182 200 186 190 186 H52 C36 186 32 158 36 140 Z",
            k.main,
        )
        + path("M50 138 C62 132 68 142 78 150 C96 164 120 158 138 150 C120 174 70 174 50 138 Z", k.deep)
        + path("M44 184 H206 V191 H44 Z", DARK)
    )
    trim = (
        rect(136, 142, 34, 15, k.shade, 5) + rect(148, 146, 10, 7, "#d9ab4c", 2)
        if k.variant % 2
        else path("M150 146 l-13 -9 v18 z M150 146 l13 -9 v18 z", k.tint) + circle(150, 146, 4, k.shade)
    )
    return f'<g transform="translate(-2 -44)" opacity=".55">{one}</g>' + one + trim


def sandal(k: Ink) -> str:
    """A flat sandal."""
    foot = path(
        "M30 164 C70 156 160 172 212 162 C220 176 212 190 200 190 H42 C30 190 26 174 30 164 Z",
        mix("#c99d6d", DARK, 0.05),
    )
    return (
        line("M104 166 C112 118 166 116 182 164", k.main, 18)
        + line("M46 164 C44 116 92 110 98 140", k.main, 12)
        + line("M116 150 C126 132 152 130 164 148", k.tint, 3)
        + foot
        + rect(34, 182, 174, 9, DARK, 4)
        + rect(146, 124, 18, 15, "#d9ab4c", 4)
    )
