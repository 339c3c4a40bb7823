"""No attack succeeds, and whoever is in a class with an attacker gets what they get without."""

from __future__ import annotations

import pytest

from tests.attacks.model import PROMISES
from tests.attacks.suite import ATTACKS

CASES = [
    pytest.param(attack, id=attack.name, marks=() if attack.quick else pytest.mark.attacks)
    for attack in ATTACKS
]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("attack", CASES)
def test_it_does_not_succeed(attack, achieved):
    assert not achieved[attack.name], attack.success


def test_there_are_attacks_on_every_promise():
    assert len(ATTACKS) >= 80
    assert {attack.promise for attack in ATTACKS} == set(PROMISES)
    assert all(attack.success for attack in ATTACKS)
