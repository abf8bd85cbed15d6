"""<shelf-chat> in a real browser: the message stream as a shopper sees it, and what a shopper can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import violations
from tests.browser.stand_in import StandIn, Step, item, page

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
CHAT = '<shelf-chat anonymous-id="a1" key="pk-1" suggestions="Headphones under 80 euro|A gift"></shelf-chat>'
MACHINE = "You are talking to a machine: a program of this shop."


def part(kind: str, **values: Any) -> Step:
    return ("", {"type": kind, **values})


def said(*sentences: str) -> list[Step]:
    deltas = [part("text-delta", id="t", delta=text) for text in sentences]
    return [part("text-start", id="t"), *deltas, part("text-end", id="t")]


def answer(*steps: Step) -> list[Step]:
    disclosure = {"machine": True, "model": False, "text": MACHINE, "handOff": "https://shop.example/help"}
    start = [part("start", messageId="m"), part("data-disclosure", data=disclosure)]
    return [*start, *steps, part("finish", finishReason="stop"), ("", "[DONE]")]


CARDS = part("data-products", data={"recommendationId": "r1", "products": [item(1), item(2)]})
COMPARISON = part(
    "data-comparison",
    data={"products": [item(1), item(2)], "rows": [{"attribute": "battery_hours", "values": ["20", None]}]},
)
CLARIFY = part("data-clarify", data={"question": "For whom is it?", "options": ["For me", "For a child"]})
PROPOSAL = part(
    "tool-input-available",
    toolCallId="c1",
    toolName="add_to_cart",
    input={"productId": "p1", "quantity": 2, "name": "Nordvik Orbit 1"},
)


def opened_chat(stand_in: StandIn, open_page: Open, *answers: list[Step], **settings: Any) -> Page:
    """The panel, open, with these answers to come."""
    stand_in.chat = list(answers)
    stand_in.pages["/"] = page(CHAT, widget="shelf-chat.js")
    opened = open_page(**settings)
    opened.get_by_role("button", name="Ask the shopping assistant").click()
    return opened


def ask(opened: Page, text: str) -> None:
    opened.get_by_label("Ask about products").fill(text)
    opened.keyboard.press("Enter")


def test_an_answer_appears_part_by_part(stand_in: StandIn, open_page: Open) -> None:
    """Sentences and cards as they come, in a polite log; the request is what the AI SDK's client sends."""
    steps = answer(*said("Two products:"), ("wait", "cards"), CARDS, *said("Both are", " in stock."))
    opened = opened_chat(stand_in, open_page, steps)
    expect(opened.get_by_label("Ask about products")).to_be_focused()
    expect(opened.get_by_role("dialog", name="Shopping assistant")).to_contain_text("You are talking to a machine.")
    ask(opened, "headphones")
    log = opened.get_by_role("log", name="Conversation")
    expect(log).to_have_attribute("aria-live", "polite")
    expect(log).to_contain_text("Two products:")
    expect(opened.get_by_role("status")).to_have_text("The assistant is answering")
    stand_in.gate("cards").set()
    expect(log.get_by_role("listitem")).to_have_count(2)
    expect(log).to_contain_text("Both are in stock.")
    expect(log).to_contain_text("€60.90")
    expect(opened.get_by_role("status")).to_have_text("")
    expect(opened.locator("[part=disclosure]")).to_contain_text(MACHINE)
    expect(opened.get_by_role("link", name="Talk to a person")).to_have_attribute("href", "https://shop.example/help")
    [asked] = stand_in.sent("/api/chat")
    assert asked.headers["x-api-key"] == "pk-1"
    assert asked.body["anonymousId"] == "a1"
    assert [(m["role"], m["parts"]) for m in asked.body["messages"]] == [
        ("user", [{"type": "text", "text": "headphones"}])
    ]


def test_escape_closes_and_gives_the_focus_back(stand_in: StandIn, open_page: Open) -> None:
    """The conversation is still there when the panel is opened again."""
    opened = opened_chat(stand_in, open_page, answer(*said("Hello.")))
    ask(opened, "hello")
    expect(opened.get_by_text("Hello.")).to_be_visible()
    opened.keyboard.press("Escape")
    expect(opened.get_by_role("dialog")).to_have_count(0)
    expect(opened.get_by_role("button", name="Ask the shopping assistant")).to_be_focused()
    opened.keyboard.press("Enter")
    expect(opened.get_by_text("Hello.")).to_be_visible()


