"""The card a notebook shows."""

from html.parser import HTMLParser

import balance_sim
import pytest
from balance_sim.show.headline import finding
from studies import CASES

assert balance_sim.Result  # by the front, a result knows what a notebook shows of it


@pytest.mark.parametrize("case", CASES)
def test_the_card_has_the_finding_and_one_figure(case: str) -> None:
    result = CASES[case]()
    text = result._repr_html_()
    words: list[str] = []
    parser = HTMLParser()
    parser.handle_data = words.append  # type: ignore[method-assign]
    parser.feed(text)
    assert finding(result) in "".join(words)
    assert text.count("<img") == (1 if result.finished else 0)
    assert "<script" not in text and 'src="http' not in text
