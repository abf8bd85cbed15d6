"""Drawings of what plays, shows, takes pictures or runs a home."""

from __future__ import annotations

from app.web.illustrations.ink import (
    DARK,
    METAL,
    PAPER,
    SCREEN,
    SOFT,
    Ink,
    circle,
    line,
    mirrored,
    mix,
    moved,
    oval,
    path,
    rect,
    ring,
    turned,
)


def headphones(k: Ink) -> str:
    """Over-ear headphones."""
    cup = rect(46, 122, 34, 66, k.main, 16) + rect(74, 128, 14, 54, k.deep, 7) + rect(53, 130, 7, 48, k.tint, 3.5)
    return (
        line("M62 128 C58 36 182 36 178 128", k.shade, 13)
        + line("M80 74 C98 56 142 56 160 74", k.tint, 5)
        + mirrored(cup)
    )


def gaming_headset(k: Ink) -> str:
    """Headphones with a microphone."""
    lights = ring(62, 155, 9, k.accent, 4) + ring(178, 155, 9, k.accent, 4)
    mic = line("M66 186 C70 206 96 210 112 206", k.deep, 5) + rect(110, 199, 22, 13, k.deep, 6)
    return headphones(k) + lights + mic


def earbuds(k: Ink) -> str:
    """Earbuds over their open case."""
    case = (
        path("M60 150 h120 v22 a30 30 0 0 1 -30 30 h-60 a30 30 0 0 1 -30 -30 z", k.main)
        + rect(60, 146, 120, 10, k.shade, 4)
        + circle(120, 178, 4, k.pale)
    )
    bud = (
        oval(90, 84, 21, 24, k.main)
        + oval(101, 88, 9, 14, k.deep)
        + rect(79, 92, 15, 46, k.shade, 7.5)
        + oval(82, 76, 6, 8, k.tint)
    )
    return case + mirrored(bud)


def speaker(k: Ink) -> str:
    """A bookshelf speaker."""
    body = rect(74, 46, 92, 156, k.main, 12) + rect(74, 46, 14, 156, k.tint, 7)
    return (
        body
        + circle(122, 88, 20, k.deep)
        + circle(122, 88, 9, k.tint)
        + circle(122, 150, 33, k.deep)
        + circle(122, 150, 25, k.shade)
        + circle(122, 150, 10, k.tint)
    )


def portable_speaker(k: Ink) -> str:
    """A lying speaker with a strap."""
    dots = "".join(circle(74 + 13 * i, 124 + 14 * j, 2.6, k.deep) for i in range(8) for j in range(5))
    return (
        line("M196 128 C222 132 222 170 198 174", k.deep, 6)
        + rect(38, 98, 164, 102, k.main, 42)
        + rect(60, 112, 120, 78, k.shade, 30)
        + dots
        + rect(104, 100, 32, 8, k.tint, 4)
    )


def smart_speaker(k: Ink) -> str:
    """A round speaker with a ring of light."""
    weave = "".join(
        line(f"M64 {118 + 13 * i} C92 {130 + 13 * i} 148 {130 + 13 * i} 176 {118 + 13 * i}", k.shade, 2.5)
        for i in range(6)
    )
    return (
        path("M60 96 h120 v74 a60 30 0 0 1 -120 0 z", k.main)
        + weave
        + oval(120, 96, 60, 22, k.deep)
        + oval(120, 96, 46, 15, k.accent)
        + oval(120, 96, 38, 12, k.deep)
    )


def phone(k: Ink) -> str:
    """The back and the front of a phone."""
    back = (
        rect(62, 44, 78, 156, k.main, 15)
        + rect(70, 54, 32, 42, k.shade, 11)
        + circle(84, 66, 7, DARK)
        + circle(84, 84, 7, DARK)
        + circle(97, 75, 3, k.pale)
    )
    screen = rect(106, 56, 78, 144, DARK, 15) + rect(111, 61, 68, 134, k.accent, 11)
    art = path(
        "M111 152 C132 122 156 172 179 138 v46 a11 11 0 0 1 -11 11 h-46 a11 11 0 0 1 -11 -11 z",
        mix(k.accent, "#ffffff", 0.35),
    )
    return back + screen + art + circle(158, 96, 13, mix(k.accent, "#ffffff", 0.6)) + rect(134, 66, 22, 5, DARK, 2.5)


