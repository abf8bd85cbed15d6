"""The demo storefront in a real browser: flows, accessibility, widths, attacks, no scripts, a dead API."""

from __future__ import annotations

import asyncio
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from app.bootstrap import build
from app.main import create_app
from tests.browser.conftest import WATCH, violations
from tests.conftest import demo_settings

pytestmark = pytest.mark.browser

PAGES = (
    "/", "/category/Home/Lighting", "/search?q=headphnes", "/search?q=qqqqzz", "/product/el-0001", "/cart", "/compare",
    "/chat?message=headphones+under+100+euros", "/nonsense",
)  # fmt: skip
ATTACK = (
    '"><img src=x onerror="window.attacked=1"><script>window.attacked=1</script>{{7*7}}</title><svg onload=alert(1)>'
)

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def address(demo_data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demo shop, served from a thread on a free port."""
    own = Path(shutil.copytree(demo_data_dir, tmp_path_factory.mktemp("storefront") / "data"))
    app = create_app(lambda: build(demo_settings(own)))
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", proxy_headers=False))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True)
    thread.start()
    where = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with httpx.Client(transport=httpx.HTTPTransport(retries=20)) as client:
        assert client.get(f"{where}/livez", timeout=60).status_code == 200
    yield where
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Open]:
    """Opens a page of the shop; no script error and no breach of the content policy may come of any."""
    contexts, complaints = [], []

    def opened(path: str, *, width: int = 1280, shopper: str = "", **settings: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, base_url=address, **settings)
        contexts.append(context)
        if shopper:
            context.add_cookies([{"name": "shelf_shopper", "value": shopper, "url": address}])
        page = context.new_page()
        page.set_default_timeout(8000)
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("console", lambda line: complaints.append(line.text) if "Content Security" in line.text else None)
        page.add_init_script(WATCH)
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def products(page: Page) -> list[str]:
    """The products of the page's first slate."""
    return [card.get_attribute("data-product") or "" for card in page.locator(".shelf").first.locator(".card").all()]


def settled(page: Page) -> None:
    """Waits until each web component of the page shows cards of its own or says that there are none."""
    for shelf in page.locator("shelf-recommendations").all():
        shelf.locator("[part=card], [part=empty], .empty").first.wait_for(state="attached")


def test_from_the_slate_to_a_purchase(open_page: Open) -> None:
    """A click and a view are told to the API; what is bought from the cart is not recommended again."""
    page = open_page("/", shopper="gamer")
    wanted = products(page)[0]
    told: list[str] = []  # noted as they leave: the page that a click is told from is gone before its answer comes
    page.on("request", lambda sent: told.append(sent.post_data or "") if "/api/events" in sent.url else None)
    with page.expect_response(lambda got: '"view"' in (got.request.post_data or "")) as view:
        page.locator(".card-link").first.click()
    assert view.value.status == 202
    assert any('"click"' in body and wanted in body for body in told)
    expect(page.get_by_role("heading", name="Why this was shown to you")).to_be_visible()
    page.get_by_role("button", name="Add to cart").first.click()
    expect(page.get_by_role("link", name="Cart 1")).to_be_visible()
    page.get_by_role("button", name="Buy, for play").click()
    expect(page.get_by_role("heading", name="It is still empty")).to_be_visible()
    page.goto("/")
    assert wanted not in products(page)


def test_why_this_by_keyboard_and_not_interested(open_page: Open) -> None:
    """Enter opens the popover with its evidence, Escape closes it and gives the focus back; dismissed is gone."""
    page = open_page("/", shopper="student")
    first = products(page)[0]
    button = page.locator(".why-button").first
    button.focus()
    page.keyboard.press("Enter")
    popover = page.locator(".why").first
    expect(popover).to_be_visible()
    expect(popover.locator("li").first).not_to_be_empty()
    page.keyboard.press("Escape")
    expect(popover).to_be_hidden()
    expect(button).to_be_focused()
    button.click()
    popover.get_by_role("button", name="Not interested").click()
    expect(page.get_by_role("status")).to_contain_text("won't be shown")
    assert first not in products(page)


def test_the_switcher_changes_the_slate(open_page: Open) -> None:
    """Another shopper's name leads to that shopper's slate on the same page."""
    page = open_page("/", shopper="gamer")
    before = products(page)
    page.get_by_role("button", name="Gardener").click()
    expect(page.get_by_role("heading", name="Picked for the gardener")).to_be_visible()
    assert set(before) != set(products(page))


def test_the_components_take_the_place_of_the_servers_cards(open_page: Open) -> None:
    """Similar products come from the web component once it has them, and can be put into the same cart."""
    page = open_page("/product/el-0001")
    shelf = page.locator("shelf-recommendations[source=similar]")
    shelf.locator("[part=card]").first.wait_for()
    expect(shelf.locator(".card").first).to_be_hidden()
    shelf.get_by_role("button", name="Add").first.click()
    expect(page.get_by_role("link", name="Cart 1")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_axe_finds_nothing(open_page: Open, scheme: str) -> None:
    """No page breaks a rule of WCAG 2.2 AA that a program can see, in neither colour scheme."""
    page = open_page("/", color_scheme=scheme, shopper="gamer", reduced_motion="reduce")
    for path in PAGES:
        page.goto(path)
        settled(page)
        assert violations(page) == [], path


@pytest.mark.parametrize("width", [320, pytest.param(768, marks=pytest.mark.slow), 1440])
def test_no_page_scrolls_sideways(open_page: Open, width: int) -> None:
    """From a small phone to a desktop each page is as wide as its window."""
    page = open_page("/", width=width, shopper="123")
    for path in PAGES:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize("path", ["/", "/product/el-0001", "/category/Home"])
def test_nothing_moves_while_a_page_loads(open_page: Open, path: str) -> None:
    """The cumulative layout shift of a page stays below 0.02."""
    page = open_page(path, width=390)
    settled(page)
    assert page.evaluate("window.shifted") < 0.02


def test_a_hostile_product_runs_nothing(open_page: Open, address: str) -> None:
    """Markup in every text of a product is text on every page that shows it, and no script of it runs."""
    fields = {"name": ATTACK, "description": ATTACK, "brand": ATTACK, "attributes": {"colour": ATTACK}}
    changed = httpx.patch(f"{address}/api/products/el-0003", json=fields)
    assert changed.status_code == 200, changed.text
    page = open_page("/product/el-0003")
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    for path in ("/product/el-0003", "/category/Electronics/Headphones", "/search?q=%3Cscript%3Ealert(1)%3C/script%3E"):
        page.goto(path, wait_until="load")
        assert page.evaluate("window.attacked") == 0
        assert page.locator("img[src=x], main script").count() == 0
    assert dialogs == []
    page.goto("/product/el-0001")  # here the component shows what is similar, the hostile one perhaps among it
    settled(page)
    assert page.evaluate("window.attacked") == 0
    page.goto("/product/el-0003")
    expect(page.locator("h1")).to_contain_text("<img src=x")


def test_without_scripts_the_shop_works(open_page: Open) -> None:
    """Search, product, cart and the switcher need no JavaScript."""
    page = open_page("/", java_script_enabled=False)
    page.get_by_role("button", name="Runner", exact=True).click()
    expect(page.get_by_role("heading", name="Picked for the runner")).to_be_visible()
    page.get_by_role("searchbox").fill("running shoes")
    page.keyboard.press("Enter")
    page.locator(".card-link").first.click()
    expect(page.locator("shelf-recommendations .card").first).to_be_visible()
    page.get_by_role("button", name="Add to cart").first.click()
    expect(page.get_by_role("link", name="Cart 1")).to_be_visible()


def test_with_a_dead_api_the_pages_go_on_working(open_page: Open) -> None:
    """When no request to the API gets through, the server's cards stay, and links lead on."""
    page = open_page("/")
    page.route("**/api/**", lambda route: route.abort())
    page.goto("/product/el-0001")
    expect(page.locator("shelf-recommendations[source=similar] .card-link").first).to_be_visible()
    page.locator("shelf-recommendations[source=similar] .card-link").first.click()
    expect(page.locator("article.product h1")).to_be_visible()
