"""The lexical index."""

import pytest

from app.adapters.bm25_index import MAX_QUERY_TOKENS, Bm25Index, build_bm25, lexical_folder
from app.domain.errors import IndexUnavailable

TEXTS = {
    "a": "Red bicycle bell\nRed bicycle bell",
    "b": "Blue bicycle pump",
    "c": "Straße ÉCLAIR Ａ１ Ελλάδα",
    "d": "",
    "e": "🎁 \ud800 %%% ___",
}


@pytest.fixture
def index(tmp_path):
    """The five texts, written and opened."""
    build_bm25(tmp_path, TEXTS)
    return Bm25Index.open(tmp_path)


def test_the_best_match_is_first(index):
    """A product with more of the words comes first; one with none is left out."""
    ids, scores = index.search("red bicycle", 10)
    assert list(ids) == ["a", "b"]
    assert scores[0] > scores[1] > 0


@pytest.mark.parametrize("query", ["strasse", "STRASSE", "éclair", "e\u0301clair", "a1", "ελλάδα"])
def test_words_are_compared_by_what_they_say(index, query):
    """Case, composed accents and full-width forms make no difference."""
    assert list(index.search(query, 5)[0]) == ["c"]


@pytest.mark.parametrize("query", ["", "   ", "zzz unknown", "🎁", "\ud800", "%_", "x" * 100_000])
def test_nothing_known_finds_nothing(index, query):
    """Empty, unknown and unspeakable queries give an empty answer."""
    ids, scores = index.search(query, 5)
    assert ids == ()
    assert scores.shape == (0,)


def test_k_is_bounded(index):
    """k = 0 and less give nothing; a large k gives the matches only."""
    assert [len(index.search("bicycle", k)[0]) for k in (-1, 0, 1, 99)] == [0, 0, 1, 2]


def test_only_the_first_words_of_a_query_count(index):
    """A query is cut after MAX_QUERY_TOKENS different words."""
    noise = " ".join(f"w{i}" for i in range(MAX_QUERY_TOKENS))
    assert index.search(f"{noise} bell", 5)[0] == ()
    assert list(index.search(f"{'w0 ' * 100} bell", 5)[0]) == ["a"]


def test_equal_matches_are_in_the_order_of_the_catalogue(tmp_path):
    """Ties are deterministic."""
    index = build_bm25(tmp_path, {f"p{i}": "same words" for i in range(50)})
    assert list(index.search("words", 5)[0]) == ["p0", "p1", "p2", "p3", "p4"]


@pytest.mark.parametrize("texts", [{}, {"a": ""}, {"a": "", "b": "🎁"}])
def test_a_catalogue_without_words(tmp_path, texts):
    """No products, or none that says a word, is an index that finds nothing."""
    build_bm25(tmp_path, texts)
    index = Bm25Index.open(tmp_path)
    assert len(index) == len(texts)
    assert index.search("anything", 5)[0] == ()


def test_one_product(tmp_path):
    """A single product is found."""
    assert list(build_bm25(tmp_path, {"only": "one lamp"}).search("lamp", 5)[0]) == ["only"]


def test_a_huge_text_is_indexed(tmp_path):
    """100 KB without a space is one word, cut."""
    index = build_bm25(tmp_path, {"a": "x" * 100_000, "b": "lamp"})
    assert list(index.search("lamp", 5)[0]) == ["b"]


def test_a_damaged_index_gives_the_one_before(tmp_path, damage):
    """The last good generation answers; with none left it is IndexUnavailable."""
    build_bm25(tmp_path, {"old": "lamp"})
    newer = build_bm25(tmp_path, {"new": "lamp"})
    damage(lexical_folder(tmp_path) / newer.generation / "bm25" / "vocab.index.json")
    assert list(Bm25Index.open(tmp_path).search("lamp", 5)[0]) == ["old"]
    damage(lexical_folder(tmp_path) / "gen-000001" / "ids.json")
    with pytest.raises(IndexUnavailable, match="shelfwise train"):
        Bm25Index.open(tmp_path)


def test_two_generations_are_kept(tmp_path):
    """Older ones go."""
    for word in "abcd":
        build_bm25(tmp_path, {"p": word})
    assert sorted(p.name for p in lexical_folder(tmp_path).glob("gen-*")) == ["gen-000003", "gen-000004"]


def test_progress_ends_at_the_total(tmp_path):
    """Building reports up to the number of products."""
    seen = []
    build_bm25(tmp_path, TEXTS, lambda label, done, total: seen.append((done, total)))
    assert seen[-1] == (5, 5)
