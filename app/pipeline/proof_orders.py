"""Sentences that speak to the model and not to the shopper: an order of a product's text, repeated.

Each of its words may be one that a fact allows ("rank" and "first" stand behind a trend): word by word it would pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from app.pipeline.proof_text import Token, word_set

_DEEDS = word_set("rank put place list order sort move show recommend return keep make name call")
_MEANT = word_set("this it me them these that those us the all every any other others only just nothing")


def order_to_the_model(tokens: Sequence[Token]) -> str:
    """The first words of a clause that orders something to be done with the products; "" where there is none.

    "Rank 1 of 10 in Pens" is a figure and no order; "Keep it within your budget" is one, and no reason needs it.
    """
    for i, (token, after) in enumerate(pairwise(tokens)):
        if (i == 0 or token.stop) and token.text in _DEEDS and after.text in _MEANT:
            return f"{token.text} {after.text}"
    return ""