def test_an_answer_can_be_stopped(stand_in: StandIn, open_page: Open) -> None:
    """What was said stays; the next question is asked in the same conversation."""
    opened = opened_chat(stand_in, open_page, answer(*said("One."), ("wait", "never")), answer(*said("Two.")))
    ask(opened, "first")
    expect(opened.get_by_text("One.")).to_be_visible()
    opened.get_by_role("button", name="Stop").click()
    expect(opened.get_by_text("Stopped.")).to_be_visible()
    ask(opened, "second")
    expect(opened.get_by_text("Two.")).to_be_visible()
    first, second = (request.body for request in stand_in.sent("/api/chat"))
    assert first["id"] == second["id"]
    assert [m["parts"][0]["text"].strip() for m in second["messages"]] == ["first", "One.", "second"]


@pytest.mark.parametrize(
    ("broken", "shown"),
    [
        (answer(*said("Half"))[:-2], "The answer broke off."),
        (
            [*answer(*said("Half"))[:-2], part("error", errorText="Not now."), part("finish"), ("", "[DONE]")],
            "Not now.",
        ),
        ([("", "no json")], "The assistant can't be reached at the moment."),
    ],
)
def test_a_broken_answer_can_be_tried_again(stand_in: StandIn, open_page: Open, broken: list[Step], shown: str) -> None:
    """Cut streams, error parts and rubbish are told in a sentence, and the same question is asked again."""
    opened = opened_chat(stand_in, open_page, broken, answer(*said("Here you are.")))
    ask(opened, "lamps")
    expect(opened.locator("[part=error]")).to_contain_text(shown)
    opened.get_by_role("button", name="Try again").click()
    expect(opened.get_by_text("Here you are.")).to_be_visible()
    expect(opened.locator("[part=error]")).to_have_count(0)
    assert [[m["parts"][0]["text"] for m in r.body["messages"]] for r in stand_in.sent("/api/chat")] == [["lamps"]] * 2


def test_a_dead_service_is_told(stand_in: StandIn, open_page: Open) -> None:
    """The panel says so, keeps the question, and the page goes on."""
    stand_in.dead = True
    opened = opened_chat(stand_in, open_page)
    ask(opened, "lamps")
    expect(opened.locator("[part=error]")).to_contain_text("can't be reached")
    expect(opened.locator("[part=question]")).to_have_text("lamps")


def test_nothing_is_put_into_the_cart_without_the_shopper(stand_in: StandIn, open_page: Open) -> None:
    """A proposal is a question: only the button tells the page, once, and reports it."""
    opened = opened_chat(stand_in, open_page, answer(PROPOSAL))
    ask(opened, "take the first")
    proposal = opened.get_by_role("group", name="Add 2 × Nordvik Orbit 1 to your cart?")
    expect(proposal).to_be_visible()
    assert opened.evaluate("told.filter((event) => event.type === 'shelf:add-to-cart')") == []
    proposal.get_by_role("button", name="Add to cart").click()
    expect(opened.get_by_text("Added to your cart.")).to_be_visible()
    told = opened.evaluate("told.filter((event) => event.type === 'shelf:add-to-cart')")
    assert [(event["productId"], event["quantity"]) for event in told] == [("p1", 2)]
    stand_in.await_sent("/api/events")
    assert [(e["productId"], e["quantity"]) for e in stand_in.events("add_to_cart")] == [("p1", 2)]


def test_the_servers_own_tools_ask_nothing(stand_in: StandIn, open_page: Open) -> None:
    """A call that the server carried out, also one of that name, is no proposal."""
    own: Step = ("", {**PROPOSAL[1], "providerExecuted": True})
    opened = opened_chat(stand_in, open_page, answer(own, *said("Done.")))
    ask(opened, "take it")
    expect(opened.get_by_text("Done.")).to_be_visible()
    expect(opened.locator("[part=proposal]")).to_have_count(0)


