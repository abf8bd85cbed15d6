"""Single values from files: cleaned, exact, in our units, or refused."""

import re
from collections import Counter
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.domain.errors import ImportRejected
from app.domain.imports import FileKind
from app.ingest.column_names import column_names, snake_case
from app.ingest.events import Occurrences, derived_id
from app.ingest.fields import Money, RowContext, Texts, clean_text, identifier, moment

_MONEY = TypeAdapter(Money)


def _price(value: object, currency: str = "EUR") -> int:
    return _MONEY.validate_python(value, context=RowContext(currency))


@given(st.decimals(min_value=0, max_value=10**9, places=2))
def test_a_price_with_the_currencys_decimals_is_exact(amount: Decimal) -> None:
    """As text, as a decimal and as a float: the same minor units, no binary fraction in between."""
    assert _price(str(amount)) == _price(amount) == _price(float(amount)) == int(amount * 100)


@given(st.decimals(min_value=0, max_value=10**6, places=5), st.sampled_from([("EUR", 2), ("JPY", 0), ("KWD", 3)]))
def test_surplus_decimals_are_rounded_half_to_even(amount: Decimal, currency: tuple[str, int]) -> None:
    """For every currency by its own number of decimals."""
    code, digits = currency
    assert _price(str(amount), code) == int(amount.scaleb(digits).quantize(Decimal(1), ROUND_HALF_EVEN))


@pytest.mark.parametrize(("value", "minor"), [("129.90", 12990), (0.85, 85), (5.6625, 566), ("0.125", 12), (7, 700)])
def test_prices_of_the_data(value: object, minor: int) -> None:
    """The shapes in which real files state a price."""
    assert _price(value) == minor


@given(st.floats() | st.text(max_size=50) | st.integers() | st.booleans() | st.none() | st.lists(st.integers()))
def test_any_value_is_a_price_within_bounds_or_refused(value: object) -> None:
    """Nothing but a ValidationError comes out, whatever goes in."""
    try:
        minor = _price(value)
    except ValidationError:
        return
    assert 0 <= minor <= 10**12


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), "NaN", "-inf", -1, "-0.01", 1e300, "1e400", True, "12,90", "", "9" * 41, [1]],
)
def test_what_is_no_price_is_refused(value: object) -> None:
    """Not finite, negative, absurdly large, a truth value, a decimal comma, nothing."""
    with pytest.raises(ValidationError):
        _price(value)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2026-09-30T20:00:00Z", 1790798400.0),
        ("2026-09-30T22:00:00+02:00", 1790798400.0),
        ("2026-09-30 20:00", 1790798400.0),
        ("2026-09-30", 1790726400.0),
        (1790798400, 1790798400.0),
        ("1790798400", 1790798400.0),
        (1790798400000, 1790798400.0),
        ("1790798400000", 1790798400.0),
        (1790798400.25, 1790798400.25),
        (datetime(2026, 9, 30, 20, tzinfo=UTC), 1790798400.0),
        (datetime(2026, 9, 30, 20), 1790798400.0),
        (date(2026, 9, 30), 1790726400.0),
    ],
)
def test_moments_in_every_notation(value: object, seconds: float) -> None:
    """ISO text, seconds, milliseconds, datetimes; UTC where no zone is given."""
    assert moment(value) == seconds


@pytest.mark.parametrize("value", ["yesterday", "", float("nan"), float("inf"), -1, 1e18, True, None, [], "2026-13-01"])
def test_what_is_no_moment_is_refused(value: object) -> None:
    """Words, not finite, before 1970, past 2100."""
    with pytest.raises(ValueError):
        moment(value)


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (" A-1 ", "A-1"), (7, "7"), ("äö", "äö"), ("x" * 200,) * 2])
def test_identifiers(value: object, text: str) -> None:
    """Text as it is, without white space around it; whole numbers as text."""
    assert identifier(value) == text


