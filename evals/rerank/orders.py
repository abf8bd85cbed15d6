"""What a model's reply makes of a case, and NDCG@10 of the order under any weight and lift: no second call needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from app.domain.catalog import FloatArray
from app.domain.ranking import Strategy
from app.flight import FALLBACK_OF, order_of, usable_text
from app.pipeline.fusion import fuse
from app.pipeline.prompt_input import CANDIDATES_MAX
from app.pipeline.repair import read_reply
from evals.ranking.metrics import EMPTY, K, accuracy
from evals.rerank.cases import LIMIT, Case
from evals.rerank.replies import RecordedReply

UNCAPPED = CANDIDATES_MAX
"""A lift that no candidate can exceed."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A case with its reply as the service reads it."""

    case: Case
    reply: RecordedReply
    strategy: Strategy  # llm: all asked for; partial: some; baseline: nothing of it can be used
    order: tuple[int, ...]  # columns that the model named, best first; empty where the baseline stays
    repairs: Mapping[str, int]  # what had to be set right, by kind


def answered(case: Case, reply: RecordedReply) -> Answered:
    """The reply through the service's own reading of it."""
    told = reply.as_reply()
    read = read_reply(usable_text(told), case.asked.given.product_of, complete=True, limit=LIMIT)
    order = order_of(read, case.asked, gate=case.plan.gate, fallback=FALLBACK_OF[told.outcome])
    column_of = dict(zip(case.asked.candidates, case.head, strict=True))
    columns = tuple(column_of[product_id] for product_id in order.order)
    return Answered(case, reply, order.strategy, columns, Counter(read.repairs))


def slate(found: Answered, w: float, max_lift: int) -> tuple[int, ...]:
    """The first ten columns of the order fused so; the baseline's at w = 0 or where the model said nothing usable."""
    case = found.case
    head = case.head if w == 0 or not found.order else fuse(case.head, found.order, w, max_lift)
    return (*head, *case.tail)[:K]


def ndcg(found: Sequence[Answered], w: float, max_lift: int) -> FloatArray:
    """NDCG@10 of each case, shape (n,). See evals.ranking.metrics for gain, discount and ideal."""
    return ndcg_of([slate(one, w, max_lift) for one in found], found)


def ndcg_of(slates: Sequence[Sequence[int]], found: Sequence[Answered]) -> FloatArray:
    """NDCG@10 of any slates of these cases, shape (n,)."""
    if not found:
        return np.zeros(0)
    top = np.full((len(found), K), EMPTY, dtype=np.int32)
    for row, columns in enumerate(slates):
        top[row, : len(columns)] = columns
    counts = [len(one.case.relevant) for one in found]
    indices = np.concatenate([np.sort(one.case.relevant) for one in found])
    indptr = np.concatenate([[0], np.cumsum(counts)])
    width = int(max(indices.max(initial=0), top.max(initial=0))) + 1
    relevant = sp.csr_matrix((np.ones(len(indices)), indices, indptr), shape=(len(found), width))
    return accuracy(top, relevant)["ndcg"]
