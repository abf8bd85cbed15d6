"""`shelfwise eval prompts --langfuse`: the golden scenarios as a dataset, each prompt with each model as an experiment.

The dataset is named for the version of the golden set and holds the scenarios used. A scenario of a run is a trace: its
root is the experiment's item, with the findings as scores, and every reply (the plain one, shuffles, variants) is a
generation with model, prompt, tokens and cost. A run's figures are scores of the experiment.

Every id follows from what it stands for, the experiment's from its replies and findings: telling the same run again
changes nothing. A reply that is part of two different runs has its cost in both experiments. The SDK's `run_experiment`
would draw ids, take the present for the time of a reply and hold the process while a server is dead
(docs/decisions/023-langfuse.md), so spans are filled in with the SDK's attribute names, as the service does.
Generations have other names than the service's: its figures and dashboard leave them out.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import httpx
from langfuse import LangfuseOtelSpanAttributes as Named
from langfuse.api import CreateScoreRequest, LangfuseAPI, NotFoundError, ScoreDataType
from langfuse.api.core.request_options import RequestOptions

from app.adapters.langfuse_trace.access import Access, access_of
from app.adapters.langfuse_trace.observation import (
    About,
    Figures,
    Observation,
    Value,
    observation_id_of,
    prompt_of,
)
from app.adapters.langfuse_trace.provisioning import opened
from app.adapters.langfuse_trace.wire import Answer, Wire
from app.domain.errors import ConfigurationError, ShelfwiseError, StoreUnavailable
from app.settings import Settings
from app.telemetry import trace_id_of
from evals.prompts.dataset_item import about_of, asked_of, expected_of
from evals.prompts.finding import Finding
from evals.prompts.golden import read_manifest
from evals.prompts.outcome import Outcome
from evals.prompts.results import Report, name_of
from evals.prompts.scenario import Scenario
from evals.prompts.suite import Run

LIMIT_S = 300.0
"""How long an evaluation waits for a Langfuse that answers, at most; one that does not ends it at the first request."""

REQUEST_S = 10.0
TRIES = 3
PAGE = 100
TRACES_AT_ONCE = 25
SCORES_AT_ONCE = 100
AGAIN: RequestOptions = {"max_retries": 2}
ENVIRONMENT = "sdk-experiment"
"""The SDK's name for where experiments run: Langfuse keeps them apart from the service's traces."""

TRACE_NAME = "eval.rerank"
Say = Callable[[str], None]


def project_of(settings: Settings) -> Access:
    """The project that is told. Raises ConfigurationError: no keys, or wrong settings; the message names them."""
    access = access_of(settings)
    if access is None:
        raise ConfigurationError(
            "--langfuse needs a project: set SHELFWISE_LANGFUSE_PUBLIC_KEY and SHELFWISE_LANGFUSE_SECRET_KEY "
            "(and SHELFWISE_LANGFUSE_HOST for a server of your own)."
        )
    return access


def tell(report: Report, access: Access, say: Say) -> bool:
    """Tells Langfuse of every run, within `LIMIT_S`; whatever goes wrong is one line, said and never raised.

    Returns: whether everything was taken.
    """
    telling = _Telling()
    thread = threading.Thread(target=telling.work, args=(report, access), name="langfuse-experiment", daemon=True)
    thread.start()
    thread.join(LIMIT_S)
    if telling.done:
        for line in telling.told:
            say(line)
        return True
    unfinished = f"it takes longer than {LIMIT_S:g} s." if thread.is_alive() else "it ended with an error of its own."
    why = telling.failure or unfinished
    say(f"Langfuse was not told everything: {why} The same run with --langfuse completes it; the gates don't need it.")
    return False


def dataset_name(manifest: Mapping[str, str]) -> str:
    """The dataset of this version of the golden set. Args: manifest: as `read_manifest` gives it."""
    rerank = {name: entry for name, entry in manifest.items() if not name.startswith("chat-")}
    return f"shelfwise-rerank-golden-{_digest(rerank)[:12]}"


def item_id(dataset: str, scenario: Scenario) -> str:
    """The dataset item of a scenario. A project's datasets can't share an id, so it names the dataset's version."""
    return f"{scenario.id}.v{scenario.version}.{dataset.rpartition('-')[2]}"


