"""docs/faults.md is what the tests know."""

from tests.faults.page import PAGE, with_table


def test_the_page_has_every_case_and_defence() -> None:
    """After a change of cases or defences: python -m tests.faults.page."""
    page = PAGE.read_text()
    assert with_table(page) == page