@pytest.mark.parametrize(
    "value",
    [
        "",
        "  ",
        "x" * 201,
        "x" * 10_240,
        "a\x00b",
        "a\nb",
        "a\u200bb",
        "\u202ea",
        "\ud800",
        1.5,
        12346.0,
        True,
        None,
        ["a"],
    ],
)
def test_what_is_no_identifier_is_refused(value: object) -> None:
    """Empty, too long, control or invisible characters, lone surrogates, fractions."""
    with pytest.raises(ValueError):
        identifier(value)


def test_text_is_normalised_and_freed_of_control_characters() -> None:
    """NFC; line breaks and tabs stay; white space around it goes."""
    assert clean_text(" e\u0301\x00\x9b\tx\n ") == "\u00e9\tx"
    assert clean_text(12.0) == "12"


@pytest.mark.parametrize("value", [["a", " b ", "a", ""], '["a", "b"]', "a|b", "a | b|", ("a", None, "b")])
def test_lists_in_every_notation(value: object) -> None:
    """A list, a JSON list, a|b: cleaned, each once."""
    assert TypeAdapter(Texts).validate_python(value, context=RowContext("EUR")) == ("a", "b")


@pytest.mark.parametrize(
    ("kind", "columns", "fields"),
    [
        ("products", ["productId", "Title", "unitPrice"], ["product_id", "name", "price"]),
        ("products", ["product_id", "title", "name"], ["product_id", None, "name"]),
        (
            "events",
            ["event", "userId", "orderId", "product_id", "timestamp"],
            ["type", "user_id", "transaction_id", "product_id", "timestamp"],
        ),
        ("users", ["user_id", "persona", "orders"], ["user_id", None, None]),
    ],
)
def test_columns_are_found_under_their_names(kind: FileKind, columns: list[str], fields: list[str | None]) -> None:
    """snake_case, camelCase and synonyms; a field's own name goes first."""
    found = column_names("f", kind, columns)
    assert [found.field_of.get(column) for column in columns] == fields
    assert set(found.ignored) == {c for c, f in zip(columns, fields, strict=True) if f is None} - {"persona"}


@pytest.mark.parametrize(
    ("kind", "columns", "missing"),
    [
        ("products", ["product_id"], "name or title"),
        ("events", ["type", "timestamp", "product_id"], "user_id or anonymous_id"),
        ("users", [], "user_id"),
    ],
)
def test_a_missing_column_is_named(kind: FileKind, columns: list[str], missing: str) -> None:
    """With its synonyms and what the file has instead."""
    with pytest.raises(ImportRejected, match=re.escape(missing)):
        column_names("f", kind, columns)


def test_snake_case_of_names_as_people_write_them() -> None:
    """camelCase, spaces, hyphens, capitals."""
    assert {snake_case(n) for n in ("productId", "Product Id", "product-id", " PRODUCT_ID", "ProductId")} == {
        "product_id"
    }


@given(st.lists(st.lists(st.integers(0, 5), max_size=8), max_size=12))
def test_occurrences_count_like_a_dictionary(chunks: list[list[int]]) -> None:
    """The sorted runs give what a plain count gives, across chunks of every size."""
    occurrences, expected = Occurrences(), Counter[int]()
    for chunk in chunks:
        wanted = []
        for content in chunk:
            wanted.append(expected[content])
            expected[content] += 1
        prints = [np.uint64(content).tobytes() * 2 for content in chunk]
        assert occurrences.number(prints) == wanted


def test_derived_ids_differ_by_content_time_and_occurrence() -> None:
    """And are the same for the same."""
    ids = {derived_id(b"a" * 16, 1.0, 0), derived_id(b"b" * 16, 1.0, 0), derived_id(b"a" * 16, 2.0, 0)}
    assert len(ids | {derived_id(b"a" * 16, 1.0, 1), derived_id(b"a" * 16, 1.0, 0)}) == 4
