"""Products that are bought with one product more often than chance."""

from __future__ import annotations

import numpy as np

from app.pipeline.candidates import Retrieved
from app.pipeline.shelf import Shelf

PARTNERS = 20
"""As many as the model keeps."""


def bought_together(shelf: Shelf, row: int) -> Retrieved:
    """What is bought together with the product of `row`, best first; empty where too few bought anything with it.

    Training keeps pairs that at least 3 different shoppers bought in one order and whose lift is above 1, ranked by
    orders in common / (expected + 1): lift, shrunk where little was expected (adapters/baseline/copurchase). Nothing
    is filled up: that two things are bought together is a statement of fact.

    Returns: scores fall with the rank, 1 for the best; they are not lifts.
    """
    column = int(shelf.column_of_row[row])
    if shelf.model is None or column < 0:
        return Retrieved(np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32))
    partners = [int(shelf.row_of_column[partner]) for partner, _, _ in shelf.model.bought_with(column, PARTNERS)]
    rows = np.asarray([partner for partner in partners if partner >= 0 and partner != row], dtype=np.int32)
    return Retrieved(rows, np.linspace(1.0, 0.0, len(rows), endpoint=False, dtype=np.float32))
