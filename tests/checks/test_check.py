"""A check as the learner meets it: what it shows, returns and raises."""

import subprocess
import sys
import textwrap
import time
import warnings

import numpy as np
import pytest

from chainrule.check import Check, CheckFailed
from chainrule.errors import UserError


@pytest.fixture
def check(monkeypatch):
    monkeypatch.setenv("CHAINRULE_PROGRESS", "off")
    return Check("neuron")


def right(inputs, weights, bias):
    return np.sum(inputs * weights) + bias


def without_bias(inputs, weights, bias):
    return np.sum(inputs * weights)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_a_right_answer_earns_its_points(check, capsys):
    assert check.weighted_sum(right) == 2
    assert "weighted_sum is right: 2 of 2 points." in capsys.readouterr().out


def test_a_known_mistake_is_named_and_what_it_earns_is_the_value(check, capsys):
    assert check.weighted_sum(without_bias) == pytest.approx(0.67)
    shown = capsys.readouterr().out
    assert "The bias never reaches the result." in shown
    assert "FAIL  only the bias counts" in shown and "pass  no bias, four features" in shown
    assert "check.weighted_sum.hint()" in shown


def test_beside_a_known_mistake_no_second_cause_is_guessed(check, capsys):
    judged = check.weighted_sum.judge(lambda inputs, weights, bias: inputs * weights + bias)
    guessed = check.weighted_sum.judge(lambda inputs, weights, bias: (inputs * weights)[:-1])
    asked = [[case.message.endswith("?") for case in v.cases] for v in (judged, guessed)]
    assert judged.mistake and not any(asked[0])
    assert not guessed.mistake and any(asked[1])


def test_a_stub_is_not_written_yet(check, capsys):
    def weighted_sum(inputs, weights, bias):
        raise NotImplementedError

    with pytest.raises(CheckFailed, match="not written yet"):
        check.weighted_sum(weighted_sum)
    assert "FAIL" not in capsys.readouterr().out


def test_a_stub_that_it_calls_is_another_exercise(check):
    def sigmoid(z):
        raise NotImplementedError

    with pytest.raises(CheckFailed, match="sigmoid is not written yet"):
        check.sigmoid(sigmoid)
    with pytest.raises(CheckFailed, match="neuron is blocked by sigmoid"):
        check.neuron(lambda inputs, weights, bias: sigmoid(inputs @ weights + bias))


def test_an_exception_is_told_with_the_learners_line(check, capsys):
    with pytest.raises(CheckFailed, match="is not right yet"):
        check.weighted_sum(lambda inputs, weights, bias: inputs @ weights.reshape(9, 9))
    assert "Your code raised ValueError: cannot reshape" in capsys.readouterr().out


def test_an_exercise_that_needs_a_wrong_one_is_blocked_by_it(check, capsys):
    def neuron(inputs, weights, bias):
        return inputs @ weights + bias  # no sigmoid at all

    with pytest.raises(CheckFailed):
        check.sigmoid(lambda z: z * 0)
    with pytest.raises(CheckFailed, match="neuron is blocked by sigmoid"):
        check.neuron(neuron)
    assert check.sigmoid(sigmoid) == 3
    capsys.readouterr()
    with pytest.raises(CheckFailed, match="is not right yet"):
        check.neuron(neuron)


def test_what_is_blocked_by_something_blocked_names_the_root(check):
    def wrong(*arguments):
        return None

    for name in ("sigmoid", "neuron"):
        with pytest.raises(CheckFailed):
            getattr(check, name)(wrong)
    with pytest.raises(CheckFailed, match="nudge is blocked by sigmoid"):
        check.nudge(wrong)


def test_the_learners_warnings_and_stderr_do_not_reach_the_cell(check, capfd):
    def loud(inputs, weights, bias):
        warnings.warn("loud", stacklevel=1)
        print("on stderr", file=sys.stderr)
        np.exp(np.array([1e4]))
        return right(inputs, weights, bias)

    check.weighted_sum(loud)
    assert capfd.readouterr().err == ""


def test_code_that_changes_its_inputs_is_told_so(check, capsys):
    def in_place(inputs, weights, bias):
        inputs *= weights
        return inputs.sum() + bias

    with pytest.raises(CheckFailed):
        check.weighted_sum(in_place)
    assert "Your function changes its input (argument 1)" in capsys.readouterr().out
    assert check.weighted_sum(right) == 2


