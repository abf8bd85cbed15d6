"""Rule files: what ships loads, and every mistake is named with file, line and the word that was meant."""

import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters.rule_files import check_references, load_rules, parse_scoring, parse_shop
from app.domain.catalog import Product
from app.domain.errors import RulesError
from app.domain.interactions import EventKind, Signal
from app.pipeline.columns import snapshot_of
from app.pipeline.rules_schema import Cap, Diversity, FactorWeights, InStock, MinMargin, Owned

SHIPPED = Path(__file__).resolve().parents[2] / "rules"
SCORING = b"version: 1\nsignals: {view: {weight: 1, halfLifeDays: 14}}\n"


def shop(text: str):
    """The shop rules of a file with `version: 1` in its first line and the text from the second on."""
    return parse_shop(f"version: 1\n{text}".encode(), "rules/shop.yaml")[0]


def mistake(text: str) -> str:
    with pytest.raises(RulesError) as caught:
        shop(text)
    return str(caught.value)


def test_the_shipped_rules_load() -> None:
    """With the rules and weights that the documentation promises."""
    rules = load_rules(SHIPPED)
    by_id = {rule.id: rule for rule in rules.shop.eligibility}
    assert list(by_id) == ["in_stock", "min_margin", "within_budget", "avoided", "dismissed", "owned"]
    assert isinstance(by_id["in_stock"], InStock)
    assert by_id["in_stock"].when_unknown == "allow"
    assert isinstance(by_id["min_margin"], MinMargin)
    assert (by_id["min_margin"].min, by_id["min_margin"].when_unknown) == (0.25, "exclude")
    assert isinstance(by_id["owned"], Owned)
    assert by_id["owned"].default_days is None
    assert {type(rule) for rule in rules.shop.slate} == {Cap, Diversity}
    assert "student-discount" in {p.id for p in rules.shop.promotions}
    assert rules.scoring.mode == "relevance"
    assert rules.scoring.weights == FactorWeights()


def test_the_shipped_signals_are_those_of_training() -> None:
    """Kinds that are not listed, such as impressions and searches, say nothing."""
    signals = load_rules(SHIPPED).scoring.signal_map()
    assert signals[EventKind.PURCHASE] == Signal(10.0, 120.0)
    assert signals[EventKind.DISMISS] == Signal(-10.0, 180.0)
    assert set(EventKind) - set(signals) == {EventKind.SEARCH, EventKind.IMPRESSION}


def test_the_version_changes_with_any_file(tmp_path) -> None:
    """Also with a file that other parts read; not with the folder or with other kinds of file."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "shop.yaml").write_bytes(b"version: 1\n")
        (tmp_path / folder / "scoring.yaml").write_bytes(SCORING)
    first = load_rules(tmp_path / "a").version
    (tmp_path / "b" / "notes.txt").write_text("no rule")
    assert load_rules(tmp_path / "b").version == first
    (tmp_path / "b" / "gate.yaml").write_text("w: 1")
    assert load_rules(tmp_path / "b").version != first
    assert len(first) == 12


@pytest.mark.parametrize("missing", ["shop.yaml", "scoring.yaml"])
def test_a_missing_file_is_named(tmp_path, missing) -> None:
    """With what to do about it."""
    for name, content in (("shop.yaml", b"version: 1\n"), ("scoring.yaml", SCORING)):
        if name != missing:
            (tmp_path / name).write_bytes(content)
    with pytest.raises(RulesError, match=rf"{missing}:1: there is no such file; point SHELFWISE_RULES_DIR"):
        load_rules(tmp_path)


def test_a_folder_below_the_working_directory_is_named_relative_to_it(tmp_path, monkeypatch) -> None:
    """`rules/shop.yaml:2`, which an editor can jump to."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "shop.yaml").write_text("version: 1\nelegibility: []\n")
    (tmp_path / "rules" / "scoring.yaml").write_bytes(SCORING)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        RulesError, match=r'^rules/shop.yaml:2: unknown key "elegibility"; did you mean "eligibility"\?$'
    ):
        load_rules(tmp_path / "rules")


