"""Drawings of computers and what belongs to them."""

from __future__ import annotations

from app.web.illustrations.ink import DARK, METAL, PAPER, SCREEN, SOFT, Ink, circle, line, mix, oval, path, rect, turned


def laptop(k: Ink) -> str:
    """An open laptop."""
    wave = path("M60 142 C92 104 120 148 146 120 S176 108 182 100 v50 h-122 z", k.accent)
    return (
        rect(52, 58, 136, 102, DARK, 9)
        + rect(58, 64, 124, 88, SCREEN, 4)
        + wave
        + path("M58 152 C98 128 130 158 182 130 v22 h-124 z", mix(k.accent, "#ffffff", 0.35))
        + path("M32 162 h176 l10 24 a8 8 0 0 1 -8 10 h-180 a8 8 0 0 1 -8 -10 z", METAL)
        + rect(22, 188, 196, 9, mix(METAL, DARK, 0.2), 4)
        + rect(98, 162, 44, 6, mix(METAL, DARK, 0.25), 3)
    )


def gaming_laptop(k: Ink) -> str:
    """An open laptop with lit keys."""
    keys = "".join(
        rect(54 + 14 * i, 167 + 8 * j, 10, 5, mix(k.accent, "#ffffff", 0.25 * ((i + j) % 3)), 2)
        for i in range(10)
        for j in range(2)
    )
    return (
        laptop(k)
        + path("M32 162 h176 l10 26 h-196 z", DARK)
        + keys
        + path("M110 84 l22 0 l-11 22 h14 l-30 34 l8 -26 h-14 z", PAPER)
    )


def monitor(k: Ink) -> str:
    """A monitor on its stand."""
    return (
        path("M104 162 h32 l6 34 h-44 z", METAL)
        + rect(78, 192, 84, 10, mix(METAL, DARK, 0.2), 5)
        + rect(30, 48, 180, 120, DARK, 9)
        + rect(37, 55, 166, 100, mix(k.accent, "#ffffff", 0.25), 3)
        + path("M37 155 L86 92 L122 138 L148 112 L203 155 z", mix(k.accent, "#101830", 0.3))
        + circle(166, 84, 13, PAPER)
    )


def gaming_monitor(k: Ink) -> str:
    """A curved monitor with a scene."""
    return (
        line("M120 168 L84 200 M120 168 L156 200", DARK, 9)
        + path("M24 58 Q120 72 216 58 v104 Q120 176 24 162 z", DARK)
        + path("M32 67 Q120 80 208 67 v86 Q120 166 32 153 z", mix(k.accent, "#101830", 0.5))
        + path("M32 150 Q120 163 208 150 L208 132 L160 104 L130 134 L98 98 L32 140 z", k.accent)
        + circle(150, 96, 13, PAPER, 'opacity=".85"')
    )


def keyboard(k: Ink) -> str:
    """A keyboard."""
    base = mix(k.main, DARK, 0.0)
    cap = k.tint if k.main == DARK or k.main.startswith("#2") else k.deep
    keys = "".join(
        rect(36 + 17.2 * i + 4 * j, 102 + 18 * j, 13.5, 13.5, cap, 3) for j in range(3) for i in range(9 if j else 10)
    )
    return turned(rect(24, 90, 192, 94, base, 12) + keys + rect(70, 157, 100, 13, cap, 4), -6)


