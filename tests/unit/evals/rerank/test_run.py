"""The whole evaluation on a small shop: asked once, read again, and what becomes of the gate."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import respx
from rich.console import Console

from app.adapters.gate_file import load_gate
from app.domain.errors import BadInput, ConfigurationError
from app.settings import Settings, shipped_directory
from evals.ranking.experiment import Arena
from evals.rerank.cases import Cases
from evals.rerank.gate_lines import LABEL
from evals.rerank.run import RerankEvaluation, Wish, _some, made_ready, run_on
from evals.rerank.table import print_rerank
from tests.unit.evals.rerank.synthetic import MODEL

pytestmark = pytest.mark.slow  # hundreds of real slates

URL = "http://model.test/v1/chat/completions"
WISH = Wish(MODEL, None, 1.0, 400, 16, write_gate=False, consent="full,true")


def settings(**changes: object) -> Settings:
    """A provider at an address of its own, with a price."""
    values = {
        "llm_api_base": "http://model.test/v1",
        "llm_api_key": "test-key",
        "llm_price_input_usd": 0.15,
        "llm_price_output_usd": 0.6,
        **changes,
    }
    return Settings(_env_file=None, **values)


def answer(model: str) -> Callable[[httpx.Request], httpx.Response]:
    """Orders the candidates by alias, as a stream of OpenAI's form."""

    def reply(request: httpx.Request) -> httpx.Response:
        text = json.loads(request.content)["messages"][-1]["content"]
        aliases = sorted(line[0] for line in text.splitlines() if line[1:2] == "|")[:10]
        content = json.dumps({"order": aliases, "why": []})
        common = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": model}
        usage = {"prompt_tokens": 900, "completion_tokens": 40, "total_tokens": 940}
        events = [
            {**common, "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": None}]},
            {**common, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {**common, "choices": [], "usage": usage},
        ]
        body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body.encode())

    return reply


def run(ground: Arena, folder: Path, wish: Wish = WISH, **changes: object) -> RerankEvaluation:
    """One run; what it is told on the way goes nowhere."""
    ready = made_ready(wish, folder, ground.data.name, settings(**changes))
    return run_on(ground, ready, wish, folder, lambda _line: None)[0]


@pytest.fixture(scope="module")
def paid(ground: Arena, tmp_path_factory: pytest.TempPathFactory) -> tuple[RerankEvaluation, Path, int]:
    """A first run against a provider, the folder of what it wrote, and how many calls were made."""
    folder = tmp_path_factory.mktemp("paid")
    with respx.mock:
        route = respx.post(URL).mock(side_effect=answer("gpt-4o-mini-2024-07-18"))
        return run(ground, folder), folder, route.call_count


def test_a_provider_is_asked_once_and_read_for_ever(ground: Arena, paid: tuple[RerankEvaluation, Path, int]) -> None:
    """A second run makes no call and finds the same figures; so does one from the recorded file."""
    first, folder, calls = paid
    assert first.used == first.cases > 200
    # Those of whom the same is known, such as nothing, have one prompt and so one call.
    assert calls == first.calls < first.used
    assert first.label == ""
    assert first.service.complete == 1.0
    assert 0 < first.spent_usd < 1.0
    with respx.mock:  # anything that is sent fails the test
        again = run(ground, folder)
        recorded = replace(WISH, recorded=folder / first.replies_file)
        read = run(ground, folder, recorded)
    assert again.calls == 0
    assert again.spent_usd == 0.0
    assert again.segments[0].raw == read.segments[0].raw == first.segments[0].raw
    assert json.loads(next(folder.glob("rerank-*.json")).read_bytes())["prompt_hash"] == first.prompt_hash