def test_a_question_back_is_answered_by_a_press(stand_in: StandIn, open_page: Open) -> None:
    """Its options send what they say; so do the page's suggestions."""
    opened = opened_chat(stand_in, open_page, answer(CLARIFY), answer(*said("For you, then.")))
    opened.get_by_role("button", name="A gift").click()
    opened.get_by_role("button", name="For me").click()
    expect(opened.get_by_text("For you, then.")).to_be_visible()
    texts = [request.body["messages"][-1]["parts"][0]["text"] for request in stand_in.sent("/api/chat")]
    assert texts == ["A gift", "For me"]


def test_a_comparison_is_a_table_that_says_what_it_does_not_know(stand_in: StandIn, open_page: Open) -> None:
    """Products as columns, attributes as rows, `unknown` where the catalogue is silent."""
    opened = opened_chat(stand_in, open_page, answer(COMPARISON))
    ask(opened, "compare them")
    table = opened.get_by_role("table", name="Comparison")
    expect(table.get_by_role("columnheader")).to_have_count(2)
    row = table.get_by_role("row").filter(has=opened.get_by_role("rowheader", name="battery hours"))
    expect(row.get_by_role("cell")).to_have_text(["20", "unknown"])


def test_hostile_texts_stay_texts(stand_in: StandIn, open_page: Open) -> None:
    """Markup in sentences, cards, tables, questions and proposals is shown as written; no address is a script."""
    attack = '<img src=x onerror="attacked=1"><script>attacked=2</script>'
    evil = item(1, name=attack, reason=attack, url="javascript:attacked=3", imageUrl="javascript:attacked=4")
    steps = [
        *said(attack),
        part("data-products", data={"recommendationId": attack, "products": [evil]}),
        part("data-comparison", data={"products": [evil], "rows": [{"attribute": attack, "values": [attack]}]}),
        part("data-clarify", data={"question": attack, "options": [attack]}),
        part("tool-input-available", toolName="add_to_cart", toolCallId="c", input={"productId": attack}),
        part("data-disclosure", data={"text": attack, "handOff": "javascript:attacked=5"}),
        part("error", errorText=attack),
    ]
    opened = opened_chat(stand_in, open_page, answer(*steps))
    ask(opened, attack)
    expect(opened.locator("[part=error]")).to_contain_text(attack)
    opened.locator("[part=name]").dispatch_event("click")
    assert opened.evaluate("attacked") == 0
    assert opened.locator("shelf-chat img, shelf-chat script, shelf-chat a[href]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_no_violations(stand_in: StandIn, open_page: Open, scheme: str, width: int) -> None:
    """axe-core finds nothing, closed and with every kind of part shown, and no page scrolls sideways."""
    steps = answer(*said("Two products:"), CARDS, COMPARISON, PROPOSAL, CLARIFY, part("error", errorText="Broken."))
    stand_in.chat = [steps]
    stand_in.pages["/"] = page(CHAT, widget="shelf-chat.js")
    opened = open_page(width=width, color_scheme=scheme, reduced_motion="reduce")
    assert violations(opened) == []
    opened.get_by_role("button", name="Ask the shopping assistant").click()
    ask(opened, "headphones under 80 euro, or " + "verylongword" * 20)
    expect(opened.locator("[part=error]")).to_be_visible()
    assert violations(opened) == []
    assert opened.evaluate("document.documentElement.scrollWidth") <= width


def test_personalisation_that_is_off_is_off_here_too(stand_in: StandIn, open_page: Open) -> None:
    """Without the page's ids the conversation still has one of its own, which ends with the page."""
    stand_in.chat = [answer(*said("One.")), answer(*said("Two."))]
    stand_in.pages["/"] = page(CHAT.replace("<shelf-chat", '<shelf-chat layout="inline"'), widget="shelf-chat.js")
    opened = open_page()
    opened.evaluate("localStorage.setItem('shelfwise:personalisation', 'off')")
    ask(opened, "lamps")
    expect(opened.get_by_text("One.")).to_be_visible()
    opened.reload()
    ask(opened, "lamps")
    expect(opened.get_by_text("Two.")).to_be_visible()
    first, second = (request.body for request in stand_in.sent("/api/chat"))
    assert "anonymousId" not in first
    assert first["sessionId"] != second["sessionId"]
