"""Drawings of what is eaten and drunk."""

from __future__ import annotations

from app.web.illustrations.ink import DARK, LEAF, METAL, PAPER, SOFT, Ink, circle, line, mix, oval, path, rect, turned


def bag(k: Ink) -> str:
    """A coffee or food bag with a label."""
    return (
        path("M66 50 H174 L182 192 a8 8 0 0 1 -8 8 H66 a8 8 0 0 1 -8 -8 Z", k.main)
        + rect(64, 38, 112, 22, k.shade, 4)
        + line("M72 49 h96", k.tint, 3)
        + rect(78, 92, 84, 72, PAPER, 10)
        + oval(108, 124, 15, 20, "#80563b", 'transform="rotate(28 108 124)"')
        + line("M101 108 q8 16 12 34", "#d9b48a", 3)
        + oval(136, 132, 12, 16, "#6b452c", 'transform="rotate(-24 136 132)"')
        + line("M141 118 q-6 14 -9 28", "#d9b48a", 3)
        + circle(160, 78, 6, k.deep)
    )


def tea(k: Ink) -> str:
    """A tea box with a bag of tea."""
    return (
        rect(50, 74, 116, 126, k.main, 6)
        + path("M50 74 l14 -22 h116 l-14 22 z", k.tint)
        + path("M166 74 l14 -22 v126 l-14 22 z", k.shade)
        + rect(66, 98, 84, 76, PAPER, 6)
        + path("M108 162 C76 146 90 112 108 104 C126 112 140 146 108 162 Z", LEAF)
        + line("M108 108 V168", mix(LEAF, DARK, 0.3), 3)
        + line("M186 108 C206 112 196 140 208 148", SOFT, 2.5)
        + rect(196, 146, 26, 30, k.accent, 4)
    )


def pasta(k: Ink) -> str:
    """A pack of pasta."""
    shapes = "".join(
        oval(
            88 + (31 * i + k.variant) % 66,
            124 + (19 * i) % 56,
            13,
            5,
            "#edc873" if i % 2 else "#e3b755",
            f'transform="rotate({37 * i} {88 + (31 * i + k.variant) % 66} {124 + (19 * i) % 56})"',
        )
        for i in range(15)
    )
    return (
        path("M66 46 H174 L178 192 a8 8 0 0 1 -8 8 H70 a8 8 0 0 1 -8 -8 Z", k.accent)
        + path(
            "M64 46 h112 l-4 -12 l-10 8 l-10 -8 l-10 8 l-10 -8 l-10 8 l-10 -8 l-10 8 l-10 -8 "
            "l-10 8 l-10 -8 l-10 8 l-4 -8 z",
            mix(k.accent, DARK, 0.25),
        )
        + rect(74, 108, 92, 82, "#fff4d8", 14)
        + shapes
        + rect(82, 64, 76, 12, PAPER, 6)
        + rect(94, 84, 52, 7, mix(k.accent, "#ffffff", 0.5), 3.5)
    )


def jar(k: Ink) -> str:
    """A jar with a label."""
    return (
        path(
            "M74 74 H166 C178 84 180 96 180 110 V182 a18 18 0 0 1 -18 18 H78 a18 18 0 0 1 -18 "
            "-18 V110 C60 96 62 84 74 74 Z",
            k.main,
        )
        + path("M72 98 C76 90 80 86 84 84 V190 C74 188 70 182 70 176 Z", k.tint)
        + rect(70, 46, 100, 30, k.accent, 7)
        + "".join(line(f"M{82 + 13 * i} 52 v18", mix(k.accent, DARK, 0.2), 3) for i in range(7))
        + rect(60, 116, 120, 52, PAPER, 2)
        + circle(120, 142, 17, k.main)
        + path("M112 128 q8 -14 18 -8 q-4 12 -18 8 z", LEAF)
    )


def oil(k: Ink) -> str:
    """A bottle of oil or vinegar."""
    return (
        rect(108, 34, 24, 18, DARK, 4)
        + path(
            "M110 52 H130 V84 C130 96 156 104 156 128 V188 a12 12 0 0 1 -12 12 H96 a12 12 0 0 1 "
            "-12 -12 V128 C84 104 110 96 110 84 Z",
            k.main,
        )
        + path("M94 128 C94 116 104 110 110 104 V186 H102 a8 8 0 0 1 -8 -8 Z", k.tint)
        + rect(84, 134, 72, 46, PAPER)
        + oval(112, 156, 9, 12, "#7c8049", 'transform="rotate(24 112 156)"')
        + oval(130, 158, 8, 11, "#5d6638", 'transform="rotate(-20 130 158)"')
        + line("M112 144 q10 -8 20 -2", LEAF, 3)
    )


def tin(k: Ink) -> str:
    """A tin with a label."""
    return (
        oval(120, 192, 58, 11, METAL)
        + rect(62, 62, 116, 130, METAL)
        + rect(62, 78, 116, 98, k.accent)
        + rect(62, 78, 18, 98, mix(k.accent, "#ffffff", 0.3))
        + oval(120, 62, 58, 12, mix(METAL, "#ffffff", 0.4))
        + oval(120, 62, 46, 8, METAL)
        + circle(124, 128, 32, PAPER)
        + circle(114, 124, 10, "#d9ab4c")
        + circle(134, 122, 9, "#cf9f55")
        + circle(124, 140, 10, "#e3b755")
    )


def rice(k: Ink) -> str:
    """A pack of grains with a window."""
    grains = "".join(
        oval(
            92 + (23 * i) % 58,
            128 + (17 * i) % 48,
            6,
            2.6,
            "#fffaf0",
            f'transform="rotate({47 * i} {92 + (23 * i) % 58} {128 + (17 * i) % 48})"',
        )
        for i in range(22)
    )
    return (
        rect(64, 42, 112, 158, k.accent, 9)
        + rect(64, 42, 112, 24, mix(k.accent, DARK, 0.2), 9)
        + rect(80, 78, 80, 14, PAPER, 7)
        + rect(80, 112, 80, 76, "#d8c08e", 14)
        + grains
    )


def chocolate(k: Ink) -> str:
    """A chocolate bar half out of its wrapper."""
    squares = "".join(rect(82 + 27 * i, 48 + 26 * j, 22, 21, "#8a5a3a", 3) for i in range(3) for j in range(3))
    return turned(
        rect(74, 40, 92, 110, "#6b432a", 5)
        + squares
        + path(
            "M70 122 l10 8 l10 -8 l10 8 l10 -8 l10 8 l10 -8 l10 8 l10 -8 l10 8 l10 -8 V196 a6 6 "
            "0 0 1 -6 6 H76 a6 6 0 0 1 -6 -6 Z",
            k.accent,
        )
        + rect(84, 150, 72, 30, PAPER, 6)
        + rect(94, 161, 52, 8, mix(k.accent, "#ffffff", 0.3), 4),
        10,
    )
