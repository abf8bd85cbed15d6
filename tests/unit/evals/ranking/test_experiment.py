"""The whole evaluation of a small shop, by the command."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app as shelfwise
from evals.cli import evaluations
from evals.ranking.results import read_evaluation
from tests.unit.evals.ranking.toy_shop import write_shop


@pytest.mark.slow
def test_the_command_measures_a_shop_from_end_to_end(tmp_path: Path) -> None:
    """Peers and service are ranked and compared, cold start and trade-off included, and everything is written."""
    shop = write_shop(tmp_path / "toy", shoppers=120, products=60)
    line = ["ranking", "--data", str(shop), "--protocol", "any", "--out", str(tmp_path), "--quick", "--no-embed"]
    done = CliRunner().invoke(evaluations, [*line, "--cut", "2020-12-03", "--cold", "--tradeoff"])
    assert done.exit_code == 0, done.output
    result = read_evaluation(tmp_path / "ranking-toy-any.json")
    ndcg = {model.name: model.metrics["ndcg"] for model in result.models}
    assert len(ndcg) == 10
    # Shoppers keep to one half of the catalogue: whoever reads histories beats whoever does not, for certain.
    assert ndcg["Shelfwise"].low > ndcg["popular"].high
    assert ndcg[result.best_peer].low > ndcg["shuffle"].high
    assert all(e.low <= e.value <= e.high for e in ndcg.values())
    assert result.cold is not None
    one = {line.name: line.ndcg.value for line in result.cold.histories if line.shown == 1}
    assert one["Shelfwise"] > one["popular"]
    assert result.cold.new_items == []
    assert result.tradeoff[0].name == "relevance"
    margins = [point.margin_rate.value for point in result.tradeoff]
    assert margins[-1] > margins[0]
    assert (tmp_path / "ranking-toy-any.html").exists()


def test_a_day_that_is_none_is_refused(tmp_path: Path) -> None:
    """A wrong --cut ends with what to write, before anything is read."""
    done = CliRunner().invoke(evaluations, ["ranking", "--data", str(tmp_path), "--protocol", "any", "--cut", "soon"])
    assert done.exit_code != 0
    assert "write 2011-09-01" in str(done.exception)


def test_the_shelfwise_command_hands_evaluations_over() -> None:
    """`shelfwise eval ranking --help` is the evaluation's own help."""
    done = CliRunner().invoke(shelfwise, ["eval", "ranking", "--help"])
    assert done.exit_code == 0
    assert "--protocol" in done.output
