"""When the next keys of a table are guessed: only where right guesses make up for wrong ones."""

import random

import pytest

from httpmr.sources.dense import Dense

PAGE, RIGHT, WRONG = 1.0, 0.88, 1.9
"""What a page costs with its keys, guessed, and guessed in vain: a key is an eighth of it."""


def cost(whole):
    """Return what the pages cost, each whole or not, as a part of what they do without guesses."""
    dense, spent = Dense(), 0.0
    for page in whole:
        if not dense.likely():
            dense.saw([1, 2, 3] if page else [1, 2, 4])
            spent += PAGE
        elif dense.guessed(page):
            spent += RIGHT
        else:
            dense.saw([1, 2, 4])
            spent += WRONG
    return spent / len(whole)


@pytest.mark.parametrize("pages", [1, 1.5, 2, 3, 4, 5, 8, 16, 17, 30, 60, 64, 66, 100, 1000])
def test_guesses_cost_no_more_than_they_save_however_often_keys_are_left_out(pages):
    rng = random.Random(1)
    evenly = [int((n + 1) / pages) == int(n / pages) for n in range(5000)]
    now_and_then = [rng.random() > 1 / pages for _ in range(5000)]
    assert cost(evenly) < 1.005
    assert cost(now_and_then) < 1.005


def test_nearly_all_is_guessed_where_none_is_left_out():
    assert cost([True] * 1000) < 0.881
    assert cost([False] * 100 + [True] * 1000) < 0.9


def test_keys_that_are_no_whole_numbers_are_not_guessed():
    dense = Dense()
    for keys in ([1.0, 2.0], ["a", "b"], [True, 2], []):
        dense.saw(keys)
        assert not dense.likely()
    dense.saw([1, 2])
    assert dense.likely()
