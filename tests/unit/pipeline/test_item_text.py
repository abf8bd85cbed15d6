"""What is embedded and what is searched."""

import time

from app.domain.catalog import Product
from app.pipeline.item_text import ATTRIBUTES, DESCRIPTION_CHARS, SearchText, item_text, search_text

FULL = Product(
    "p1",
    "Quiet One",
    description="Closed headphones.",
    brand="Sonara",
    category=" Electronics >Headphones ",
    tags=("noise cancelling", "travel"),
    attributes={"weight": "250 g", "colour": ("black", "sand")},
)


def test_says_everything_in_a_fixed_order():
    """Name, brand, category path, tags, attributes by name, description."""
    assert item_text(FULL) == (
        "Quiet One. Sonara. Electronics > Headphones. noise cancelling, travel. "
        "colour black sand, weight 250 g. Closed headphones"
    )


def test_a_title_only_product_is_its_title():
    """Parts that the shop left out leave no separators behind."""
    assert item_text(Product("85123A", "WHITE HANGING HEART T-LIGHT HOLDER")) == "WHITE HANGING HEART T-LIGHT HOLDER"


def test_a_product_that_says_nothing_is_empty():
    """No name and no other words give the empty text, for both uses but the id."""
    assert item_text(Product("p", "  ")) == ""
    assert search_text(Product("p", "")) == SearchText("", "p")


def test_the_order_of_attributes_does_not_matter():
    """A catalogue exported with another key order embeds nothing again."""
    other = Product("p", "x", attributes={"b": "2", "a": "1"})
    assert item_text(other) == item_text(Product("p", "x", attributes={"a": "1", "b": "2"}))


def test_markup_entities_and_control_characters_go():
    """HTML descriptions are read as text, on one line."""
    product = Product("p", "Tea\x00 &amp;\n<b>Cups</b>", description="<p class='x'>fine&nbsp;china</p>&lt;i&gt;")
    assert item_text(product) == "Tea & Cups. fine china"


def test_lone_surrogates_go_and_emoji_stay():
    """What can't be encoded as UTF-8 is dropped; what can is kept."""
    text = item_text(Product("p", "gift \ud83d 🎁", description="\udfff"))
    assert text == "gift 🎁"
    assert text.encode("utf-8")


def test_a_long_description_is_cut_at_a_word():
    """The description is capped in what is embedded and, much later, in what is searched."""
    product = Product("p", "x", description="word " * 30_000)
    assert len(item_text(product)) <= DESCRIPTION_CHARS + len("x. ")
    assert item_text(product).endswith("word")
    assert len(search_text(product).main) < 5_000


def test_only_a_few_attributes_are_embedded_and_all_are_searched():
    """Many attributes can't push the description out of what the model reads."""
    product = Product("p", "x", attributes={f"a{i:02}": f"v{i:02}" for i in range(20)})
    assert f"v{ATTRIBUTES - 1:02}" in item_text(product)
    assert f"v{ATTRIBUTES:02}" not in item_text(product)
    assert "v19" in search_text(product).details


def test_hostile_markup_is_read_in_linear_time():
    """100 KB of opening brackets don't hang the indexing."""
    started = time.process_time()
    item_text(Product("p", "<" * 100_000, description="&lt;" * 25_000))
    assert time.process_time() - started < 1.0


def test_search_finds_the_product_id():
    """A shopper or clerk may type the article number."""
    assert "85123A" in search_text(Product("85123A", "holder")).details


def test_labels_that_the_name_says_are_not_said_twice():
    """Brand, category and tags are searched with the name; a word of theirs that it holds is not counted again."""
    product = Product("p", "Sonara Headphones", brand="Sonara", category="Audio > Headphone", tags=("headphone", "new"))
    assert search_text(product).main == "Sonara Headphones\nAudio > Headphone\nnew"
