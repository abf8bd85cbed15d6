"""The demo storefront: its pages, what is escaped, what stays secret, and that what is done there changes the next."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest

from app.api.context import ApiContext
from app.bootstrap import build
from app.domain.catalog import Product
from app.domain.chat import ChatPart, ChatTurn
from app.main import create_app
from app.web.illustrations import illustrate
from tests.api.conftest import PUBLISHABLE, OpenShop, Shop
from tests.conftest import demo_settings

PAGES = (
    "/", "/category/Home", "/category/Home/Lighting", "/search", "/search?q=headphones", "/product/el-0002", "/cart",
    "/chat", "/chat?message=a lamp under 50 euros", "/compare",
)  # fmt: skip
HTML = {"accept": "text/html,application/xhtml+xml"}


@asynccontextmanager
async def browsing(data_dir: Path, **changes: object) -> AsyncIterator[httpx.AsyncClient]:
    """A browser's view of the demo shop; it keeps cookies and follows what forms answer."""
    app = create_app(lambda: build(demo_settings(data_dir, **changes)))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://localhost", headers=HTML, follow_redirects=True
        ) as client,
    ):
        yield client


def slate(page: str, name: str = "home") -> list[str]:
    """The products of a page's slate, in order."""
    ids = re.findall(r'<li class="card" data-product="([^"]+)" data-recommendation="([0-9a-f]+)"', page)
    first = ids[0][1] if ids else ""
    return [product for product, recommendation in ids if recommendation == first]


async def test_every_page_is_served_with_a_policy_that_runs_no_inline_script(demo_copy: Path) -> None:
    """Each page answers 200, names its only sources in a CSP, and has no inline script, style or handler."""
    async with browsing(demo_copy) as client:
        for path in PAGES:
            answer = await client.get(path)
            assert answer.status_code == 200, path
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=", answer.text), path


async def test_two_shoppers_see_different_slates_with_reasons(demo_copy: Path) -> None:
    """The gamer and the student, on one page, are shown different products, each with a reason."""
    async with browsing(demo_copy) as client:
        await client.post("/shop-as?shopper=gamer")
        gamer = (await client.get("/")).text
        await client.post("/shop-as?shopper=student")
        student = (await client.get("/")).text
    assert "Picked for the gamer" in gamer
    assert set(slate(gamer)) != set(slate(student))
    assert gamer.count('class="reason"') >= len(slate(gamer)) > 0


async def test_what_one_dismisses_is_gone_from_the_next_page(demo_copy: Path) -> None:
    """ "Not interested" is an event of this shopper, and the page that follows has not got the product."""
    async with browsing(demo_copy) as client:
        await client.post("/shop-as?shopper=gamer")
        before = slate((await client.get("/")).text)
        after = await client.post(f"/not-for-me?product={before[0]}", headers={"referer": "http://localhost/"})
    assert before[0] not in slate(after.text)
    assert "You won&#39;t be shown that again" in after.text


async def test_a_cart_is_bought_and_the_purchase_counts(demo_copy: Path) -> None:
    """What is put into the cart stands there with its sum; bought, it is empty and the shopper owns it."""
    async with browsing(demo_copy) as client:
        await client.post("/shop-as?shopper=gamer")
        bought = slate((await client.get("/")).text)[0]
        page = await client.post(f"/cart/add?product={bought}")
        assert f"/cart/remove?product={bought}" in page.text
        page = await client.post("/cart/buy")
        assert "It is still empty" in page.text
        assert bought not in slate((await client.get("/")).text)


async def test_private_visitors_send_no_id(demo_copy: Path) -> None:
    """A visitor who turns personalisation off gets pages without an id, and no cookie that knows them."""
    async with browsing(demo_copy) as client:
        assert re.search(r'data-visitor="v-[0-9a-f]{24}"', (await client.get("/")).text)
        page = await client.post("/consent?level=none")
        assert 'data-visitor=""' in page.text
        assert "shelf_visitor" not in client.cookies


async def test_a_personas_consent_is_stored(demo_copy: Path) -> None:
    """The consent switch writes the shopper's consent; without it the next slate uses no profile."""
    async with browsing(demo_copy) as client:
        await client.post("/shop-as?shopper=gamer")
        page = await client.post("/consent?level=none", headers={"referer": "http://localhost/"})
        stored = await client.get("/api/users/gamer/consent")
    assert stored.json() == {"personalization": "none", "llmProcessing": False}
    assert "<dt>Profile used</dt><dd>no</dd>" in page.text


