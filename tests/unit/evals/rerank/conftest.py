"""The toy shop with searches, split and trained once: what a rerank evaluation begins with."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.interactions import Consent
from app.settings import shipped_directory
from evals.ranking.experiment import Arena, Plan, arena
from evals.ranking.shop_data import read_shop
from tests.unit.evals.ranking.toy_shop import CUT, write_shop

DAY_S = 86_400.0


def with_searches(folder: Path) -> Path:
    """After the cut each shopper with an even number searches a minute before every purchase."""
    path = folder / "events.csv"
    header, *rows = path.read_text().splitlines()
    lines = [header + ",query"]
    for row in rows:
        user, product, kind, *_, at, _order = row.split(",")
        if kind == "purchase" and float(at) >= CUT and int(user[1:]) % 2 == 0:
            words = "red lamp" if int(product[1:]) % 2 else "blue chair"
            lines.append(f"{user},,search,,,{float(at) - 60},,{words}")
        lines.append(f"{row},")
    path.write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """120 shoppers, 60 products, no vectors, rules of one's own; nobody but the service is fitted."""
    work = tmp_path_factory.mktemp("ground")
    shop = read_shop(with_searches(write_shop(work / "toy", shoppers=120, products=60)), "EUR")
    rules = Path(shutil.copytree(shipped_directory("rules"), work / "rules"))
    plan = Plan("any", CUT, quick=True, embed=False, peers=False, consent=Consent("full", True))
    with arena(shop, plan, lambda _line: None, rules_source=rules) as made:
        yield made
