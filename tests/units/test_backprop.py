"""Unit 03: the law of topological order, the stepped graph, and the two moons."""

import itertools

import numpy as np
import pytest

from chainrule.backprop import laws, probes, widgets
from chainrule.backprop.probes import Node
from chainrule.compare import Close
from chainrule.data.moons import made_moons
from chainrule.observe import observe

DIAMOND = [[], [0], [0], [1, 2]]
DATA = [1.0, 2.0, 3.0, 4.0]


def broken(order, root=3):
    return laws.topological_order([DIAMOND, DATA, root], {}, order)


def test_every_order_with_parents_first_is_right_and_no_other():
    right = [list(order) for order in itertools.permutations(range(4)) if not broken(list(order))]
    assert right == [[0, 1, 2, 3], [0, 2, 1, 3]]


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (None, "returned None"),
        ([], "your list is empty"),
        ([0, 1, 2, 2, 3], "twice, at places 3 and 4"),
        ([0, 1, 3], "1 of the 4 Values is not in your list; it holds 3."),
        ([0, 1, 2], "the result itself"),
        ([1, 0, 2, 3], "computed from (1, at place 2)"),
        ([0, -1, 1, 2, 3], "1 of the 5 things in your list is no Value of the graph"),
    ],
)
def test_a_wrong_order_is_told_what_it_breaks(order, said):
    assert said in broken(order)


class Value(Node):
    """A Value as it is when the first exercises are checked: without operators."""


@pytest.mark.parametrize(
    ("double", "said"),
    [
        (lambda a: 2 * a.data, "you returned a number instead of a Value."),
        (lambda a: Value(a + a, (a,)), "A Value is not a number; its number is in .data."),
        (lambda a: Value(2 * a.data, a), "a tuple of one needs a comma: (a,)"),
        (lambda a: Value(2 * a.data, (a,), "×"), "a function that takes grad; yours is the string"),
    ],
)
def test_a_value_that_is_put_together_wrongly_is_told_how(double, said):
    def right(a):
        return Value(2 * a.data, (a,), lambda grad: (2 * grad,))

    grad = [5.0] * ("takes grad" in said)
    answers = (
        observe(probes.add, {"double": work}, ["double", [3.0], *grad], {})
        for work in (right, double)
    )
    assert said in Close().between(*answers)


def test_plain_numbers_given_to_a_function_of_values_are_told():
    seen = observe(probes.gradient_check, lambda f, x: f(*x), [[2.0], [2], [1.0]], {})
    assert "wrap each number you give it" in seen.message


def test_an_order_can_be_asked_for_twice():
    answers = iter([[], "the second"])
    asked = probes.topological_order(lambda root: next(answers), [[]], [1.0], 0, again=True)
    assert asked == "the second"


def test_values_that_the_result_does_not_need_may_be_left_out():
    assert broken([0, 1], root=1) is None


def product():
    x = Node(3.0, label="x")
    return x, Node(9.0, (x, x), lambda grad: (grad * 3, grad * 3), "×")


def order_of_two(result):
    return [*result.parents[:1], result]


def hand_back(result):
    result.grad = 1.0
    for parent, grad in zip(result.parents, result.local_backward(result.grad), strict=True):
        parent.grad += grad


def test_the_stepped_graph_shows_what_backward_did_and_leaves_no_trace():
    x, result = product()
    x.grad, function = 7.0, result.local_backward
    calls = widgets.recorded(order_of_two(result), result, hand_back)
    assert [call.node for call in calls] == [1, -1]
    assert calls[-1].before == [6.0, 1.0]
    assert (x.grad, result.grad, result.local_backward) == (7.0, 0.0, function)


def test_a_backward_that_fails_leaves_no_trace_either():
    x, result = product()
    with pytest.raises(ZeroDivisionError):
        widgets.recorded(order_of_two(result), result, lambda root: 1 / 0)
    assert x.grad == 0.0


def test_a_step_says_what_was_held_and_what_is_held_now():
    _, result = product()
    nodes = order_of_two(result)
    calls = widgets.recorded(nodes, result, hand_back)
    frames = widgets.backward_frames(nodes, ["x", "×"], [[], [0, 0]], calls)
    assert frames[-1].sentence == (
        "Back: × holds 1 and hands 3 to x and 3 to x. x held 0 and now holds 6."
    )


def test_boxes_of_a_graph_never_share_a_place():
    parents = [[], [], [0, 1], [2, 0], [3], [4, 2], [5, 5]]
    assert len(set(widgets.layout(parents))) == len(parents)


def test_moons_are_the_same_for_a_seed_and_half_of_each():
    one, same, other = made_moons(41, seed=3), made_moons(41, seed=3), made_moons(41, seed=4)
    assert np.array_equal(one.x, same.x) and not np.array_equal(one.x, other.x)
    assert one.x.shape == (41, 2) and one.y.sum() == 21


def test_moons_without_noise_lie_on_their_circles():
    x, y = made_moons(100, noise=0.0)
    center = np.where(y[:, None] == 1, [1.0, 0.5], [0.0, 0.0])
    assert np.allclose(np.linalg.norm(x - center, axis=1), 1)
