"""Results of studies whose answers are known."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scipy.stats import binom, binomtest

from popdanceset.study.answers import Answer, AnswerDatabase, Participant
from popdanceset.study.design import Design
from popdanceset.study.plan import Trial, plan
from popdanceset.study.results import Standing, results, sign_test
from popdanceset.study.tables import COLUMNS, answers_csv, markdown


@pytest.fixture
def database(tmp_path: Path) -> Iterator[AnswerDatabase]:
    opened = AnswerDatabase(tmp_path / "answers.sqlite")
    yield opened
    opened.close()


def take_part(
    database: AnswerDatabase,
    design: Design,
    who: str,
    prefers: Callable[[int, str, str], bool],
    *,
    attentive: bool = True,
    stops_after: int | None = None,
) -> None:
    """A participant who chooses the first of two models if `prefers(pair, first, second)`."""
    dances = design.by_id()
    trials = plan(design, who)
    database.join(who, "25–34", trials)
    pair = 0
    for position, trial in enumerate(trials[:stops_after]):
        if trial.real:
            chosen = trial.real if attentive else other(trial, trial.real)
        else:
            first, second = sorted((trial.left, trial.right), key=lambda each: dances[each].model)
            chosen = first if prefers(pair, dances[first].model, dances[second].model) else second
            pair += 1
        for question in range(1 if trial.real else len(design.questions)):
            side = "left" if chosen == trial.left else "right"
            database.add(who, position, question, side, 12.0, 1)


def other(trial: Trial, dance: str) -> str:
    return trial.right if dance == trial.left else trial.left


def test_the_papers_table_5(design: Callable[..., Design], database: AnswerDatabase) -> None:
    """20 people, 10 pieces of music, 70 % of the answers prefer the first; and some who do not count."""
    study = design(models=2, songs=10, checks=3)
    for n in range(20):
        take_part(database, study, f"person {n}", lambda pair, *_: pair < 7)
    take_part(database, study, "asleep", lambda *_: False, attentive=False)
    take_part(database, study, "away", lambda *_: False, stops_after=5)

    found = results(study, database.participants(), database.answers())

    (question,) = found.questions
    (row,) = question.comparisons
    assert (row.first, row.second, row.wins, row.answers) == ("model 0", "model 1", 140, 200)
    expected = binomtest(140, 200).proportion_ci(method="wilson")
    assert (row.low, row.high) == pytest.approx((expected.low, expected.high))
    assert row.p_answers == pytest.approx(2 * binom.sf(139, 200, 0.5))
    assert (row.people_first, row.people_second, row.people_tied) == (20, 0, 0)
    assert row.p_people == pytest.approx(2 * 0.5**20)
    assert found.standings["asleep"] is Standing.INATTENTIVE
    assert found.standings["away"] is Standing.UNFINISHED
    assert found.failed["asleep"] == 3

    text = markdown(study, found)
    assert "22 participants, 20 included; 10 pieces of music. Excluded: 1 who failed at least one of" in text
    assert "Left out: 1 who did not finish." in text
    assert "| model 0 | model 1 | 70.0 % (140 of 200) | 63.3 to 75.9 % | p = 1.5e-08 | 20 : 0 : 0 |" in text
    assert "Bradley" not in text


def test_unfinished_participants_count_on_request(
    design: Callable[..., Design], database: AnswerDatabase
) -> None:
    study = design(models=2, songs=10, checks=0)
    take_part(database, study, "away", lambda *_: True, stops_after=4)

    def answers_counted(unfinished: bool) -> int:
        found = results(study, database.participants(), database.answers(), unfinished)
        return sum(row.answers for row in found.questions[0].comparisons)

    assert answers_counted(True) == 4
    assert answers_counted(False) == 0


def test_some_checks_may_be_failed_if_the_study_says_so(
    design: Callable[..., Design], database: AnswerDatabase
) -> None:
    study = design(checks=1, failures=1)
    take_part(database, study, "asleep once", lambda *_: True, attentive=False)

    found = results(study, database.participants(), database.answers())

    assert found.count(Standing.INCLUDED) == 1
    # An attention check is no preference.
    assert sum(row.answers for row in found.questions[0].comparisons) == 10


def test_more_models_have_scores_in_the_order_of_preference(
    design: Callable[..., Design], database: AnswerDatabase
) -> None:
    study = design(models=3, songs=10, checks=1, trials=30)
    for n in range(8):
        take_part(database, study, f"person {n}", lambda pair, first, second: pair % 10 < 7)

    found = results(study, database.participants(), database.answers())

    scores = found.questions[0].scores
    assert [each.model for each in scores] == ["model 0", "model 1", "model 2"]
    assert sum(each.score for each in scores) == pytest.approx(0, abs=1e-9)
    assert all(each.low < each.score < each.high for each in scores)
    assert len(found.questions[0].comparisons) == 3
    assert f"| model 0 | {scores[0].score:+.2f} |" in markdown(study, found)


def test_unanimous_answers_have_no_scores_and_the_table_says_why(
    design: Callable[..., Design], database: AnswerDatabase
) -> None:
    study = design(models=3, checks=0)
    take_part(database, study, "sure", lambda *_: True)

    text = markdown(study, results(study, database.participants(), database.answers()))

    assert "No Bradley–Terry scores: some models won or lost every comparison with the others." in text


def test_each_question_has_a_table_and_checks_ask_only_the_first(
    design: Callable[..., Design], database: AnswerDatabase
) -> None:
    study = design(songs=2, checks=1, questions=("Which is better?", "Which fits the music?"))
    take_part(database, study, "somebody", lambda *_: True)

    found = results(study, database.participants(), database.answers())

    assert found.count(Standing.INCLUDED) == 1
    assert len(database.answers()) == 2 * 2 + 1
    assert [sum(row.answers for row in each.comparisons) for each in found.questions] == [2, 2]
    assert "## Which fits the music?" in markdown(study, found)


def test_the_table_of_answers_keeps_those_of_the_excluded(
    design: Callable[..., Design], database: AnswerDatabase
) -> None:
    study = design(songs=3, checks=1, title='A "study", with | signs')
    take_part(database, study, "awake", lambda *_: True)
    take_part(database, study, "asleep", lambda *_: True, attentive=False)
    participants, answers = database.participants(), database.answers()

    text = answers_csv(study, results(study, participants, answers), participants, answers)

    rows = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 2 * 4
    assert {(row["participant"], row["standing"]) for row in rows} == {
        ("awake", "included"),
        ("asleep", "failed attention checks"),
    }
    checks = {row["participant"]: row for row in rows if row["attention_check"] == "yes"}
    assert (checks["awake"]["passed"], checks["asleep"]["passed"]) == ("yes", "no")
    assert checks["asleep"]["preferred"] == "model 0 (still)"
    assert {row["preferred"] for row in rows if row["attention_check"] == "no"} == {"model 0"}


def test_a_study_without_answers_says_so(design: Callable[..., Design]) -> None:
    assert "No answers yet." in markdown(design(), results(design(), [], []))


def test_the_sign_test_is_exact() -> None:
    assert sign_test(8, 10) == pytest.approx(2 * (45 + 10 + 1) / 1024)
    assert sign_test(5, 10) == 1
    assert sign_test(0, 0) == 1


def test_a_second_answer_to_a_question_is_ignored(database: AnswerDatabase) -> None:
    trial = Trial("a" * 12, "b" * 12, "c" * 12)
    database.join("somebody", "65 or older", [trial])
    for choice in ("right", "left"):
        database.add("somebody", 0, 0, choice, 5.0, 0)

    assert database.answers() == [Answer("somebody", 0, 0, trial, "right", 5.0, 0)]
    assert database.participants() == [Participant("somebody", "65 or older", (trial,))]
    assert database.participant("nobody") is None