def experiment_id(run: Run) -> str:
    """16 hexadecimal digits that follow from the prompt, the model, the replies and the findings, and nothing else."""
    outcomes = [
        (o.scenario.id, o.scenario.version, o.slot, o.reply.text, [item.product_id for item in o.slate])
        for family in run.outcomes.values()
        for o in family
    ]
    findings = [
        (f.check, f.scenario, None if f.passed is None else bool(f.passed), None if f.value is None else float(f.value))
        for f in run.findings
    ]
    return _digest([run.prompt_hash, run.model, outcomes, findings])[:16]


def run_name(run: Run) -> str:
    """What the experiment is called; it says so where replies are a program's. The time is the newest reply's."""
    label = "simulated: " if run.simulated else ""
    at = "" if run.recorded_at is None else f", {run.recorded_at[1]}"
    return f"{label}{name_of(run)}{at}, {experiment_id(run)[:6]}"


@dataclass(slots=True)
class _Telling:
    """What came of it so far; written by the thread that tells, read by the one that waits."""

    told: tuple[str, ...] = ()
    failure: str = ""
    done: bool = False

    def work(self, report: Report, access: Access) -> None:
        """Tells everything; what goes wrong is kept."""
        wire = Wire(access, timeout_s=REQUEST_S)
        try:
            with opened(access) as api:
                self.told = tuple(_told(report, access, api, wire))
            self.done = True
        except (ShelfwiseError, httpx.InvalidURL, ValueError, OSError) as error:
            self.failure = " ".join(str(error).split()) or type(error).__name__
        finally:
            wire.close()


def _told(report: Report, access: Access, api: LangfuseAPI, wire: Wire) -> Iterator[str]:
    dataset = dataset_name(read_manifest())
    scenarios = {o.scenario.id: o.scenario for run in report.runs for o in run.plain}
    dataset_id, new = _uploaded(api, dataset, list(scenarios.values()))
    yield f"Langfuse: dataset {dataset} in {access.host}: {len(scenarios)} scenarios used, {new} of them new"
    for run in report.runs:
        if run.recorded_at is None or not run.outcomes:
            yield f"Langfuse: nothing of {name_of(run)}: it has no reply"
            continue
        # Replies don't keep their own time: all stand at the newest one's, the same whenever it is told.
        at = datetime.fromisoformat(run.recorded_at[1])
        experiment = _Experiment(run, report, dataset, dataset_id, at)
        traces = list(experiment.traces())
        for first in range(0, len(traces), TRACES_AT_ONCE):
            encoded = [wire.encoded(trace) for trace in traces[first : first + TRACES_AT_ONCE]]
            _taken(partial(wire.send_spans, encoded))
        scores = list(experiment.scores(access.environment))
        for first in range(0, len(scores), SCORES_AT_ONCE):
            answer = api.scores.create(request=scores[first : first + SCORES_AT_ONCE], request_options=AGAIN)
            if rejected := int(getattr(answer, "rejected", 0) or 0):
                raise StoreUnavailable(f"{rejected} scores of {experiment.name} were rejected.")
        yield f"Langfuse: experiment {experiment.name}: {len(traces)} scenarios, {len(scores)} scores"


def _uploaded(api: LangfuseAPI, name: str, scenarios: Sequence[Scenario]) -> tuple[str, int]:
    """The dataset's id in the project, and how many items were not there before."""
    try:
        dataset = api.datasets.get(name, request_options=AGAIN)
    except NotFoundError:
        dataset = api.datasets.create(
            name=name,
            description="Golden scenarios of the rerank prompt, from the demo shop and written by hand.",
            metadata={"source": "shelfwise eval prompts"},
            request_options=AGAIN,
        )
    there: set[str] = set()
    page, pages = 1, 1
    while page <= pages:
        found = api.dataset_items.list(dataset_name=name, page=page, limit=PAGE, request_options=AGAIN)
        there |= {item.id for item in found.data}
        page, pages = page + 1, found.meta.total_pages
    missing = [scenario for scenario in scenarios if item_id(name, scenario) not in there]
    for scenario in missing:
        api.dataset_items.create(
            dataset_name=name,
            id=item_id(name, scenario),
            input=asked_of(scenario),
            expected_output=expected_of(scenario),
            metadata=about_of(scenario),
            request_options=AGAIN,
        )
    return dataset.id, len(missing)


