"""Colours and the few SVG shapes that every drawing is made of. The canvas is 240 by 240; things stand on y = 200."""

from __future__ import annotations

from dataclasses import dataclass

NAMED = {
    "black": "#2b2e38", "white": "#f7f5f0", "sand": "#dcc7a3", "sage": "#9db08f", "navy": "#2f4270", "grey": "#9aa0a8",
    "olive": "#7c8049", "cream": "#f1e6cf", "rust": "#b9562f", "tan": "#c1895a", "moss": "#6d7f4a", "green": "#4f9a69",
    "stone": "#bdb3a4", "terracotta": "#c96a4a", "oat": "#e2d5bd", "steel": "#b4bcc5", "coral": "#f08069",
    "graphite": "#4b505b", "forest green": "#2f6b4f", "charcoal": "#454a54", "blue": "#3f7fc4", "indigo": "#3c4a86",
    "red": "#d2453d", "lilac": "#b7a2d8", "light blue": "#a6cbe6", "petrol": "#24697a", "midnight blue": "#2b3563",
    "sky blue": "#8fc1e8", "plum": "#7a4068", "burgundy": "#7d2b3f", "off-white": "#f2efe6", "pine green": "#2d6250",
    "silver": "#c4cad2", "tobacco": "#8c6239", "slate": "#64727f", "teal": "#2a8f8a", "pistachio": "#b5cf8f",
    "khaki": "#b0a374", "gold": "#d9ab4c", "brown": "#80563b", "apricot": "#f3b07c", "poppy red": "#dd4a36",
    "fog grey": "#c2c7cb", "ochre": "#d09a3c", "amber": "#e0993a", "smoke": "#8d8f96", "blue-grey": "#8699ad",
    "orange": "#ee8a3a", "yellow": "#f2c94c", "walnut": "#7b5238", "crimson": "#b8283f", "mint": "#a5d8c0",
    "cyan": "#37b3d1", "camel": "#c49a6c", "ecru": "#e4dac1", "blush": "#eec3bb", "natural": "#d8c3a0",
    "electric blue": "#2f6bf0", "lime": "#b8d838", "clay": "#b97a5b", "glacier blue": "#a8d5e2", "ivory": "#f5eedd",
    "nude": "#e3bfa5", "deep blue": "#274b8f", "dusty pink": "#d8a6a6", "sea green": "#5fab97", "purple": "#8358b0",
    "anthracite": "#3c4149", "rosewood": "#9a4a4f", "peach": "#f5b595", "brick": "#a84a36", "fig": "#6d3f63",
    # Materials, for what has no colour of its own.
    "oak": "#cf9f68", "pine": "#e0bd85", "bamboo": "#d9be7f", "ash": "#d9c6a5", "beech": "#dcb587", "maple": "#e3c294",
    "birch": "#e8d4b0", "acacia": "#a8713f", "larch": "#c58f57", "wood": "#c99a63", "laminate": "#eceae4",
    "stainless": "#bcc4cc", "aluminium": "#c9ced4", "cast iron": "#40444c", "carbon steel": "#6a717b",
    "copper": "#c9784f", "brass": "#cfa54f", "paper": "#f3e9d6", "canvas": "#d9cbab", "leather": "#9b633f",
    "suede": "#b08561", "nubuck": "#b5885a", "cork": "#c99d6d", "jute": "#cdb07b", "wool": "#d9cdb8",
    "linen": "#dccfb6", "cotton": "#efe9dd", "silk": "#efdcd0", "velvet": "#7b5a86", "stoneware": "#c9c0b0",
    "porcelain": "#f4f3ef", "glass": "#b9d9db", "silicone": "#d98b8b", "fired clay": "#c7704b", "coir": "#8f6b45",
    "rubber": "#5f6a63",
}  # fmt: skip
"""A colour or material as the catalogue writes it → how it is drawn."""