async def test_why_not_names_the_rule(demo_copy: Path) -> None:
    """The panel's question about a product that is not in the slate is answered with what became of it."""
    async with browsing(demo_copy) as client:
        page = (await client.get("/")).text
        slate_id = re.search(r'name="from" value="([0-9a-f]+)"', page)
        assert slate_id is not None
        answer = await client.get("/why", params={"from": slate_id[1], "q": "el-0002"})
    assert answer.status_code == 200
    assert "Why not “Nordvik Orbit 30 On-Ear Headphones”?" in answer.text


async def test_a_typing_error_is_read_and_an_empty_result_offers_a_way_on(demo_copy: Path) -> None:
    """A misspelt search says how it was read; one that finds nothing points to the assistant and to other things."""
    async with browsing(demo_copy) as client:
        misspelt = await client.get("/search", params={"q": "headphnoes"})
        nothing = await client.get("/search", params={"q": "zzqqxx", "max": "0.01"})
    assert "Read as “<strong>headphone" in misspelt.text
    assert "Nothing found for “zzqqxx”" in nothing.text
    assert "Popular right now" in nothing.text


@pytest.mark.parametrize(
    "path",
    [
        "/category/Nope", "/product/nope", "/nonsense", "/product/" + "x" * 500, "/why", "/why?from=x&q=lamp",
        "/compare?a=nobody",
    ],
)  # fmt: skip
async def test_what_is_not_there_is_a_page_for_people_and_a_problem_for_programs(open_: Shop, path: str) -> None:
    """A browser gets a readable 404 page, a program the problem of the API; both the same status."""
    async with open_.client() as client:
        person = await client.get(path, headers=HTML)
        program = await client.get(path, headers={"accept": "application/json"})
    assert (person.status_code, program.status_code) == (404, 404)
    assert "This shelf is empty" in person.text
    assert program.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    [
        "/category/Home?min=x&max=-4&page=9999&sort=evil&brand=" + "y" * 900, "/search?q=%00%01%ff", "/?x=%ed%a0%80",
        "/search?q=" + "a" * 4000, "/search?q=%27%3B+DROP+TABLE", "/category/%2E%2E%2F", "/product/%2e%2e%2f",
        "/chat?message=" + "b" * 6000,
    ],
)  # fmt: skip
async def test_rubbish_in_an_address_is_never_an_error_of_ours(demo_copy: Path, path: str) -> None:
    """Whatever stands in an address, and whatever cookies say, no page answers 5xx."""
    rubbish = {"cookie": 'shelf_cart="%zz:9/:/x:-1/y:99999;\x7f; shelf_shopper=root; shelf_visitor=<b>; shelf_said=x'}
    async with browsing(demo_copy) as client:
        for headers in ({}, rubbish):
            assert (await client.get(path, headers=headers)).status_code < 500


async def test_hostile_product_texts_are_text(open_: Shop) -> None:
    """Markup in a product's name, brand and reason reaches the page escaped, also inside attributes."""
    hostile = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
    product = open_.behind.store.catalogue["p1"]
    fields = {name: getattr(product, name) for name in Product.__slots__}
    open_.behind.store.catalogue["p1"] = Product(**{**fields, "name": hostile, "brand": hostile})
    async with open_.client() as client:
        for path in ("/", "/product/p1", "/search?q=" + hostile.replace(">", "%3E"), "/cart"):
            text = (await client.get(path, headers=HTML)).text
            assert "<script>" not in text
            assert "<img src=x" not in text


async def test_with_keys_the_storefront_is_off_unless_asked_for(open_shop: OpenShop) -> None:
    """A shop with keys has no demo pages at its root; DEMO_STOREFRONT=off takes them away without keys too."""
    async with open_shop(api_keys_secret="s" * 40) as shop, shop.client() as client:
        assert (await client.get("/", headers=HTML)).status_code == 404
        assert (await client.get("/static/shop/p1.svg")).status_code == 404
    async with open_shop(demo_storefront="off") as shop, shop.client() as client:
        assert (await client.get("/", headers=HTML)).status_code == 404