class _Experiment:
    """One run as traces and scores."""

    def __init__(self, run: Run, report: Report, dataset: str, dataset_id: str, at: datetime) -> None:
        self.name = run_name(run)
        self._run, self._report, self._dataset = run, report, dataset
        self._id = experiment_id(run)
        self._at = at
        sources = sorted({o.source for family in run.outcomes.values() for o in family})
        self._shared = {
            Named.ENVIRONMENT: ENVIRONMENT,
            Named.EXPERIMENT_ID: self._id,
            Named.EXPERIMENT_NAME: self.name,
            Named.EXPERIMENT_DATASET_ID: dataset_id,
            Named.EXPERIMENT_METADATA: _json(
                {
                    "prompt": run.prompt_id,
                    "promptHash": run.prompt_hash,
                    "model": run.model,
                    "toldModels": run.told_models,
                    "source": "+".join(sources),
                    "simulated": run.simulated,
                    "dataset": dataset,
                    "recordedAt": run.recorded_at,
                    "missing": len(run.missing),
                    "label": report.label if run.simulated else "",
                }
            ),
        }

    def traces(self) -> Iterator[list[Observation]]:
        """A scenario's observations, the root first."""
        about = About(TRACE_NAME, tags=("eval", "simulated" if self._run.simulated else "model"))
        for name, family in self._run.outcomes.items():
            plain = family[0]
            trace_id, root_id = self._ids(name)
            shared = {
                **self._shared,
                Named.EXPERIMENT_ITEM_ID: item_id(self._dataset, plain.scenario),
                Named.EXPERIMENT_ITEM_ROOT_OBSERVATION_ID: root_id,
                Named.EXPERIMENT_ITEM_METADATA: _json(about_of(plain.scenario)),
            }
            ended = self._at.timestamp()
            root = Observation(
                trace_id=trace_id,
                id=root_id,
                parent_id=None,
                kind="span",
                name="eval.scenario",
                started_at=ended - max(o.reply.seconds for o in family),
                ended_at=ended,
                about=about,
                warning=_warning(plain),
                metadata={"scenario": name, "source": plain.source, "segment": plain.scenario.segment},
                attributes={
                    **shared,
                    Named.OBSERVATION_INPUT: _json(asked_of(plain.scenario)),
                    Named.OBSERVATION_OUTPUT: _json(
                        {
                            "slate": [item.product_id for item in plain.slate],
                            "order": plain.order,
                            "strategy": plain.strategy,
                        }
                    ),
                    Named.EXPERIMENT_ITEM_EXPECTED_OUTPUT: _json(expected_of(plain.scenario)),
                },
            )
            yield [root, *(self._generation(one, n, root, shared) for n, one in enumerate(family))]

    def scores(self, environment: str) -> Iterator[CreateScoreRequest]:
        """Findings upon scenarios, then figures of the whole run; none of quality where a program replied."""
        run, simulated = self._run, self._run.simulated
        # A value that only repeats the verdict is no second score.
        told = {f.check for f in run.findings if f.value is not None and (f.passed is None or f.value != f.passed)}
        times: Counter[tuple[str, str]] = Counter()
        for found in run.findings:
            if not self._report.shown(self._report.check_of(found.check), simulated=simulated):
                continue
            times[found.scenario, found.check] += 1
            role = f"{found.scenario}/{found.check}/{times[found.scenario, found.check]}"
            trace_id, root_id = self._ids(found.scenario)
            upon = {"trace_id": trace_id, "observation_id": root_id}
            if found.passed is not None:
                yield self._score(role, found.check, float(found.passed), found, upon, environment, boolean=True)
            if found.check in told and found.value is not None and math.isfinite(found.value):
                yield self._score(role, f"{found.check}.value", found.value, found, upon, environment)
        for place, found in enumerate(self._report.whole.get(name_of(run), ())):
            shown = self._report.shown_whole(found.check, simulated=simulated)
            if shown and found.value is not None and math.isfinite(found.value):
                upon = {"dataset_run_id": self._id}
                yield self._score(f"/{found.check}/{place}", found.check, found.value, found, upon, environment)

    def _score(
        self,
        role: str,
        name: str,
        value: float,
        found: Finding,
        upon: Mapping[str, str],
        environment: str,
        *,
        boolean: bool = False,
    ) -> CreateScoreRequest:
        return CreateScoreRequest(
            id=_digest([self._id, role, name])[:32],
            name=name,
            value=value,
            data_type=ScoreDataType.BOOLEAN if boolean else ScoreDataType.NUMERIC,
            comment=_encodable(found.detail) or None,
            environment=environment,
            timestamp=self._at,
            **upon,
        )

    def _ids(self, scenario: str) -> tuple[str, str]:
        key = f"{self._id}/{scenario}"
        return trace_id_of(key), observation_id_of(key, "root")

    def _generation(self, one: Outcome, place: int, root: Observation, shared: Mapping[str, str]) -> Observation:
        scenario, usage = one.scenario, one.reply.usage
        name, version = prompt_of(self._run.prompt_id)
        kind = "variant" if scenario.relation else "shuffle" if one.slot else ""
        metadata: dict[str, Value] = {
            "source": one.source,
            "told_model": one.reply.model,
            "outcome": one.reply.outcome,
            "estimated": usage.estimated,
        }
        if scenario.relation:
            metadata["relation"] = scenario.relation
        if one.slot:
            metadata["slot"] = one.slot
        if one.source == "simulated" and usage.cost_usd is not None:
            metadata["simulated_cost_usd"] = usage.cost_usd
        # The whole prompt once: shuffles and variants are the same with other lines, and many.
        asked = [{"role": message.role, "content": message.content} for message in one.posed.call.messages]
        sent = {} if place else {Named.OBSERVATION_INPUT: _json(asked)}
        return Observation(
            trace_id=root.trace_id,
            id=observation_id_of(f"{self._id}/{root.id}", f"generation/{place}"),
            parent_id=root.id,
            kind="generation",
            name=f"{TRACE_NAME}.{kind}" if kind else TRACE_NAME,
            started_at=root.ended_at - one.reply.seconds,
            ended_at=root.ended_at,
            about=root.about,
            warning=_warning(one),
            metadata=metadata,
            figures=Figures(
                model=self._run.model,
                prompt_name=name,
                prompt_version=version,
                input_tokens=max(0, usage.input_tokens - usage.cached_tokens),
                cached_tokens=min(usage.cached_tokens, usage.input_tokens),
                output_tokens=usage.output_tokens,
                # Nobody is paid for what a program says; its price list is in the metadata.
                cost_usd=0.0 if one.source == "simulated" else usage.cost_usd,
            ),
            attributes={**shared, **sent, Named.OBSERVATION_OUTPUT: _encodable(one.reply.text)},
        )


def _taken(send: Callable[[], Answer]) -> None:
    """Sends until it is taken, three times at most. Raises StoreUnavailable, ConfigurationError: it is not."""
    for left in reversed(range(TRIES)):
        answer = send()
        if answer.verdict == "taken":
            return
        if answer.verdict == "refused":
            raise ConfigurationError(f"the keys are refused ({answer.detail}).")
        if answer.verdict == "unwanted" or not left:
            break
        time.sleep(1.0 if answer.wait_s is None else answer.wait_s)
    raise StoreUnavailable(f"traces were not taken ({answer.detail}).")


def _warning(one: Outcome) -> str | None:
    return f"no usable order: the reply ended as {one.reply.outcome}" if one.strategy == "baseline" else None


def _json(value: Any) -> str:
    return _encodable(json.dumps(value, ensure_ascii=False))


def _encodable(text: str) -> str:
    """The text without lone surrogates, which a reply may hold and no protocol takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