def tablet(k: Ink) -> str:
    """A tablet with a picture on it."""
    hills = path("M58 166 L98 116 L126 150 L146 128 L182 168 v16 h-124 z", mix(k.accent, "#203040", 0.3))
    return (
        rect(46, 42, 148, 160, DARK, 14)
        + rect(57, 56, 126, 130, mix(k.accent, "#ffffff", 0.45), 4)
        + circle(152, 84, 13, PAPER)
        + hills
        + circle(120, 194, 3, SOFT)
    )


def e_reader(k: Ink) -> str:
    """A reader with a page of text."""
    lines = "".join(rect(78, 76 + 12 * i, 84 if i % 4 else 60, 4, SOFT, 2) for i in range(8))
    return (
        rect(60, 40, 120, 162, k.main if k.main != PAPER else DARK, 12)
        + rect(70, 54, 100, 124, "#f1ede1", 3)
        + lines
        + rect(108, 187, 24, 5, k.tint, 2.5)
    )


def television(k: Ink) -> str:
    """A wide screen on two feet."""
    return (
        rect(26, 60, 188, 116, DARK, 7)
        + rect(31, 65, 178, 104, SCREEN, 3)
        + path("M31 148 C70 92 104 150 138 116 S190 112 209 92 v74 a3 3 0 0 1 -3 3 h-172 a3 3 0 0 1 -3 -3 z", k.accent)
        + path(
            "M31 158 C84 126 118 166 209 128 v38 a3 3 0 0 1 -3 3 h-172 a3 3 0 0 1 -3 -3 z",
            mix(k.accent, "#ffffff", 0.4),
        )
        + circle(172, 92, 12, "#ffd98a")
        + line("M66 180 L56 198 M174 180 L184 198", SOFT, 6)
    )


def console(k: Ink) -> str:
    """A standing console beside its controller."""
    return (
        rect(74, 44, 48, 156, k.main, 9)
        + rect(74, 44, 14, 156, k.tint, 7)
        + rect(100, 58, 4, 92, k.accent, 2)
        + circle(104, 176, 4, k.accent)
        + moved(controller(k), 96, 96, 0.52)
    )


def handheld(k: Ink) -> str:
    """A handheld console."""
    sides = rect(26, 76, 52, 104, k.main, 24) + circle(52, 108, 12, k.deep) + circle(52, 108, 6, k.tint)
    return (
        mirrored(sides)
        + rect(62, 76, 116, 104, DARK, 6)
        + rect(70, 84, 100, 88, k.accent, 4)
        + path(
            "M70 152 L104 112 L128 142 L144 126 L170 154 v14 a4 4 0 0 1 -4 4 h-92 a4 4 0 0 1 -4 -4z",
            mix(k.accent, "#101830", 0.35),
        )
        + circle(52, 146, 5, k.pale)
        + circle(188, 146, 5, k.pale)
    )


def controller(k: Ink) -> str:
    """A game controller."""
    body = path(
        "M70 84 h100 c28 0 44 60 44 88 c0 26 -28 30 -40 6 c-8 -16 -14 -22 -26 -22 h-56 c-12 "
        "0 -18 6 -26 22 c-12 24 -40 20 -40 -6 c0 -28 16 -88 44 -88 z",
        k.main,
    )
    pad = rect(66, 108, 34, 11, k.deep, 3) + rect(77.5, 96.5, 11, 34, k.deep, 3)
    knobs = "".join(
        circle(x, y, 6, c)
        for x, y, c in ((166, 100, k.accent), (180, 113, k.tint), (152, 113, k.tint), (166, 126, k.accent))
    )
    return (
        body
        + pad
        + knobs
        + circle(101, 140, 12, k.deep)
        + circle(140, 140, 12, k.deep)
        + circle(101, 140, 6, k.shade)
        + circle(140, 140, 6, k.shade)
        + rect(108, 94, 24, 12, k.tint, 6)
    )


