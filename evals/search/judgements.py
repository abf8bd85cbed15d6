"""Queries with human judgements, as a folder of Parquet files states them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.domain.errors import ImportRejected

HIGHEST_GRADE = 3


class _JudgementRow(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    query_id: str = Field(min_length=1)
    query: str = Field(min_length=1)
    product_id: str = Field(min_length=1)
    grade: int = Field(ge=0, le=HIGHEST_GRADE)


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """One query and its judged products."""

    query_id: str
    text: str
    grades: Mapping[str, int]  # product id → 0..HIGHEST_GRADE

    @property
    def answerable(self) -> bool:
        """Whether any judged product is good at all: without one no ranking is better than another."""
        return any(grade > 0 for grade in self.grades.values())


def read_judgements(folder: Path) -> Sequence[JudgedQuery]:
    """The judged queries of `judgements.parquet`, by query id.

    Raises: ImportRejected: the file is missing or damaged, a row is not a judgement, or a product is judged twice for
            one query.
    """
    path = folder / "judgements.parquet"
    try:
        table = pq.read_table(path, columns=list(_JudgementRow.model_fields))
        rows = TypeAdapter(list[_JudgementRow]).validate_python(table.to_pylist())
    except (OSError, pa.ArrowException) as error:
        raise ImportRejected(f"{path} can't be read as judgements ({error}); give a folder that holds it.") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ImportRejected(f"{path}: row {first['loc'][0]}, {first['loc'][-1]}: {first['msg']}.") from error
    texts: dict[str, str] = {}
    grades: dict[str, dict[str, int]] = {}
    for row in rows:
        held = grades.setdefault(row.query_id, {})
        if row.product_id in held or texts.setdefault(row.query_id, row.query) != row.query:
            raise ImportRejected(f"{path}: {row.product_id} is judged twice for {row.query_id}, or its query changes.")
        held[row.product_id] = row.grade
    return [JudgedQuery(query_id, texts[query_id], grades[query_id]) for query_id in sorted(grades)]
