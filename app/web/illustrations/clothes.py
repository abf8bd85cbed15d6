"""Drawings of clothes."""

from __future__ import annotations

from app.web.illustrations.ink import METAL, PAPER, Ink, circle, line, path, rect, turned


def _hanger() -> str:
    return line("M120 50 C120 36 136 38 132 48 C128 56 120 54 120 62", METAL, 4)


def jumper(k: Ink) -> str:
    """A knitted jumper."""
    body = path(
        "M96 56 C104 68 136 68 144 56 L178 72 L204 150 L180 160 L168 124 V196 H72 V124 L60 160 L36 150 L62 72 Z", k.main
    )
    ribs = (
        rect(72, 184, 96, 14, k.shade, 3)
        + turned(rect(35, 144, 28, 12, k.shade, 3), 18, 48, 150)
        + turned(rect(177, 144, 28, 12, k.shade, 3), -18, 190, 150)
    )
    knit = "".join(line(f"M{84 + 18 * i} {88 + 22 * j} l6 8 l6 -8", k.tint, 3) for i in range(4) for j in range(4))
    return body + ribs + knit + path("M96 56 C104 70 136 70 144 56 L138 52 C130 60 110 60 102 52 Z", k.deep)


def roll_neck(k: Ink) -> str:
    """A jumper with a high neck."""
    return jumper(k) + rect(97, 40, 46, 24, k.shade, 8) + line("M98 52 h44", k.deep, 2.5)


def cardigan(k: Ink) -> str:
    """A buttoned cardigan."""
    body = path(
        "M94 54 L62 72 L36 150 L60 160 L72 124 V196 H168 V124 L180 160 L204 150 L178 72 L146 54 L120 104 Z", k.main
    )
    buttons = "".join(circle(120, 118 + 18 * i, 4.5, k.pale) for i in range(4))
    return (
        path("M96 56 L120 106 L144 56 C132 66 108 66 96 56 Z", k.deep)
        + body
        + line("M94 55 L120 106 V196 M146 55 L120 106", k.shade, 8)
        + buttons
        + rect(80, 150, 26, 28, k.shade, 4)
        + rect(134, 150, 26, 28, k.shade, 4)
        + rect(72, 188, 96, 9, k.shade, 3)
    )


def shirt(k: Ink) -> str:
    """A shirt with collar and buttons."""
    body = path("M92 52 L60 68 L34 152 L58 160 L72 122 V200 H168 V122 L182 160 L206 152 L180 68 L148 52 Z", k.main)
    collar = path("M92 52 L120 66 L106 92 L84 62 Z", k.tint) + path("M148 52 L120 66 L134 92 L156 62 Z", k.tint)
    return (
        body
        + path("M98 54 L120 66 L142 54 C132 60 108 60 98 54 Z", k.deep)
        + line("M120 68 V200", k.shade, 3)
        + "".join(circle(120, 92 + 22 * i, 3.5, k.deep) for i in range(5))
        + collar
        + rect(136, 106, 24, 26, k.shade, 3)
        + line("M72 122 V190 M168 122 V190", k.shade, 3)
    )


def short_shirt(k: Ink) -> str:
    """A shirt with short sleeves."""
    body = path("M92 52 L60 66 L34 110 L62 126 L74 110 V200 H166 V110 L178 126 L206 110 L180 66 L148 52 Z", k.main)
    collar = path("M92 52 L120 68 L106 90 L84 60 Z", k.tint) + path("M148 52 L120 68 L134 90 L156 60 Z", k.tint)
    return (
        body
        + path("M98 54 L120 68 L142 54 C132 60 108 60 98 54 Z", k.deep)
        + line("M120 70 V118", k.shade, 3)
        + circle(120, 88, 3.5, k.deep)
        + circle(120, 106, 3.5, k.deep)
        + collar
        + line("M38 112 L62 124 M202 112 L178 124", k.shade, 5)
    )


def tee(k: Ink) -> str:
    """A T-shirt."""
    body = path(
        "M94 54 C102 70 138 70 146 54 L180 66 L208 112 L180 128 L166 110 V200 H74 V110 L60 128 L32 112 L60 66 Z", k.main
    )
    bars = (
        "".join(rect(74, 98 + 24 * i, 92, 9, k.tint) for i in range(4))
        if k.variant % 2
        else rect(96, 104, 48, 6, k.tint, 3) + rect(106, 118, 28, 6, k.tint, 3)
    )
    return body + bars + path("M94 54 C102 74 138 74 146 54 L140 52 C132 64 108 64 100 52 Z", k.shade)