def game_case(k: Ink) -> str:
    """A game in its case: a scene, no letters."""
    kind = k.variant % 3
    sky = rect(62, 62, 116, 138, mix(k.accent, "#101830", 0.45), 2)
    star = "".join(circle(74 + (37 * i + 11 * k.variant) % 94, 72 + (23 * i) % 60, 1.8, PAPER) for i in range(9))
    scene = (
        circle(146, 102, 20, mix(k.main, "#ffffff", 0.35))
        + path("M62 200 L98 132 L122 168 L144 140 L178 196 v4 z", k.main),
        circle(120, 128, 34, k.main)
        + oval(120, 128, 54, 12, "none", f'stroke="{PAPER}" stroke-width="5"')
        + path("M62 200 v-18 C100 166 140 190 178 174 v26 z", k.shade),
        path("M62 200 L110 120 h20 L178 200 z", SOFT)
        + path("M117 132 h6 l1 14 h-8 z M115 160 h10 l2 22 h-14 z", PAPER)
        + circle(120, 104, 22, k.main),
    )[kind]
    return (
        rect(56, 40, 128, 162, k.deep, 6)
        + rect(56, 40, 128, 20, k.accent, 6)
        + rect(66, 47, 40, 6, PAPER, 3)
        + sky
        + star
        + scene
    )


def watch(k: Ink) -> str:
    """A smart watch."""
    strap = path("M96 40 h48 l6 44 h-60 z", k.shade) + path("M90 158 h60 l-6 44 h-48 z", k.shade)
    face = rect(76, 76, 88, 90, DARK, 26) + rect(83, 83, 74, 76, SCREEN, 21)
    return (
        strap
        + face
        + ring(120, 121, 25, mix(k.accent, "#ffffff", 0.1), 6)
        + line("M120 96 a25 25 0 0 1 22 37", PAPER, 6)
        + line("M108 122 h8 l5 -10 l6 18 l4 -8 h6", PAPER, 3)
        + rect(164, 108, 7, 22, k.deep, 3)
    )


def camera(k: Ink) -> str:
    """A camera with its lens."""
    return (
        path("M88 84 l10 -20 h44 l10 20 z", k.deep)
        + rect(36, 80, 168, 112, k.main, 14)
        + rect(36, 104, 168, 58, k.deep, 0)
        + circle(120, 136, 46, DARK)
        + circle(120, 136, 37, SOFT)
        + circle(120, 136, 27, SCREEN)
        + circle(120, 136, 14, mix(k.accent, SCREEN, 0.4))
        + circle(109, 125, 7, "#ffffff", 'opacity=".55"')
        + rect(48, 71, 26, 10, k.shade, 4)
        + circle(186, 92, 5, k.accent)
        + rect(104, 70, 32, 9, PAPER, 3)
    )


def lens(k: Ink) -> str:
    """A lens standing up."""
    grip = "".join(rect(66 + 9 * i, 106, 4, 34, SOFT, 2) for i in range(12))
    return (
        rect(70, 168, 100, 32, METAL, 4)
        + rect(62, 92, 116, 80, DARK, 8)
        + grip
        + rect(62, 146, 116, 5, k.accent)
        + rect(56, 58, 128, 40, DARK, 8)
        + oval(120, 60, 64, 17, SOFT)
        + oval(120, 60, 50, 12, SCREEN)
        + oval(104, 57, 16, 4, mix(k.accent, "#ffffff", 0.4))
    )


def memory_card(k: Ink) -> str:
    """A memory card."""
    pins = "".join(rect(92 + 14 * i, 52, 8, 24, "#e0bd6a", 2) for i in range(5))
    return (
        path("M72 54 a8 8 0 0 1 8 -8 h84 l16 16 v130 a8 8 0 0 1 -8 8 h-92 a8 8 0 0 1 -8 -8 z", DARK)
        + pins
        + rect(84, 96, 84, 88, k.accent, 6)
        + rect(94, 108, 44, 8, PAPER, 4)
        + rect(94, 124, 64, 6, mix(k.accent, "#ffffff", 0.5), 3)
        + rect(94, 160, 30, 12, PAPER, 3)
    )


