"""Text without what tells who wrote it: e-mail addresses, phone, card and bank account numbers.

For everything that leaves the service: queries and, later, chat messages in a prompt. What can't be told apart goes:
a number lost from a query costs a little relevance, a phone number sent to a provider can't be taken back. Two kinds
of long number stay because shops are asked for them: article numbers with a valid GS1 check digit, and numbers that
are part of a word ("RTX4090", "SKU-123456789").
"""

from __future__ import annotations

import re
import unicodedata

_EMAIL = re.compile(
    r"[\w.+-]+\s?(?:@|\(at\)|\[at\]|\{at\})\s?[\w-]+(?:\s?(?:\.|\(dot\)|\[dot\])\s?[\w-]+)*", re.IGNORECASE
)
_IBAN = re.compile(r"\b[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,4})?\b", re.IGNORECASE)
_DIGITS = re.compile(r"(?<![\w.,])(?:\+|\(\+?)?[0-9][0-9 ().\-/]{5,}[0-9](?![\w])")
_LOCAL_PHONE = re.compile(r"(?<![\w.,-])[0-9]{3}[-. ][0-9]{4}(?![\w-])")

_CARD_DIGITS = range(13, 20)
_CARD_FIRST = frozenset("23456")  # Mastercard, Amex and Diners, Visa, Mastercard and Maestro, Discover and UnionPay
_IBAN_CHARACTERS = range(15, 35)
_EAN_DIGITS = 13
_GTIN_DIGITS = frozenset((12, 14))


def without_contacts(text: str) -> str:
    """The text without e-mail addresses, phone, card and bank account numbers, and on one line.

    Numbers of nine and more digits go, of seven and more where they begin like a phone number (+, 0, a bracket), and
    555-1234; except article numbers (see `is_article_number`). Prices, sizes and years stay: "iphone 13 under 1000",
    "3840x2160".
    """
    text = unicodedata.normalize("NFKC", text)
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    text = _IBAN.sub(lambda found: _after_account(found[0]), _EMAIL.sub(" ", text))
    text = _DIGITS.sub(lambda found: " " if _is_number_of_somebody(found[0]) else found[0], text)
    return " ".join(_LOCAL_PHONE.sub(" ", text).split())


def is_card_number(text: str) -> bool:
    """Whether the digits of a text could be those of a payment card: 13 to 19, a known first digit, Luhn's sum.

    Luhn's check: doubled every second digit from the right, the digits' sum ends in 0 (ISO/IEC 7812-1).
    """
    digits = [int(c) for c in text if c.isascii() and c.isdigit()]
    if len(digits) not in _CARD_DIGITS or str(digits[0]) not in _CARD_FIRST:
        return False
    doubled = [d * 2 - 9 if d > 4 else d * 2 for d in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_article_number(text: str) -> bool:
    """Whether a text is an article number (EAN-13, UPC-A, GTIN-14) and nothing more personal.

    Digits in a row, without blanks or signs, with the GS1 check digit. One random number in ten has that too, so
    what looks more like a phone number (UPC-A and GTIN-14 with a leading 0) or passes for a card of 14 and more digits
    does not count.
    """
    if not (text.isascii() and text.isdigit()):
        return False
    if len(text) in _GTIN_DIGITS:
        if text[0] == "0" or (len(text) > _EAN_DIGITS and is_card_number(text)):
            return False
    elif len(text) != _EAN_DIGITS or text.startswith("00"):
        return False
    digits = [int(c) for c in text]
    return (sum(digits[-1::-2]) + 3 * sum(digits[-2::-2])) % 10 == 0


def _after_account(text: str) -> str:
    """What follows a bank account number, or the whole text where it begins with none.

    Words of four letters look like its groups; the remainder of 97 tells where it ends (ISO 13616).
    """
    for end in range(len(text), 0, -1):
        number = "".join(c for c in text[:end] if c.isalnum()).upper()
        if len(number) not in _IBAN_CHARACTERS or not text[end - 1].isalnum() or not number.isascii():
            continue
        if int("".join(str(int(c, 36)) for c in number[4:] + number[:4])) % 97 == 1:
            return " " + text[end:]
    return text


def _is_number_of_somebody(text: str) -> bool:
    if is_article_number(text):
        return False
    digits = sum(c.isdigit() for c in text)
    return digits >= 9 or (digits >= 7 and text[0] in "+0(")