def striped_top(k: Ink) -> str:
    """A blouse with a soft bow."""
    body = path(
        "M94 54 C104 66 136 66 146 54 L178 70 C198 96 202 126 196 152 L172 154 L168 122 V198 "
        "H72 V122 L68 154 L44 152 C38 126 42 96 62 70 Z",
        k.main,
    )
    folds = "".join(line(f"M{88 + 16 * i} 118 V192", k.shade, 2.5) for i in range(5))
    return (
        body
        + folds
        + path("M120 72 L96 60 L98 88 Z M120 72 L144 60 L142 88 Z", k.tint)
        + path("M117 74 L104 124 L116 120 L120 78 L124 120 L136 124 L123 74 Z", k.tint)
        + circle(120, 73, 6, k.shade)
        + rect(44, 144, 26, 10, k.tint, 4)
        + rect(170, 144, 26, 10, k.tint, 4)
    )


def waistcoat(k: Ink) -> str:
    """A sleeveless knitted vest."""
    body = path("M88 52 L78 56 C84 84 78 106 66 116 V198 H174 V116 C162 106 156 84 162 56 L152 52 L120 104 Z", k.main)
    knit = "".join(line(f"M{82 + 18 * i} {122 + 20 * j} l7 8 l7 -8", k.tint, 3) for i in range(5) for j in range(3))
    return body + knit + line("M90 54 L120 104 L150 54", k.shade, 8) + rect(66, 186, 108, 13, k.shade, 3)


def dress(k: Ink) -> str:
    """A dress on its hanger: length and sleeves vary."""
    hem = (150, 178, 204)[k.variant % 3]
    sleeves = (
        (
            path("M92 66 L62 84 L58 118 L78 118 L90 96 Z", k.shade)
            + path("M148 66 L178 84 L182 118 L162 118 L150 96 Z", k.shade)
        )
        if k.variant % 2
        else ""
    )
    skirt = path(
        f"M94 112 H146 C154 {(hem + 112) // 2} 172 {hem - 14} 178 {hem} C150 {hem + 8} 90 "
        f"{hem + 8} 62 {hem} C68 {hem - 14} 86 {(hem + 112) // 2} 94 112 Z",
        k.main,
    )
    folds = "".join(
        line(f"M{104 + 11 * i} 122 Q{96 + 16 * i} {hem - 30} {90 + 20 * i} {hem - 4}", k.shade, 2.5) for i in range(4)
    )
    dots = (
        "".join(
            circle(88 + (29 * i + 13 * (i % 3)) % 66, 140 + (17 * i) % max(20, hem - 150), 3, k.tint) for i in range(9)
        )
        if k.variant % 5 == 0
        else ""
    )
    bodice = path("M92 62 C100 64 104 78 120 80 C136 78 140 64 148 62 L152 92 L146 114 H94 L88 92 Z", k.main)
    return (
        _hanger()
        + line("M88 66 Q120 52 152 66", METAL, 4)
        + sleeves
        + skirt
        + folds
        + dots
        + bodice
        + rect(93, 108, 54, 9, k.deep, 4)
    )


def skirt(k: Ink) -> str:
    """A pleated skirt."""
    pleats = "".join(line(f"M{92 + 9.3 * i:g} 82 L{58 + 20.6 * i:g} 188", k.shade, 3) for i in range(7))
    return (
        path("M88 74 H152 L194 186 Q120 204 46 186 Z", k.main)
        + pleats
        + rect(86, 62, 68, 18, k.deep, 5)
        + path("M46 186 Q120 204 194 186 l3 8 Q120 212 43 194 Z", k.tint)
    )


def trousers(k: Ink) -> str:
    """Jeans or trousers."""
    legs = path("M82 44 H158 L170 202 H130 L120 104 L110 202 H70 Z", k.main)
    return (
        legs
        + rect(81, 42, 78, 15, k.shade, 3)
        + line("M120 58 V96", k.deep, 3)
        + line("M86 66 Q100 76 104 58 M154 66 Q140 76 136 58", k.tint, 3)
        + rect(69, 190, 42, 12, k.tint, 2)
        + rect(129, 190, 42, 12, k.tint, 2)
        + circle(120, 50, 4, "#d9ab4c")
        + line("M90 100 L84 186 M150 100 L156 186", k.tint, 2)
    )