HUES = ("#5b8def", "#e07a5f", "#3d9a8b", "#e5a83b", "#8f6bc4", "#d0587e", "#4f9a69", "#4a6fa5", "#c9784f")
"""For what says nothing of its colour."""


@dataclass(frozen=True, slots=True)
class Ink:
    """The colours of one picture. `variant` is a number from the product's id, for small differences."""

    main: str
    accent: str
    variant: int
    label: str = ""  # the product's name, where a drawing prints it

    @property
    def shade(self) -> str:
        """The main colour in shadow."""
        return mix(self.main, "#1c2030", 0.2)

    @property
    def deep(self) -> str:
        """The main colour in deep shadow."""
        return mix(self.main, "#1c2030", 0.42)

    @property
    def tint(self) -> str:
        """The main colour in light."""
        return mix(self.main, "#ffffff", 0.35)

    @property
    def pale(self) -> str:
        """A breath of the main colour."""
        return mix(self.main, "#ffffff", 0.72)


DARK, SOFT, PAPER, METAL, WOOD, LEAF, SCREEN, SHADOW = (
    "#2b2e38", "#555b68", "#fbf8f1", "#c2c8d0", "#cf9f68", "#5b9a63", "#20283c", "#1c2030",
)  # fmt: skip


def mix(one: str, other: str, share: float) -> str:
    """The colour `share` (0..1) of the way from one #rrggbb to another."""
    a, b = (tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in (one, other))
    return "#" + "".join(f"{round(x + (y - x) * share):02x}" for x, y in zip(a, b, strict=True))


def light(colour: str) -> float:
    """How light a #rrggbb is, 0..1."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 0.3 * red + 0.59 * green + 0.11 * blue


def rect(x: float, y: float, w: float, h: float, fill: str, r: float = 0, more: str = "") -> str:
    """A rectangle with corners rounded by r."""
    return f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="{r:g}" fill="{fill}"{_more(more)}/>'


def circle(x: float, y: float, r: float, fill: str, more: str = "") -> str:
    """A disc."""
    return f'<circle cx="{x:g}" cy="{y:g}" r="{r:g}" fill="{fill}"{_more(more)}/>'


def oval(x: float, y: float, rx: float, ry: float, fill: str, more: str = "") -> str:
    """An ellipse."""
    return f'<ellipse cx="{x:g}" cy="{y:g}" rx="{rx:g}" ry="{ry:g}" fill="{fill}"{_more(more)}/>'


def path(d: str, fill: str, more: str = "") -> str:
    """A filled path."""
    return f'<path d="{d}" fill="{fill}"{_more(more)}/>'


def line(d: str, colour: str, width: float = 4, more: str = "") -> str:
    """A path drawn as a line with round ends."""
    return (
        f'<path d="{d}" fill="none" stroke="{colour}" stroke-width="{width:g}" stroke-linecap="round" '
        f'stroke-linejoin="round"{_more(more)}/>'
    )


def ring(x: float, y: float, r: float, colour: str, width: float = 4) -> str:
    """A circle drawn as a line."""
    return f'<circle cx="{x:g}" cy="{y:g}" r="{r:g}" fill="none" stroke="{colour}" stroke-width="{width:g}"/>'


def mirrored(content: str) -> str:
    """The content and its mirror image about the middle of the canvas."""
    return f'{content}<g transform="matrix(-1 0 0 1 240 0)">{content}</g>'


def turned(content: str, degrees: float, x: float = 120, y: float = 120) -> str:
    """The content turned about a point."""
    return f'<g transform="rotate({degrees:g} {x:g} {y:g})">{content}</g>'


def moved(content: str, dx: float, dy: float, scale: float = 1) -> str:
    """The content moved, and scaled about the canvas's corner."""
    return f'<g transform="translate({dx:g} {dy:g}) scale({scale:g})">{content}</g>'


def _more(attributes: str) -> str:
    return f" {attributes}" if attributes else ""
