"""Pictures of the demo shop's products, drawn by code: flat illustrations as SVG, no file per product.

One drawing per kind of thing, coloured by what the product says of itself. The same product always gets the same
picture. Nothing here reads a file or a clock.
"""

from app.web.illustrations.choosing import illustrate

__all__ = ["illustrate"]