async def test_with_keys_pages_tell_nothing_of_the_shops_books(open_shop: OpenShop) -> None:
    """Served in public, pages have no personas, no strategy, cost, model or exclusions, and shop for visitors only."""
    keys = {"api_keys_secret": "s" * 40, "api_keys_publishable": PUBLISHABLE, "demo_storefront": "on"}
    async with open_shop(**keys) as shop, shop.client(cookie="shelf_shopper=7") as client:
        for path in ("/", "/search?q=headphones", "/product/p1", "/cart", "/category/Electronics"):
            text = (await client.get(path, headers=HTML)).text
            assert "Behind this slate" not in text
            assert "Left out" not in text
            assert "You shop as" not in text
            assert "baseline" not in text
        assert (await client.get("/compare", headers=HTML)).status_code == 404
        assert (await client.get("/why?from=rec1&q=p1", headers=HTML)).status_code == 404
        assert (await client.post("/shop-as?shopper=gamer")).status_code == 404
    assert all(query.user_id is None for query in shop.behind.service.queries)


async def test_forms_of_another_site_do_nothing(open_: Shop) -> None:
    """A browser says where a form stood; one that stood elsewhere is refused and writes no event."""
    async with open_.client() as client:
        answer = await client.post("/cart/add?product=p1", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 404
    assert open_.behind.events.events == []


async def test_a_form_never_leads_to_another_site(open_: Shop) -> None:
    """Where a form leads back to is the referring page's path, never its host."""
    async with open_.client() as client:
        for referer in ("https://evil.example//evil.example/x", "javascript:alert(1)", "https://evil.example"):
            answer = await client.post("/not-for-me?product=p1", headers={"referer": referer})
            assert answer.headers["location"].startswith("/")
            assert not answer.headers["location"].startswith("//")


async def test_a_dead_service_is_a_page_that_says_so(open_: Shop) -> None:
    """When a part that a page needs is down, a person reads a 503 page with a way back."""
    from app.domain.errors import StoreUnavailable

    open_.behind.service.fails_with = StoreUnavailable("disk full")
    async with open_.client() as client:
        answer = await client.get("/", headers=HTML)
    assert answer.status_code == 503
    assert "Back in a moment" in answer.text
    assert "disk full" not in answer.text


async def test_pictures_are_drawn_once_and_kept(demo_copy: Path) -> None:
    """A picture is a well-formed SVG with a tag, answered 304 to a browser that has it; an unknown product has none."""
    async with browsing(demo_copy) as client:
        picture = await client.get("/static/shop/el-0002.svg")
        assert picture.headers["content-type"] == "image/svg+xml"
        ElementTree.fromstring(picture.text)
        again = await client.get("/static/shop/el-0002.svg", headers={"if-none-match": picture.headers["etag"]})
        assert again.status_code == 304
        assert (await client.get("/static/shop/nope.svg")).status_code == 404
        for name in ("shop.css", "shop.js", "icon.svg"):
            assert (await client.get(f"/static/storefront/{name}")).status_code == 200
        assert (await client.get("/static/storefront/%2e%2e%2frendering.py")).status_code == 404


def test_a_hostile_title_is_text_in_a_picture() -> None:
    """A book's title is printed on its cover as text, whatever it holds."""
    svg = illustrate(Product("b1", "<script>alert(1)</script> & Sons", category="Books > Fiction"))
    assert "<script>" not in svg
    ElementTree.fromstring(svg)


async def test_the_page_of_the_assistant_keeps_no_shopper_out(demo_copy: Path) -> None:
    """A model answers for seconds: meanwhile the request of the page holds no place at the door."""
    app = create_app(lambda: build(demo_settings(demo_copy)))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=HTML) as client,
    ):
        context: ApiContext = app.state.api
        assistant, in_work = context.assistant, list[int]()

        class Watched:
            """The shop's assistant, and how many are in work while it answers."""

            async def answer(self, turn: ChatTurn) -> AsyncIterator[ChatPart]:
                """As the assistant does."""
                async for part in assistant.answer(turn):
                    in_work.append(context.door.working)
                    yield part

        object.__setattr__(context, "assistant", Watched())
        assert (await client.get("/chat?message=a lamp under 50 euros")).status_code == 200
    assert in_work
    assert set(in_work) == {0}
    assert (context.door.working, context.door.elsewhere) == (0, 0)