def test_an_endless_loop_is_given_up_once_with_its_line(check, capsys, monkeypatch):
    monkeypatch.setattr("chainrule.check.CASE_SECONDS", 0.3)

    def endless(inputs, weights, bias):
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                pass

    started = time.monotonic()
    with pytest.raises(CheckFailed):
        check.weighted_sum(endless)
    assert time.monotonic() - started < 3
    shown = capsys.readouterr().out
    assert "Does its loop end?" in shown and "time.sleep(0.01)" in shown
    assert check.weighted_sum(right) == 2


def test_a_result_in_place_of_the_function_is_explained(check):
    with pytest.raises(CheckFailed, match=r"Pass the function itself.*check\.sigmoid\(sigmoid\)"):
        check.sigmoid(sigmoid(np.zeros(3)))


def test_the_check_itself_lists_its_exercises_and_tells_where_hints_are(check):
    assert "exercises of unit neuron" in repr(check)
    with pytest.raises(AttributeError, match=r"check\.weighted_sum\.hint\(\)"):
        check.hint()


def test_a_keyboard_interrupt_stops_the_check(check):
    def interrupted(inputs, weights, bias):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check.weighted_sum(interrupted)


def test_an_unknown_exercise_suggests_the_nearest(check):
    with pytest.raises(AttributeError, match=r"Did you mean check\.sigmoid\?"):
        _ = check.sigmiod


def test_a_wrong_number_of_arguments_says_the_call(check):
    with pytest.raises(TypeError, match=r"check\.sigmoid\(sigmoid\)"):
        check.sigmoid()


def test_dir_lists_the_exercises(check):
    assert dir(check)[:3] == ["binary_cross_entropy", "neuron", "nudge"]


def test_hints_come_one_at_a_time_and_say_when_they_end(check, capsys):
    for _ in range(4):
        check.sigmoid.hint()
    first, second, third, again = capsys.readouterr().out.strip().splitlines()
    assert first.startswith("Hint 1 of 3") and second.startswith("Hint 2 of 3")
    assert "That was the last" in third and third == again
    assert "The idea is explained under “" in third


def test_after_three_different_failures_the_idea_and_the_next_hint_are_offered(check, capsys):
    def fail(answer):
        with pytest.raises(CheckFailed):
            check.weighted_sum(lambda inputs, weights, bias: answer)
        return capsys.readouterr().out

    assert "different tries" not in fail(1.5)
    assert "different tries" not in fail(1.5), "the same failure again is no new try"
    assert "different tries" not in fail("text")
    offered = fail(None)
    assert "That is 3 different tries." in offered and "shows hint 1 of 3" in offered
    assert f"“{check._answers.exercises['weighted_sum'].section}”" in offered
    check.weighted_sum.hint()
    capsys.readouterr()
    assert "different tries" not in fail(1.5), "a hint begins the count anew"


def test_a_missing_answer_file_is_one_sentence():
    with pytest.raises(UserError, match="The answers of unit nowhere can't be read"):
        _ = Check("nowhere").anything


def test_a_check_takes_under_100_ms_of_its_own(check):
    check.train_neuron  # noqa: B018  loads the answers, as the notebook's first check does
    started = time.process_time()
    with pytest.raises(CheckFailed):
        check.train_neuron(lambda *arguments, **more: None)
    assert time.process_time() - started < 0.1


def test_in_ipython_the_failure_is_one_line_and_the_report_is_html(check):
    """The display has HTML and text, the traceback is one line, and the value a plain number."""
    program = textwrap.dedent("""
        from IPython.testing.globalipapp import start_ipython
        from IPython.utils.capture import capture_output
        shell = start_ipython()
        shell.run_cell("from chainrule.check import Check; check = Check('neuron')")
        shell.run_cell("def weighted_sum(i, w, b):\\n    return (i * w).sum() + b")
        with capture_output() as caught:
            result = shell.run_cell("check.weighted_sum(weighted_sum)").result
        assert type(result) is int and result == 2
        assert set(caught.outputs[0].data) == {"text/html", "text/plain"}
        with capture_output() as caught:
            shell.run_cell("check.weighted_sum(None)")
        assert "Traceback" not in caught.stdout and "chainrule/check.py" not in caught.stdout
        assert "CheckFailed: Pass the function itself" in caught.stdout, caught.stdout
    """)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"CHAINRULE_PROGRESS": "off", "PATH": "/usr/bin:/bin", "HOME": "/tmp"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