def leggings(k: Ink) -> str:
    """Running tights."""
    return (
        path("M86 42 H154 L164 200 H134 L120 106 L106 200 H76 Z", k.main)
        + rect(84, 40, 72, 18, k.deep, 6)
        + line("M90 70 C92 110 88 150 88 194 M150 70 C148 110 152 150 152 194", k.accent, 6)
        + rect(78, 176, 28, 4, PAPER, 2)
        + rect(134, 176, 28, 4, PAPER, 2)
    )


def shorts(k: Ink) -> str:
    """Running shorts."""
    return (
        path("M72 76 H168 L190 176 Q156 188 130 178 L120 124 L110 178 Q84 188 50 176 Z", k.main)
        + rect(70, 70, 100, 18, k.deep, 6)
        + line("M64 118 L54 172 M176 118 L186 172", k.accent, 6)
        + line("M114 90 C108 112 112 116 110 122 M126 90 C132 112 128 116 130 122", PAPER, 3)
    )


def socks(k: Ink) -> str:
    """A pair of socks."""
    one = (
        path("M92 48 H128 V128 C128 140 120 146 108 158 L88 178 C74 192 50 182 54 164 C56 156 70 150 92 128 Z", k.main)
        + rect(90, 46, 40, 18, k.deep, 5)
        + path("M66 152 C56 160 50 170 58 180 C66 190 82 186 90 176 Z", k.accent)
    )
    return (
        f'<g transform="translate(62 16)">{one}</g>'
        + f'<g transform="translate(6 4)">{one}</g>'
        + line("M98 76 h34 M98 88 h34", PAPER, 4)
    )


def jacket(k: Ink) -> str:
    """A zipped jacket."""
    body = path("M88 56 L58 72 L34 164 L62 172 L74 130 V198 H166 V130 L178 172 L206 164 L182 72 L152 56 Z", k.main)
    pockets = line("M84 152 L104 142 M156 152 L136 142", k.deep, 5)
    return (
        body
        + path("M88 58 C100 40 140 40 152 58 L138 76 H102 Z", k.shade)
        + path("M100 58 C108 50 132 50 140 58 L130 72 H110 Z", k.deep)
        + line("M120 74 V198", k.tint, 4)
        + rect(116, 82, 8, 15, METAL, 3)
        + pockets
        + rect(74, 188, 92, 11, k.shade, 3)
        + turned(rect(34, 158, 29, 11, k.shade, 3), 15, 48, 164)
        + turned(rect(177, 158, 29, 11, k.shade, 3), -15, 192, 164)
    )


def puffer(k: Ink) -> str:
    """A quilted jacket."""
    quilts = "".join(line(f"M66 {96 + 25 * i} Q120 {106 + 25 * i} 174 {96 + 25 * i}", k.shade, 5) for i in range(4))
    arms = line("M56 104 Q46 100 50 96 M46 134 l22 6 M194 134 l-22 6 M52 108 l24 6 M188 108 l-24 6", k.shade, 4)
    return jacket(k) + quilts + arms + line("M120 74 V198", k.deep, 4)


def coat(k: Ink) -> str:
    """A long coat with a belt."""
    body = path(
        "M88 46 L60 60 L40 158 L66 164 L76 124 L68 204 H172 L164 124 L174 164 L200 158 L180 60 L152 46 Z", k.main
    )
    lapels = path("M94 46 L120 104 L98 88 L84 56 Z", k.tint) + path("M146 46 L120 104 L142 88 L156 56 Z", k.tint)
    buttons = "".join(circle(x, y, 4, k.deep) for x in (108, 134) for y in (116, 166))
    return (
        body
        + path("M96 46 L120 96 L144 46 C134 54 106 54 96 46 Z", k.deep)
        + lapels
        + line("M120 104 V204", k.shade, 3)
        + rect(73, 132, 94, 14, k.shade, 3)
        + rect(112, 129, 22, 20, k.deep, 4)
        + rect(117, 134, 12, 10, k.main, 2)
        + buttons
    )
