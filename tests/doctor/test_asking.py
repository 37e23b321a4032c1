"""Many questions at once: each has its answer, and none keeps the others waiting for ever."""

import threading
import time

import pytest

from release.core.doctor.findings import Trouble
from release.doctor.asking import at_once, in_time
from release.errors import Misconfigured


def refused() -> str:
    raise Misconfigured("no", fix="this way")


def test_each_question_has_its_answer_or_why_there_is_none() -> None:
    answers = at_once({"one": lambda: 1, "none": lambda: None, "refused": refused})

    assert answers == {"one": 1, "none": None, "refused": Trouble("no", "this way")}


def test_what_hangs_is_told_and_the_rest_is_not_lost() -> None:
    never = threading.Event()
    began = time.monotonic()

    answers = at_once({"hangs": never.wait, "one": lambda: 1}, patience=0.2)

    assert time.monotonic() - began < 5
    assert answers["one"] == 1
    assert isinstance(answers["hangs"], Trouble) and "no answer within" in answers["hangs"].cause
    never.set()


def test_questions_do_not_wait_for_each_other() -> None:
    both = threading.Barrier(2, timeout=10)

    assert set(at_once({"one": both.wait, "two": both.wait}).values()) == {0, 1}


def test_a_bug_of_ours_is_no_trouble_of_theirs() -> None:
    with pytest.raises(ZeroDivisionError):
        at_once({"bug": lambda: 1 // 0})


def test_one_question_is_asked_the_same_way() -> None:
    assert in_time(lambda: 1) == 1
    assert in_time(refused) == Trouble("no", "this way")
