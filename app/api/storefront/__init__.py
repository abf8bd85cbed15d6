"""The demo storefront over HTTP: pages, the forms on them, and the files that they load."""

from app.api.storefront.door import Storefront, open_storefront
from app.api.storefront.errors import install
from app.api.storefront.routes import routers

__all__ = ["Storefront", "install", "open_storefront", "routers"]
