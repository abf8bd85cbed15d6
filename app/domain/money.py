"""Money as integer minor units inside, decimal strings outside (ISO 4217 exponents)."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from app.domain.errors import BadInput

_EXPONENT = dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3) | dict.fromkeys(
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0
)
MAX_MINOR = 10**12
"""Above any price in a shop; a larger number is a mistake in the data and would overflow nothing downstream."""


def exponent(currency: str) -> int:
    """Number of decimals that the currency has: 2 for most, 0 for JPY, 3 for KWD."""
    return _EXPONENT.get(currency, 2)


def parse_minor(value: str | int | float | Decimal, currency: str) -> int:
    """An amount in minor units, decimals beyond the currency's rounded half to even.

    Args:    value: a decimal string ("129.90") or a number; a float is read by its shortest decimal form.
    Returns: 0..MAX_MINOR.
    Raises:  BadInput: not a number, not finite, negative, or above MAX_MINOR.
    """
    if isinstance(value, bool):
        raise BadInput(f"{value!r} is not an amount of money")
    text = value.strip() if isinstance(value, str) else repr(value) if isinstance(value, float) else str(value)
    if len(text) > 40:
        raise BadInput(f"{text[:40]!r}… is too long for an amount of money")
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise BadInput(f"{text!r} is not an amount of money; write 129.90") from error
    if not amount.is_finite():
        raise BadInput(f"{text!r} is not a finite amount of money")
    if amount < 0:
        raise BadInput(f"{text!r} is negative")
    if amount.adjusted() > 15:
        raise BadInput(f"{text!r} is too large for an amount of money")
    minor = int(amount.scaleb(exponent(currency)).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
    if minor > MAX_MINOR:
        raise BadInput(f"{text!r} is too large for an amount of money")
    return minor


def format_minor(minor: int, currency: str) -> str:
    """A decimal string with exactly the currency's decimals: 12990 EUR → "129.90"."""
    digits = exponent(currency)
    return str(Decimal(minor).scaleb(-digits).quantize(Decimal(1).scaleb(-digits)))
