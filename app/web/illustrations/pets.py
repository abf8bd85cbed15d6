"""Drawings of what pets need."""

from __future__ import annotations

from app.web.illustrations.ink import DARK, METAL, PAPER, SOFT, WOOD, Ink, circle, line, mix, oval, path, rect, turned


def pet_food(k: Ink) -> str:
    """A bag of pet food."""
    face = (
        "M100 118 l-8 -22 l20 10 h16 l20 -10 l-8 22 c6 26 -12 36 -20 36 s-26 -10 -20 -36 z"
        if "cat" in k.label.casefold()
        else "M98 104 c-18 -2 -16 34 -6 38 c2 12 14 20 28 20 s26 -8 28 -20 c10 -4 12 -40 -6 -38 c-12 -8 -32 -8 -44 0 z"
    )
    return (
        path("M62 48 H178 L184 190 a10 10 0 0 1 -10 10 H66 a10 10 0 0 1 -10 -10 Z", k.accent)
        + rect(60, 38, 120, 20, mix(k.accent, DARK, 0.25), 4)
        + circle(120, 128, 48, PAPER)
        + path(face, mix(k.main, DARK, 0.1))
        + circle(110, 126, 3.6, DARK)
        + circle(130, 126, 3.6, DARK)
        + oval(120, 138, 6, 4, DARK)
        + rect(84, 70, 72, 9, PAPER, 4)
    )


def lead(k: Ink) -> str:
    """A dog lead."""
    return (
        line("M74 64 C30 110 60 190 110 176 C164 160 120 96 168 88", k.main, 12)
        + (
            '<ellipse cx="86" cy="58" rx="34" ry="22" fill="none" '
            f'stroke="{k.shade}" stroke-width="12" transform="rotate(-36 86 '
            '58)"/>'
        )
        + rect(164, 78, 22, 18, METAL, 4)
        + line("M186 88 c22 -8 30 20 8 24 c-14 2 -14 -12 -6 -14", METAL, 6)
    )


def pet_bed(k: Ink) -> str:
    """A pet's bed with a sleeper."""
    return (
        oval(120, 158, 96, 44, k.main)
        + oval(120, 146, 72, 27, k.tint)
        + path("M76 146 C70 112 120 98 150 118 C172 132 168 152 150 156 H92 C82 156 78 152 76 146 Z", "#a9784c")
        + circle(154, 130, 19, "#b98657")
        + path("M146 114 l2 -18 l12 12 z M162 114 l8 -14 l4 16 z", "#8a5f3a")
        + line("M150 132 q4 4 8 0", DARK, 2.5)
        + path("M26 160 C40 200 200 200 214 160 C206 186 170 196 120 196 S34 186 26 160 Z", k.shade)
    )


def teaser(k: Ink) -> str:
    """A cat teaser."""
    return (
        line("M40 200 L150 60", WOOD, 8)
        + line("M150 60 C196 44 204 88 180 108", SOFT, 3)
        + path("M180 108 C160 118 158 150 172 172 C186 156 196 130 180 108 Z", k.main)
        + path("M180 108 C206 110 216 140 206 160 C190 150 180 132 180 108 Z", k.accent)
        + circle(180, 108, 8, "#e5a83b")
    )


def pet_bowl(k: Ink) -> str:
    """A pet's bowl."""
    return (
        "".join(circle(78 + 14 * i, 118 - 9 * ((i * 2) % 3), 10, "#a9784c" if i % 2 else "#8a5f3a") for i in range(7))
        + oval(120, 126, 80, 14, k.deep)
        + "".join(circle(66 + 18 * i, 122 - 4 * (i % 2), 9, "#b98657" if i % 2 else "#8a5f3a") for i in range(7))
        + path("M40 126 H200 L216 188 a10 10 0 0 1 -10 12 H34 a10 10 0 0 1 -10 -12 Z", k.main)
        + circle(120, 170, 10, PAPER)
        + "".join(circle(106 + 9.5 * i, 154 - 4 * (i in (1, 2)), 4.5, PAPER) for i in range(4))
    )


def scratching_post(k: Ink) -> str:
    """A scratching post."""
    ropes = "".join(line(f"M104 {86 + 10 * i} h32", "#b79a63", 3) for i in range(10))
    return (
        rect(52, 184, 136, 16, k.main, 7)
        + rect(102, 74, 36, 112, "#d3bb88")
        + ropes
        + rect(66, 54, 108, 22, k.main, 11)
        + line("M160 76 V106", SOFT, 3)
        + circle(160, 116, 11, k.accent)
    )


def bone(k: Ink) -> str:
    """A chew toy."""
    return turned(
        circle(58, 100, 24, k.main)
        + circle(58, 140, 24, k.main)
        + circle(182, 100, 24, k.main)
        + circle(182, 140, 24, k.main)
        + rect(58, 100, 124, 40, k.main)
        + rect(70, 106, 100, 8, k.tint, 4)
        + "".join(line(f"M{92 + 18 * i} 124 v10", k.shade, 4) for i in range(4)),
        -24,
    )
