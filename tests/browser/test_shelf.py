"""<shelf-recommendations> in a real browser: what is shown when, what a shopper can do, and what is reported."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import WAIT_MS, violations
from tests.browser.stand_in import StandIn, item, page, slate

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
SHELF = '<shelf-recommendations limit="6" anonymous-id="a1" session-id="s1" key="pk-1"></shelf-recommendations>'
LATE = "Bought together with your desk by 14 shoppers."


def names(opened: Page) -> list[str]:
    """The products on show, in their order."""
    return [re.findall(r"\d+", text)[0] for text in opened.locator("[part=card] a[part=name]").all_text_contents()]


def card(opened: Page, number: int) -> Locator:
    return opened.locator("[part=card]").filter(has=opened.get_by_role("link", name=f"Orbit {number} "))


def settled(opened: Page, script: str) -> None:
    """Waits until the script is true in the page; asked from outside, for the page's policy forbids to evaluate."""
    for _ in range(WAIT_MS // 25):
        if opened.evaluate(script):
            return
        opened.wait_for_timeout(25)
    pytest.fail(f"not within {WAIT_MS} ms: {script}")


def test_cards_come_at_once_and_nothing_moves(stand_in: StandIn, open_page: Open) -> None:
    """Skeletons hold the place of the cards: under a strict policy with trusted types the layout shifts < 0.02."""
    stand_in.pages["/"] = page(SHELF + "<p id=after>After</p>")
    stand_in.stream.insert(0, ("wait", "answer"))
    opened = open_page()
    expect(opened.locator("[part=skeleton]")).to_have_count(6)
    before = opened.locator("#after").bounding_box()
    stand_in.gate("answer").set()
    expect(opened.locator("[part=card]")).to_have_count(6)
    assert opened.locator("#after").bounding_box() == before
    assert names(opened) == ["1", "2", "3", "4", "5", "6"]
    assert opened.evaluate("shifted") < 0.02
    [asked] = stand_in.sent("/api/recommendations/stream")
    assert asked.headers["x-api-key"] == "pk-1"
    assert asked.query == {"anonymousId": "a1", "sessionId": "s1", "limit": "6"}


def test_an_order_that_nobody_saw_is_replaced(stand_in: StandIn, open_page: Open) -> None:
    """Below the fold the model's order takes the place of the baseline's, and is the one that is reported."""
    better = slate("better", [item(number) for number in (4, 2, 6, 1, 3, 5)])
    stand_in.stream = [stand_in.stream[0], ("wait", "model"), ("slate", better), ("done", {})]
    stand_in.pages["/"] = page('<div id="room"></div>' + SHELF)
    opened = open_page(height=300)
    opened.evaluate("document.getElementById('room').style.height = '3000px'")
    opened.evaluate("document.querySelector('shelf-recommendations').refresh()")
    expect(opened.locator("[part=card]")).to_have_count(6)
    stand_in.gate("model").set()
    settled(opened, "document.querySelector('shelf-recommendations').slate?.recommendationId === 'better'")
    assert names(opened) == ["4", "2", "6", "1", "3", "5"]


def test_an_order_that_was_seen_stays(stand_in: StandIn, open_page: Open) -> None:
    """After a card was visible only reasons change: order and recommendationId stay those of the first answer."""
    late = [item(number, reason=LATE if number == 2 else f"Reason {number}") for number in (4, 2, 6, 1, 3, 5)]
    stand_in.stream = [stand_in.stream[0], ("wait", "model"), ("slate", slate("better", late)), ("done", {})]
    stand_in.pages["/"] = page(SHELF)
    opened = open_page()
    settled(opened, "told.some((event) => event.type === 'shelf:view')")
    stand_in.gate("model").set()
    expect(card(opened, 2).locator("[part=reason]")).to_have_text(LATE)
    assert names(opened) == ["1", "2", "3", "4", "5", "6"]
    assert opened.evaluate("document.querySelector('shelf-recommendations').slate.recommendationId") == "base"
    assert opened.evaluate("told.filter((e) => e.type === 'shelf:view').map((e) => e.recommendationId)") == ["base"]


def test_a_late_reason_changes_its_card_and_an_open_why(stand_in: StandIn, open_page: Open) -> None:
    """A reason proved later appears on its card and in the popover that is open, without moving anything."""
    reason = {"recommendationId": "base", "productId": "p3", "reason": LATE, "reasonSource": "llm"}
    fact = {"id": "E2", "kind": "bought_together", "text": "14 orders with both", "value": {}}
    stand_in.stream[1:] = [("wait", "proof"), ("reason", reason | {"evidence": [fact]}), ("done", {})]
    stand_in.pages["/"] = page(SHELF)
    opened = open_page()
    card(opened, 3).get_by_role("button", name="Why this?").click()
    dialog = opened.get_by_role("dialog")
    expect(dialog).to_contain_text("4.3 out of 5, 178 ratings")
    stand_in.gate("proof").set()
    expect(dialog).to_contain_text(LATE)
    expect(dialog.get_by_role("listitem")).to_have_text(["14 orders with both"])
    assert opened.evaluate("shifted") < 0.02


def test_why_this_by_keyboard(stand_in: StandIn, open_page: Open) -> None:
    """Enter opens the popover with the focus in it, Escape closes it and gives the focus back."""
    stand_in.pages["/"] = page(SHELF)
    opened = open_page()
    button = card(opened, 1).get_by_role("button", name="Why this? Nordvik Orbit 1 On-Ear Headphones")
    button.focus()
    opened.keyboard.press("Enter")
    expect(opened.get_by_role("dialog")).to_be_focused()
    expect(button).to_have_attribute("aria-expanded", "true")
    opened.keyboard.press("Escape")
    expect(opened.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()


def test_not_interested_can_be_undone(stand_in: StandIn, open_page: Open) -> None:
    """The card goes, undo (which has the focus) brings it back to its place, and nothing was written."""
    stand_in.pages["/"] = page(SHELF)
    opened = open_page()
    card(opened, 2).get_by_role("button", name="Why this?").click()
    opened.get_by_role("button", name="Not interested").click()
    expect(
        opened.get_by_role("status").filter(has_text="Nordvik Orbit 2 On-Ear Headphones was removed.")
    ).to_be_visible()
    assert names(opened) == ["1", "3", "4", "5", "6"]
    expect(opened.get_by_role("button", name="Undo")).to_be_focused()
    opened.keyboard.press("Enter")
    assert names(opened) == ["1", "2", "3", "4", "5", "6"]
    opened.goto("about:blank")
    assert stand_in.sent("/api/feedback") == []


def test_not_interested_is_written_at_the_latest_when_the_page_goes(stand_in: StandIn, open_page: Open) -> None:
    """A dismissal that was not undone is a vote on the recommendation that was on show."""
    stand_in.pages["/"] = page(SHELF)
    stand_in.answers["/api/feedback"] = (202, {"accepted": 1, "duplicates": 0, "rejected": []})
    opened = open_page()
    card(opened, 2).get_by_role("button", name="Why this?").click()
    opened.get_by_role("button", name="Not interested").click()
    opened.goto("about:blank")
    [vote] = stand_in.await_sent("/api/feedback")
    assert vote.body == {"recommendationId": "base", "productId": "p2", "vote": "dismiss"}


def test_a_visitor_turns_personalisation_off(stand_in: StandIn, open_page: Open) -> None:
    """Every shelf asks again without ids, now and on the next page, no event is sent, and it can be turned on again."""
    stand_in.pages["/"] = page(SHELF + SHELF)
    stand_in.stream.insert(0, ("wait", "answer"))
    opened = open_page()
    opened.clock.install(time="2026-11-22T12:00:00")
    opened.clock.pause_at("2026-11-22T12:00:01")  # nothing is on show for long enough to be told, however slow we are
    stand_in.gate("answer").set()
    expect(opened.locator("[part=card]")).to_have_count(12)
    opened.get_by_role("button", name="Why this? Nordvik Orbit 1 ").first.click()
    opened.get_by_role("button", name="Turn personalisation off").click()
    expect(opened.get_by_text("Personalisation is off.")).to_be_visible()
    expect(opened.locator("[part=card]")).to_have_count(12)
    opened.clock.run_for(5_000)
    opened.reload()
    expect(opened.locator("[part=card]")).to_have_count(12)
    later = [r.query for r in stand_in.await_sent("/api/recommendations/stream", 6)][2:]
    assert later == [{"limit": "6"}] * 4
    settled(opened, "told.filter((event) => event.type === 'shelf:view').length === 2")
    opened.clock.run_for(5_000)
    opened.get_by_role("link", name="Orbit 1 ").first.click()
    assert stand_in.sent("/api/events") == []
    opened.goto(stand_in.address + "/")
    opened.get_by_role("button", name="Why this? Nordvik Orbit 1 ").first.click()
    opened.get_by_role("button", name="Turn personalisation on").click()
    expect(opened.get_by_text("Personalisation is on.")).to_be_visible()
    again = [r.query for r in stand_in.await_sent("/api/recommendations/stream", 10)][6:]
    assert [query.get("anonymousId") for query in again] == [None, None, "a1", "a1"]


def test_a_known_shopper_turns_personalisation_off(stand_in: StandIn, open_page: Open) -> None:
    """The stored consent changes, with the shopper's token, and undo puts back what was stored before."""
    stand_in.pages["/"] = page('<shelf-recommendations user-id="u 1" shopper-token="t"></shelf-recommendations>')
    stand_in.answers["/api/users/u%201/consent"] = (200, {"personalization": "full", "llmProcessing": True})
    opened = open_page()
    card(opened, 1).get_by_role("button", name="Why this?").click()
    opened.get_by_role("button", name="Turn personalisation off").click()
    expect(opened.get_by_text("Personalisation is off.")).to_be_visible()
    opened.get_by_role("button", name="Undo").click()
    expect(opened.get_by_text("Personalisation is on.")).to_be_visible()
    puts = stand_in.sent("/api/users/u%201/consent", "PUT")
    assert [put.body for put in puts] == [
        {"personalization": "none", "llmProcessing": False},
        {"personalization": "full", "llmProcessing": True},
    ]
    assert {put.headers["x-shopper-token"] for put in puts} == {"t"}


def test_impressions_are_what_was_seen_for_a_second(stand_in: StandIn, open_page: Open) -> None:
    """Cards of which half was in sight for a second are reported once, in one batch; those further right are not."""
    stand_in.pages["/"] = page(SHELF)
    open_page(width=640)
    [batch] = stand_in.await_sent("/api/events")
    assert batch.headers["x-api-key"] == "pk-1"
    seen = batch.body["events"]
    assert 2 <= len(seen) < 6
    assert [event["position"] for event in seen] == list(range(1, len(seen) + 1))
    assert {(e["type"], e["recommendationId"], e["anonymousId"], e["sessionId"]) for e in seen} == {
        ("impression", "base", "a1", "s1")
    }
    assert len({event["eventId"] for event in seen}) == len(seen)


def test_a_click_is_reported_and_the_page_may_go_there_by_itself(stand_in: StandIn, open_page: Open) -> None:
    """shelf:select can be prevented, the click is reported either way, and add to cart is the page's own."""
    stand_in.pages["/"] = page(SHELF.replace('limit="6"', 'limit="6" add-to-cart'))
    opened = open_page()
    opened.evaluate("addEventListener('shelf:select', (event) => event.preventDefault())")
    card(opened, 3).get_by_role("link").click()
    card(opened, 2).get_by_role("button", name="Add Nordvik Orbit 2 On-Ear Headphones to cart").click()
    settled(opened, "told.some((event) => event.type === 'shelf:add-to-cart' && event.productId === 'p2')")
    assert opened.url == stand_in.address + "/"
    told = opened.evaluate("told.filter((event) => event.type === 'shelf:select')")
    assert [(t["productId"], t["position"], t["recommendationId"]) for t in told] == [("p3", 3, "base")]
    stand_in.await_sent("/api/events", 2)
    assert [e["productId"] for e in stand_in.events("click")] == ["p3"]
    assert [e["productId"] for e in stand_in.events("add_to_cart")] == ["p2"]


@pytest.mark.parametrize(("direction", "forward"), [("ltr", "ArrowRight"), ("rtl", "ArrowLeft")])
def test_arrows_follow_the_direction_of_the_page(
    stand_in: StandIn, open_page: Open, direction: str, forward: str
) -> None:
    """Arrow keys, Home and End move between the cards, mirrored where the page reads from right to left."""
    stand_in.pages["/"] = page(SHELF, direction=direction)
    opened = open_page()
    card(opened, 1).get_by_role("link").focus()
    opened.keyboard.press(forward)
    expect(card(opened, 2).get_by_role("link")).to_be_focused()
    opened.keyboard.press("End")
    expect(card(opened, 6).get_by_role("link")).to_be_focused()
    opened.keyboard.press("Home")
    expect(card(opened, 1).get_by_role("link")).to_be_focused()


def test_the_carousel_has_names_and_its_buttons_scroll(stand_in: StandIn, open_page: Open) -> None:
    """A region called carousel, slides with their place, and buttons that say when there is nothing further."""
    stand_in.pages["/"] = page(SHELF)
    opened = open_page(width=600, reduced_motion="reduce")
    region = opened.get_by_role("region", name="Recommended")
    expect(region).to_have_attribute("aria-roledescription", "carousel")
    expect(opened.get_by_role("group", name="2 of 6")).to_have_attribute("aria-roledescription", "slide")
    expect(opened.get_by_role("button", name="Previous products")).to_have_attribute("aria-disabled", "true")
    following = opened.get_by_role("button", name="Next products")
    for _ in range(4):
        following.click(force=True)  # also at the end, where it says that it does nothing
    expect(following).to_have_attribute("aria-disabled", "true")
    expect(card(opened, 6)).to_be_in_viewport(ratio=0.9)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_no_violations(stand_in: StandIn, open_page: Open, scheme: str, width: int) -> None:
    """axe-core finds nothing, with the popover open and closed, in light and dark, on phone and desktop."""
    first = stand_in.stream[0][1]
    first["recommendations"][1]["promoted"] = True
    stand_in.answers["/api/trending"] = (200, slate("trend", [item(7), item(8)]))
    more = '<shelf-recommendations source="trending" layout="grid" limit="2"></shelf-recommendations>'
    stand_in.pages["/"] = page(SHELF.replace('limit="6"', 'limit="6" add-to-cart') + more)
    opened = open_page(width=width, color_scheme=scheme, reduced_motion="reduce")
    expect(opened.locator("[part=card]")).to_have_count(8)
    assert violations(opened) == []
    card(opened, 2).get_by_role("button", name="Why this?").click()
    assert violations(opened) == []


ATTACK = '"><img src=x onerror="attacked=1"><script>attacked=2</script>{{attacked=3}}'


def test_hostile_texts_stay_texts(stand_in: StandIn, open_page: Open) -> None:
    """Markup in names, brands, reasons and evidence is shown as it is written; no address can be a script."""
    evil = item(
        1, name=ATTACK, brand=ATTACK, reason=ATTACK, url="javascript:attacked=4", imageUrl="javascript:attacked=5"
    )
    evil["evidence"] = [{"id": ATTACK, "kind": "rating", "text": ATTACK, "value": {"a": ATTACK}}]
    evil["currency"] = "<b>"
    other = item(
        2, url="data:text/html,<script>attacked=6</script>", imageUrl="data:image/svg+xml,<svg onload=attacked=7>"
    )
    stand_in.stream = [("baseline", slate(ATTACK, [evil, other])), ("done", {})]
    stand_in.pages["/"] = page(SHELF)
    opened = open_page()
    opened.locator("[part=why]").first.click()
    dialog = opened.get_by_role("dialog")
    expect(dialog).to_contain_text(ATTACK)
    opened.locator("[part=name]").first.dispatch_event("click")
    assert opened.evaluate("attacked") == 0
    assert opened.locator("shelf-recommendations script, shelf-recommendations img").count() == 0
    assert opened.locator("[part=name][href]").count() == 0


def test_a_dead_service_leaves_the_page_as_the_server_made_it(stand_in: StandIn, open_page: Open) -> None:
    """Server-rendered links stay and work; without them there is a quiet empty state; the page goes on."""
    stand_in.dead = True
    served = '<ul><li><a href="/product/p1">Headphones</a></li></ul>'
    more = SHELF.replace("limit", 'heading="More" limit')
    stand_in.pages["/"] = page(f"<shelf-recommendations>{served}</shelf-recommendations>{more}<p>After</p>")
    opened = open_page()
    settled(opened, "told.filter((event) => event.type === 'shelf:error').length === 2")
    expect(opened.get_by_role("link", name="Headphones")).to_be_visible()
    expect(opened.get_by_text("Nothing to show here at the moment.")).to_be_visible()
    expect(opened.locator("[part=skeleton]:visible")).to_have_count(0)
    assert opened.evaluate("shifted") < 0.02
    assert violations(opened) == []


def test_an_answer_that_breaks_off_keeps_its_cards(stand_in: StandIn, open_page: Open) -> None:
    """A connection lost after the baseline costs only what was to come."""
    stand_in.stream = [stand_in.stream[0], ("cut", None)]
    stand_in.pages["/"] = page(SHELF)
    opened = open_page()
    expect(opened.locator("[part=card]")).to_have_count(6)
    assert opened.evaluate("told.filter((event) => event.type === 'shelf:error')") == []


def test_served_markup_is_there_until_data_come(stand_in: StandIn, open_page: Open) -> None:
    """What the server rendered is shown in the space of the cards and gives way to them without a shift."""
    served = '<ul><li><a href="/product/p1">Headphones</a></li></ul>'
    stand_in.stream.insert(0, ("wait", "answer"))
    stand_in.pages["/"] = page(SHELF.replace("></", f">{served}</") + "<p id=after>After</p>")
    opened = open_page()
    expect(opened.get_by_role("link", name="Headphones")).to_be_visible()
    before = opened.locator("#after").bounding_box()
    stand_in.gate("answer").set()
    expect(opened.locator("[part=card]")).to_have_count(6)
    expect(opened.get_by_role("link", name="Headphones", exact=True)).to_have_count(0)
    assert opened.locator("#after").bounding_box() == before


@pytest.mark.parametrize("width", [320, 375, 768, 1024, 1440])
def test_no_page_scrolls_sideways(stand_in: StandIn, open_page: Open, width: int) -> None:
    """At every width the shelf scrolls inside itself, also with words that can't be broken."""
    stand_in.stream[0][1]["recommendations"][0]["name"] = "Donaudampfschifffahrtsgesellschaft" * 4
    stand_in.pages["/"] = page(SHELF + SHELF.replace("limit", 'layout="grid" add-to-cart limit'))
    opened = open_page(width=width)
    expect(opened.locator("[part=card]")).to_have_count(12)
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    card(opened, 2).first.get_by_role("button", name="Why this?").click()
    box = opened.get_by_role("dialog").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["y"] + box["height"] <= 901


def test_reduced_motion_and_dark(stand_in: StandIn, open_page: Open) -> None:
    """With reduced motion nothing is animated, and a page in dark colours gets dark cards."""
    stand_in.stream.insert(0, ("wait", "answer"))
    stand_in.pages["/"] = page(SHELF)
    opened = open_page(reduced_motion="reduce", color_scheme="dark")
    bone = opened.locator("[part=skeleton] .picture").first
    assert bone.evaluate("(element) => getComputedStyle(element).animationName") == "none"
    stand_in.gate("answer").set()
    surface = opened.locator("[part=card]").first.evaluate("(element) => getComputedStyle(element).backgroundColor")
    red, green, blue = (int(part) for part in re.findall(r"\d+", surface)[:3])
    assert max(red, green, blue) < 64


TEMPLATE = {"limit": "5", "reasons": "template"}
STREAM = "/api/recommendations/stream"


@pytest.mark.parametrize(
    ("attributes", "path", "query"),
    [
        ('source="similar" product-id="AB/12"', "/api/products/AB%2F12/similar", TEMPLATE),
        (
            'source="bought-together" product-id="p1" limit="3"',
            "/api/products/p1/bought-together",
            TEMPLATE | {"limit": "3"},
        ),
        ('source="trending" category="A > B"', "/api/trending", TEMPLATE | {"category": "A > B"}),
        (
            'placement="product" product-id="p1" query="red"',
            STREAM,
            {"limit": "5", "placement": "product", "productId": "p1", "query": "red"},
        ),
        ('limit="nonsense" source="nonsense"', STREAM, {"limit": "5"}),
    ],
)
def test_where_products_come_from(
    stand_in: StandIn, open_page: Open, attributes: str, path: str, query: dict[str, str]
) -> None:
    """Each source asks its own endpoint, and answers of one shape are shown alike."""
    stand_in.answers[path] = (200, slate("other", [item(1), item(2)]))
    stand_in.pages["/"] = page(f"<shelf-recommendations {attributes}></shelf-recommendations>")
    opened = open_page()
    expect(opened.locator("[part=card]").first).to_be_visible()
    [asked] = stand_in.sent(path)
    assert asked.query == query