IN_RULES = "eligibility:\n  - type: in_stock\n"
MISTAKES = {
    "unknown key in a rule": (
        "eligibility:\n  - type: min_margin\n    minn: 0.3\n",
        'rules/shop.yaml:4: unknown key "minn" in rule min_margin; did you mean "min"?',
    ),
    "unknown key in a nested part": (
        "promotions:\n  - {id: p, title: T, percentOff: 5, from: 2026-01-01,\n"
        "     to: 2026-01-02, audience: {segmnts: [x]}}\n",
        'rules/shop.yaml:4: unknown key "segmnts" in promotion p; did you mean "segments"?',
    ),
    "unknown key at the top": (
        "promotion: []\n",
        'rules/shop.yaml:2: unknown key "promotion"; did you mean "promotions"?',
    ),
    "a word near to nothing": ("xyzzy: 1\n", 'rules/shop.yaml:2: unknown key "xyzzy"'),
    "unknown type": (
        "eligibility:\n  - id: x\n    type: in_stok\n",
        'rules/shop.yaml:4: unknown rule type "in_stok"; did you mean "in_stock"?',
    ),
    "unknown type near to nothing": (
        "slate:\n  - type: qqq\n",
        'rules/shop.yaml:3: unknown rule type "qqq"; one of cap, diversity, pin',
    ),
    "no type": ("slate:\n  - max: 3\n", 'rules/shop.yaml:3: a rule without "type"; one of cap, diversity, pin'),
    "missing key": (
        "slate:\n\n  - type: cap\n    by: brand\n",
        'rules/shop.yaml:4: the key "max" is missing in rule cap',
    ),
    "public reason": (
        IN_RULES + "    publicReason: out_of_stok\n",
        'rules/shop.yaml:4: unknown publicReason "out_of_stok" in rule in_stock; did you mean "out_of_stock"?',
    ),
    "when unknown": (
        IN_RULES + "    whenUnknown: maybe\n",
        'rules/shop.yaml:4: unknown whenUnknown "maybe" in rule in_stock; one of allow, exclude',
    ),
    "text for a number": (
        IN_RULES + '    min: "3"\n',
        "rules/shop.yaml:4: min in rule in_stock: input should be a valid integer, not '3'",
    ),
    "yes for a number": (
        IN_RULES + "    min: yes\n",
        "rules/shop.yaml:4: min in rule in_stock: input should be a valid integer, not 'True'",
    ),
    "not a number": (
        "eligibility:\n  - type: min_margin\n    min: .nan\n",
        "rules/shop.yaml:4: min in rule min_margin: input should be a finite number, not 'nan'",
    ),
    "out of range": (
        "slate:\n  - type: diversity\n    lambda: 1.5\n",
        "rules/shop.yaml:4: lambda in rule diversity: input should be less than or equal to 1, not '1.5'",
    ),
    "an id twice": (
        "eligibility:\n  - type: in_stock\n  - type: min_margin\n    id: in_stock\n",
        'rules/shop.yaml:5: the id "in_stock" is there twice, first in line 3; give this rule an `id:` of its own',
    ),
    "an id by default twice": (
        "slate:\n  - {type: cap, by: brand, max: 1}\n  - {type: cap, by: category, max: 1}\n",
        'rules/shop.yaml:4: the id "cap" is there twice, first in line 3; give this rule an `id:` of its own',
    ),
    "a built-in id": (
        "eligibility:\n  - type: dismissed\n    id: in_cart\n",
        'rules/shop.yaml:4: the id "in_cart" belongs to a built-in rule; choose another',
    ),
    "an unusable id": (
        "eligibility:\n  - type: dismissed\n    id: Not this\n",
        "rules/shop.yaml:4: id in rule Not this must be small letters, digits, - and _, at most 64 of them",
    ),
    "two diversity rules": (
        "slate:\n  - {type: diversity, lambda: 1}\n  - {type: diversity, id: d, lambda: 1}\n",
        "rules/shop.yaml:4: a second diversity rule; keep one",
    ),
    "dates the wrong way round": (
        "promotions:\n  - {id: p, title: T, percentOff: 5, from: 2026-02-01, to: 2026-01-02}\n",
        "rules/shop.yaml:3: promotion p: ends (2026-01-02) before it begins (2026-02-01); swap from and to",
    ),
    "not a day": (
        "promotions:\n  - id: p\n    title: T\n    percentOff: 5\n    from: soon\n    to: 2026-01-02\n",
        "rules/shop.yaml:6: from in promotion p: 'soon' is not a day; write 2026-10-31",
    ),
    "a moment for a day": (
        "promotions:\n  - id: p\n    title: T\n    percentOff: 5\n    from: 2026-01-01\n    to: 2026-01-02T10:00:00Z\n",
        "rules/shop.yaml:7: to in promotion p: '2026-01-02 10:00:00+00:00' is not a day; write 2026-10-31",
    ),
    "a day that does not exist": (
        "promotions:\n  - id: p\n    from: 2026-02-30\n",
        "rules/shop.yaml:4: '2026-02-30' can't be read: day is out of range for month",
    ),
    "an empty category": (
        'eligibility:\n  - type: excluded_categories\n    categories:\n      - A\n      - " > "\n',
        "rules/shop.yaml:6: categories in rule excluded_categories: ' > ' is not a category path; write it like A > B",
    ),
    "an interval below zero": (
        "eligibility:\n  - type: owned\n    repurchaseDays:\n      A: 3\n      B: -1\n",
        "rules/shop.yaml:6: B in rule owned: input should be greater than or equal to 0, not '-1'",
    ),
    "a key twice": (
        IN_RULES + "    min: 1\n    min: 2\n",
        'rules/shop.yaml:5: the key "min" is there twice; first in line 4',
    ),
    "a key that is not text": ("3: 4\n", "rules/shop.yaml:2: the key '3' is not text"),
    "an alias": ("a: &x [1]\nb: *x\n", "rules/shop.yaml:2: anchors and aliases (& and *) are not read here"),
    "a tag": (
        "a: !!python/object:os.system x\n",
        "rules/shop.yaml:2: could not determine a constructor for the tag 'tag:yaml.org,2002:python/object:os.system'",
    ),
    "broken YAML": ("a: [1\nb: 2\n", "rules/shop.yaml:3: expected ',' or ']', but got ':'"),
    "a control character": ("a: \x07\n", "rules/shop.yaml:2: a control character; delete it"),
    "a word for a rule": (
        "eligibility:\n  - in_stock\n",
        "rules/shop.yaml:3: eligibility must be keys and values, not 'in_stock'",
    ),
    "a word for a list": (
        "eligibility: in_stock\n",
        "rules/shop.yaml:2: eligibility must be a list, each element behind a dash, or []; not 'in_stock'",
    ),
    "nothing for a list": (
        "slate:\n",
        "rules/shop.yaml:2: slate must be a list, each element behind a dash, or []; not 'None'",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_file_line_and_the_word_meant(name) -> None:
    """Each message begins with file:line and says what to write."""
    text, expected = MISTAKES[name]
    assert mistake(text) == expected


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    """One start, one list."""
    found = mistake("eligibility:\n  - type: in_stock\n    mni: 1\n  - type: dismised\nslatee: []\n").splitlines()
    assert [line.split(": ")[0] for line in found] == [f"rules/shop.yaml:{n}" for n in (4, 5, 6)]


def test_files_that_are_no_rules_are_refused(tmp_path) -> None:
    """Empty, a list, another encoding, too large."""
    for content, expected in (
        (b"", 'rules/shop.yaml:1: the key "version" is missing'),
        (b"- 1\n", "rules/shop.yaml:1: expected keys and values"),
        (b"version: 1\n# caf\xe9\n", "rules/shop.yaml:2: not UTF-8 text"),
        (b"version: 2\n", "rules/shop.yaml:1: version must be 1, not 2"),
        (b"version: 1\n---\nversion: 1\n", "rules/shop.yaml:2: but found another document"),
    ):
        with pytest.raises(RulesError) as caught:
            parse_shop(content, "rules/shop.yaml")
        assert str(caught.value).startswith(expected)
    (tmp_path / "shop.yaml").write_bytes(b"#" * 300_000)
    with pytest.raises(RulesError, match="larger than 256 KB"):
        load_rules(tmp_path)


@pytest.mark.parametrize("bomb", [b"[" * 200_000, b"{a: " * 50_000, b"- " * 100_000, b"a: " + b"9" * 6_000])
def test_a_file_made_to_hurt_is_refused_at_once(bomb) -> None:
    """Deep nesting and endless digits: an error with a line, after not much more work than as many comments."""
    comments = b"# nothing\n" * 20_000
    spent = []
    for content in (comments, bomb):
        begin = time.thread_time()
        with pytest.raises(RulesError, match=r"^rules/shop.yaml:\d+: "):
            parse_shop(content, "rules/shop.yaml")
        spent.append(time.thread_time() - begin)
    assert spent[1] < 20 * spent[0]


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_whatever_a_file_holds_it_is_read_or_refused_with_a_line(data) -> None:
    """Any edit of the shipped file, or any text at all, gives rules or a RulesError, never another exception."""
    lines = (SHIPPED / "shop.yaml").read_text().splitlines()
    lines = [line for line in lines if not line.lstrip().startswith("#")]
    at = data.draw(st.integers(0, len(lines) - 1))
    piece = st.sampled_from(["- ", ": ", "{", "]", "  ", "null", "\t", "!!int x", "? ", "2026-13-01", "<<: 1", "~: 1"])
    edited = data.draw(
        st.one_of(
            piece.map(lambda p: [*lines[:at], lines[at] + p, *lines[at + 1 :]]),
            piece.map(lambda p: [*lines[:at], p + lines[at], *lines[at + 1 :]]),
            st.just([*lines[:at], *lines[at + 1 :]]),
            st.text(max_size=30).map(lambda text: ["version: 1", text]),
        )
    )
    problems = ""
    try:
        parse_shop("\n".join(edited).encode("utf-8", "surrogatepass"), "shop.yaml")
    except RulesError as error:
        problems = str(error)
    assert all(re.match(r"shop\.yaml:\d+: .", line) for line in problems.splitlines()), problems


def test_mistakes_in_scoring_are_named_too() -> None:
    """Factors, kinds of event and modes."""
    text = (
        "version: 1\nmode: shops\nweights:\n  usermatch: 1\nsignals:\n  veiw: {weight: 1, halfLifeDays: 1}\n"
        "  click: {weight: 1, halfLife: 1}\n  search: {weight: 1, halfLifeDays: 0}\n"
    )
    with pytest.raises(RulesError) as caught:
        parse_scoring(text.encode(), "rules/scoring.yaml")
    assert str(caught.value).splitlines() == [
        'rules/scoring.yaml:2: unknown mode "shops"; did you mean "shop"?',
        'rules/scoring.yaml:4: unknown key "usermatch" in "weights"; did you mean "userMatch"?',
        'rules/scoring.yaml:6: unknown key "veiw" in "signals"; did you mean "view"?',
        'rules/scoring.yaml:7: the key "halfLifeDays" is missing in "click"',
        'rules/scoring.yaml:7: unknown key "halfLife" in "click"; did you mean "halfLifeDays"?',
        'rules/scoring.yaml:8: unknown key "search" in "signals"',
    ]


def test_weights_that_are_all_zero_are_refused() -> None:
    """Nothing would be left to order by."""
    zero = "".join(f"  {name}: 0\n" for name in FactorWeights().as_mapping())
    with pytest.raises(RulesError, match=r"^scoring.yaml:2: weights: all 0"):
        parse_scoring(f"version: 1\nweights:\n{zero}signals: {{}}\n".encode(), "scoring.yaml")


def loaded(tmp_path: Path, text: str):
    (tmp_path / "shop.yaml").write_text("version: 1\n" + text)
    (tmp_path / "scoring.yaml").write_bytes(SCORING)
    return load_rules(tmp_path)


CATALOGUE = snapshot_of(
    [
        Product("el-1042", "", brand="Acme", category="Electronics > Headphones"),
        Product("ga-1", "", brand="Plotwise", category="Garden > Tools"),
    ],
    1,
)


def test_names_that_no_product_has_are_errors_with_a_suggestion(tmp_path) -> None:
    """Categories (also those above a product's own), brands and products, each with its line."""
    text = """\
eligibility:
  - type: excluded_categories
    categories: [electronics, Electronics > Headphone, Wine]
promotions:
  - id: p
    title: T
    percentOff: 5
    from: 2026-01-01
    to: 2026-01-02
    brands: [ACME]
    categories:
      - Garden > Tool
    products: [nothing-like-it]
slate:
  - {type: pin, productId: el-1043, position: 1}
"""
    problems = check_references(loaded(tmp_path, text), CATALOGUE)
    assert [p.severity for p in problems] == ["error"] * 5
    assert [p.message.split("shop.yaml:")[1] for p in problems] == [
        '4: no product has the category "Electronics > Headphone"; did you mean "Electronics > Headphones"?',
        '4: no product has the category "Wine"',
        '13: no product has the category "Garden > Tool"; did you mean "Garden > Tools"?',
        '14: no product has the product "nothing-like-it"',
        '16: no product has the product "el-1043"; did you mean "el-1042"?',
    ]


def test_what_is_meant_for_another_catalogue_is_a_warning(tmp_path) -> None:
    """Repurchase intervals, and a promotion none of whose names is known here or close to one that is."""
    text = """\
eligibility:
  - type: owned
    repurchaseDays: {Garden: 3, Grocery: 14}
promotions:
  - {id: p, title: T, percentOff: 5, from: 2026-01-01, to: 2026-01-02, categories: [Ski > Boots], brands: [Zzz]}
"""
    problems = check_references(loaded(tmp_path, text), CATALOGUE)
    assert [(p.severity, p.message.split("shop.yaml:")[1]) for p in problems] == [
        ("warning", '4: no product has the category "Grocery"'),
        ("warning", '6: no product has the category "Ski > Boots"'),
        ("warning", '6: no product has the brand "Zzz"'),
    ]


def test_a_catalogue_without_categories_is_no_reason_to_refuse_the_start(tmp_path) -> None:
    """Nor is one without brands, nor an empty one; the shipped rules fit every such import."""
    text = "eligibility:\n  - {type: excluded_categories, categories: [Wine]}\n"
    rules = loaded(tmp_path, text)
    bare = snapshot_of([Product("1", "Mug", price_minor=100)], 1)
    assert check_references(rules, bare) == ()
    assert check_references(rules, snapshot_of([], 0)) == ()
    assert check_references(load_rules(SHIPPED), bare) == ()


def test_the_shipped_rules_start_with_the_catalogue_of_any_shop() -> None:
    """What they name of the demo shop is at most a warning elsewhere."""
    assert [p for p in check_references(load_rules(SHIPPED), CATALOGUE) if p.severity == "error"] == []


def test_the_shipped_rules_know_every_name_in_the_demo_shop() -> None:
    """No promotion and no repurchase interval of the file speaks of something that the demo shop does not sell."""
    lines = (SHIPPED.parent / "fixtures" / "shop" / "products.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    products = [Product(r["productId"], r["name"], brand=r["brand"], category=r["category"]) for r in rows]
    assert check_references(load_rules(SHIPPED), snapshot_of(products, 1)) == ()