def test_a_gate_is_written_from_replies_of_a_provider(
    ground: Arena, paid: tuple[RerankEvaluation, Path, int], tmp_path: Path
) -> None:
    """Recorded replies that are no program's become measured lines that the service reads."""
    first, folder, _ = paid
    rules = Path(shutil.copytree(ground.rules_source, tmp_path / "rules"))
    wish = replace(WISH, recorded=folder / first.replies_file, write_gate=True)
    written = run(replace(ground, rules_source=rules), tmp_path, wish)
    assert not written.gate_refused
    gate = load_gate(rules)
    assert gate.measured
    for (history, intent, model, prompt_hash), line in gate.measured.items():
        assert (model, prompt_hash) == (MODEL, first.prompt_hash)
        assert line.n is not None
        assert line.interval is not None
        assert line.w == 0.0 or line.interval[0] > 0.0
        segment = next(s for s in written.segments if s.name == f"{history}/{intent}")
        assert segment.earned is not None
        assert (segment.earned.w, segment.earned.reporting.n) == (line.w, line.n)


def test_a_changed_prompt_is_a_miss_that_says_so(
    ground: Arena, paid: tuple[RerankEvaluation, Path, int], tmp_path: Path
) -> None:
    """Replies to another prompt are never used for this one."""
    first, folder, _ = paid
    prompts = Path(shutil.copytree(shipped_directory("prompts"), tmp_path / "prompts"))
    path = prompts / "rerank" / "v1.md"
    path.write_text(path.read_text().replace("best first", "best one first"))
    recorded = replace(WISH, recorded=folder / first.replies_file)
    with pytest.raises(BadInput, match="the prompt has changed"):
        run(ground, tmp_path, recorded, prompts_dir=prompts)


def test_money_that_ends_leaves_the_rest_out(ground: Arena, tmp_path: Path) -> None:
    """What was not asked is counted and said; the figures are over the rest."""
    with respx.mock:
        respx.post(URL).mock(side_effect=answer("gpt-4o-mini"))
        found = run(ground, tmp_path, replace(WISH, max_usd=0.01))
    assert 0 < found.used < found.cases
    assert found.misses == found.cases - found.used
    assert "--max-usd 0.01" in found.miss_reason
    assert found.spent_usd <= 0.01


def test_a_simulated_provider_is_labelled_and_makes_no_gate(ground: Arena, tmp_path: Path) -> None:
    """Under any name: the reply names itself. The label stands over the table and in the file."""
    rules = Path(shutil.copytree(ground.rules_source, tmp_path / "rules"))
    before = (rules / "gate.yaml").read_bytes()
    wish = replace(WISH, model="openrouter/any/model", write_gate=True, limit_users=40)
    with respx.mock:
        respx.post(URL).mock(side_effect=answer("simulated-any-model"))
        found = run(replace(ground, rules_source=rules), tmp_path, wish)
    assert found.gate_refused
    assert "simulated provider" in found.gate_written
    assert (rules / "gate.yaml").read_bytes() == before
    assert found.label == LABEL
    console = Console(width=200)
    with console.capture() as shown:
        print_rerank(found, console)
    assert shown.get().count(LABEL) == 2


def test_a_gate_from_a_model_that_is_a_program_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    """--write-gate with the simulated provider's own model name ends at once."""
    with pytest.raises(BadInput, match="is a program"):
        made_ready(replace(WISH, model="openai/simulated-ranker", write_gate=True), tmp_path, "toy", settings())


def test_what_is_missing_is_asked_for_before_anything_is_done(tmp_path: Path) -> None:
    """No model, no such file, no price: each ends with what to give."""
    with pytest.raises(BadInput, match="--model"):
        made_ready(replace(WISH, model=None), tmp_path, "toy", settings())
    with pytest.raises(BadInput, match="does not exist"):
        made_ready(replace(WISH, recorded=tmp_path / "none.jsonl"), tmp_path, "toy", settings())
    with pytest.raises(ConfigurationError, match="PRICE"):
        made_ready(
            replace(WISH, model="openai/nobody-knows"),
            tmp_path,
            "toy",
            settings(llm_price_input_usd=None, llm_price_output_usd=None),
        )


def test_nobody_is_sent_to_a_provider_without_consent() -> None:
    """Where no shopper agreed, the run ends before a call and says how to state a consent that was given."""
    with pytest.raises(BadInput, match="--consent full,true"):
        _some(Cases(not_asked=Counter({"opted_out": 9})), replace(WISH, consent=None))