def gaming_keyboard(k: Ink) -> str:
    """A keyboard with lit keys."""
    hues = (k.accent, mix(k.accent, "#ff4fa0", 0.5), mix(k.accent, "#40e0ff", 0.6), mix(k.accent, "#ffe14f", 0.5))
    keys = "".join(
        rect(36 + 17.2 * i, 100 + 18.5 * j, 14, 14, hues[(i // 3 + j + k.variant) % 4], 3.5)
        for j in range(3)
        for i in range(10)
    )
    return turned(
        rect(24, 88, 192, 98, DARK, 12) + rect(24, 178, 192, 8, k.accent, 4) + keys + rect(72, 156, 96, 13, hues[1], 4),
        -6,
    )


def mouse(k: Ink) -> str:
    """A mouse."""
    return (
        rect(74, 48, 92, 152, k.main, 46)
        + path("M120 48 a46 46 0 0 1 46 46 v10 h-46 z", k.tint)
        + line("M120 50 V104 M76 104 h88", k.deep, 3)
        + rect(113, 64, 14, 28, k.accent, 7)
        + circle(120, 168, 7, k.accent)
    )


def graphics_card(k: Ink) -> str:
    """A graphics card with fans."""

    def fan(x: float) -> str:
        blades = "".join(turned(oval(x, 110, 6, 15, SOFT), d, x, 128) for d in range(0, 360, 45))
        return circle(x, 128, 35, "#171a22") + blades + circle(x, 128, 9, k.accent)

    return (
        rect(26, 76, 8, 112, METAL, 2)
        + rect(34, 82, 180, 92, DARK, 8)
        + rect(34, 82, 180, 10, k.accent, 4)
        + fan(84)
        + fan(162)
        + rect(70, 176, 92, 12, "#e0bd6a", 2)
    )


def solid_disk(k: Ink) -> str:
    """A solid-state disk."""
    return (
        rect(66, 46, 108, 154, DARK, 12)
        + rect(76, 58, 88, 84, k.accent, 6)
        + rect(86, 70, 42, 9, PAPER, 4)
        + rect(86, 88, 62, 6, mix(k.accent, "#ffffff", 0.5), 3)
        + rect(86, 118, 24, 14, PAPER, 3)
        + rect(92, 182, 56, 12, "#e0bd6a", 2)
    )


def router(k: Ink) -> str:
    """A router with antennas."""
    waves = (
        line("M84 70 a50 50 0 0 1 72 0", k.accent, 6)
        + line("M100 88 a28 28 0 0 1 40 0", k.accent, 6)
        + circle(120, 104, 6, k.accent)
    )
    lamps = "".join(circle(84 + 18 * i, 172, 3.6, k.accent if i < 3 else METAL) for i in range(5))
    return (
        waves
        + line("M52 154 L40 80 M188 154 L200 80", DARK, 9)
        + rect(36, 142, 168, 56, PAPER, 16)
        + rect(36, 184, 168, 14, mix(PAPER, DARK, 0.15), 7)
        + lamps
    )


def printer(k: Ink) -> str:
    """A printer with a page."""
    return (
        rect(78, 40, 84, 62, PAPER, 3)
        + rect(40, 94, 160, 76, mix(DARK, PAPER, 0.12), 12)
        + rect(40, 94, 160, 18, SOFT, 9)
        + rect(70, 148, 100, 54, PAPER, 3)
        + "".join(rect(82, 160 + 11 * i, 76 - 18 * (i % 2), 4, k.accent if i == 0 else METAL, 2) for i in range(4))
        + circle(182, 126, 5, k.accent)
    )


def ink_cartridge(k: Ink) -> str:
    """An ink cartridge with a drop."""
    return (
        rect(60, 74, 96, 126, DARK, 10)
        + rect(60, 74, 96, 40, k.main, 10)
        + rect(72, 62, 28, 14, SOFT, 4)
        + rect(74, 132, 68, 50, PAPER, 5)
        + path("M170 112 c16 24 24 36 24 48 a24 24 0 0 1 -48 0 c0 -12 8 -24 24 -48 z", k.main)
        + oval(162, 166, 5, 9, k.tint)
    )


def webcam(k: Ink) -> str:
    """A webcam on its foot."""
    return (
        rect(76, 188, 88, 12, SOFT, 6)
        + rect(112, 146, 16, 48, METAL, 4)
        + rect(48, 66, 144, 88, k.main, 40)
        + circle(120, 110, 32, DARK)
        + circle(120, 110, 22, SCREEN)
        + circle(120, 110, 10, mix(k.accent, SCREEN, 0.3))
        + circle(110, 101, 5, PAPER)
        + circle(170, 110, 4, "#65d68b")
    )


def dock(k: Ink) -> str:
    """A dock with its ports."""
    ports = "".join(rect(54 + 34 * i, 146, 22, 11, SCREEN, 4) for i in range(4))
    return (
        line("M202 140 C228 120 214 70 170 72 C140 74 146 100 120 98", SOFT, 7)
        + rect(36, 118, 168, 72, k.main, 16)
        + rect(36, 118, 168, 16, k.tint, 8)
        + ports
        + circle(60, 174, 4, "#65d68b")
    )


def laptop_stand(k: Ink) -> str:
    """A laptop on a stand."""
    return (
        path("M60 196 L96 138 L188 138 L174 150 L108 150 L82 200 z", k.main)
        + rect(52, 192, 120, 9, k.shade, 4)
        + turned(rect(86, 126, 122, 10, METAL, 4), -5)
        + turned(rect(184, 44, 9, 88, DARK, 4), 12, 188, 130)
        + rect(88, 138, 8, 14, k.deep, 3)
    )
