"""Every router of the storefront, in the order in which addresses are tried."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.storefront import asking, forms, pictures, shopping

routers: tuple[APIRouter, ...] = (pictures.router, forms.router, asking.router, shopping.router)