def tripod(k: Ink) -> str:
    """A tripod."""
    return (
        line("M120 108 L66 200 M120 108 L174 200 M120 108 L122 196", k.deep, 9)
        + line("M94 154 h52", METAL, 5)
        + rect(112, 62, 16, 56, METAL, 4)
        + rect(92, 46, 56, 18, DARK, 6)
        + rect(104, 38, 32, 9, k.accent, 3)
        + circle(120, 92, 13, DARK)
        + line("M132 92 L172 106", DARK, 6)
    )


def power_bank(k: Ink) -> str:
    """A power bank with its cable."""
    dots = "".join(circle(104 + 11 * i, 176, 3.2, PAPER if i < 3 else k.deep) for i in range(4))
    return (
        line("M152 46 C196 20 214 84 176 92", SOFT, 6)
        + rect(80, 54, 82, 148, k.main, 18)
        + rect(80, 54, 16, 148, k.tint, 8)
        + path("M126 96 l-20 36 h16 l-6 28 l24 -38 h-17 l9 -26 z", k.pale)
        + dots
        + rect(142, 42, 18, 14, METAL, 3)
    )


def bulb(k: Ink) -> str:
    """A light bulb, lit."""
    glow = {0: "#ffd98a", 1: "#ffc46b", 2: "#ffe7b3"}[k.variant % 3]
    return (
        circle(120, 100, 78, glow, 'opacity=".28"')
        + path("M120 44 a54 54 0 0 1 32 97 c-8 7 -8 14 -8 21 h-48 c0 -7 0 -14 -8 -21 a54 54 0 0 1 32 -97 z", glow)
        + path("M96 84 a28 28 0 0 1 22 -22", "none", 'stroke="#fff" stroke-width="6" stroke-linecap="round"')
        + line("M106 158 L104 112 l16 12 l16 -12 l-2 46", "#e09a3a", 3.5)
        + rect(96, 164, 48, 8, METAL, 4)
        + rect(98, 175, 44, 8, METAL, 4)
        + path("M102 186 h36 l-8 16 h-20 z", SOFT)
    )


def thermostat(k: Ink) -> str:
    """A round thermostat."""
    ticks = "".join(
        turned(rect(118, 62, 4, 12, k.accent if -90 <= d <= 50 else METAL, 2), d) for d in range(-120, 121, 20)
    )
    return (
        circle(120, 122, 78, PAPER)
        + circle(120, 122, 70, DARK)
        + moved(ticks, 0, 2)
        + circle(120, 122, 40, SCREEN)
        + line("M104 128 a16 16 0 1 1 32 0", PAPER, 5)
        + circle(120, 134, 5, k.accent)
    )


def radiator_valve(k: Ink) -> str:
    """A radiator valve."""
    return (
        rect(40, 128, 30, 30, METAL, 4)
        + rect(66, 112, 22, 62, METAL, 5)
        + rect(84, 96, 106, 94, PAPER, 26)
        + rect(150, 96, 40, 94, mix(PAPER, DARK, 0.12), 20)
        + rect(100, 122, 44, 42, SCREEN, 8)
        + line("M110 148 l8 -16 l8 16 l8 -16", k.accent, 4)
    )


def smart_plug(k: Ink) -> str:
    """A plug for the wall."""
    return (
        rect(64, 58, 112, 132, PAPER, 30)
        + circle(120, 120, 42, mix(PAPER, DARK, 0.1))
        + circle(120, 120, 34, mix(PAPER, DARK, 0.22))
        + circle(104, 120, 6, DARK)
        + circle(136, 120, 6, DARK)
        + circle(120, 174, 5, k.accent)
    )


def doorbell(k: Ink) -> str:
    """A video doorbell."""
    return (
        rect(84, 40, 72, 162, DARK, 34)
        + circle(120, 82, 25, SOFT)
        + circle(120, 82, 16, SCREEN)
        + circle(114, 76, 5, PAPER, 'opacity=".7"')
        + circle(120, 156, 22, k.accent)
        + circle(120, 156, 15, PAPER)
        + path("M112 160 a8 9 0 0 1 16 0 l2 4 h-20 z", DARK)
    )
