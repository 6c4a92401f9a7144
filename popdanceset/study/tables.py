"""Results of a study as text, in the layout of the paper's Table 5, and its answers as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from popdanceset.study.answers import Answer, Participant
from popdanceset.study.design import Dance, Design
from popdanceset.study.results import Comparison, QuestionResults, Results, Standing, is_failure
from popdanceset.wording import counted

COLUMNS = (
    "participant", "age_band", "standing", "position", "question", "song", "left", "right", "choice",
    "preferred", "attention_check", "passed", "seconds", "replays",
)  # fmt: skip


def markdown(design: Design, found: Results) -> str:
    """The results as Markdown."""
    lines = [f"# {design.title}", "", _people(design, found)]
    for question in found.questions:
        lines += ["", f"## {question.question}", ""]
        lines += _comparisons(question.comparisons) if question.comparisons else ["No answers yet."]
        lines += _scores(question)
    return "\n".join(lines) + "\n"


def answers_csv(
    design: Design, found: Results, participants: Sequence[Participant], answers: Iterable[Answer]
) -> str:
    """All answers, one row each, those of excluded participants too."""
    ages = {each.id: each.age_band for each in participants}
    dances, songs = design.by_id(), design.songs_by_id()
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for answer in answers:
        check = bool(answer.trial.real)
        writer.writerow(
            [
                answer.participant,
                ages[answer.participant],
                found.standings[answer.participant],
                answer.position + 1,
                design.questions[answer.question],
                songs[answer.trial.song].name,
                _label(dances[answer.trial.left]),
                _label(dances[answer.trial.right]),
                answer.choice,
                _label(dances[answer.chosen]),
                "yes" if check else "no",
                ("no" if is_failure(answer) else "yes") if check else "",
                f"{answer.seconds:.1f}",
                answer.replays,
            ]
        )
    return text.getvalue()


def _label(dance: Dance) -> str:
    return f"{dance.model} ({dance.spoilt})" if dance.spoilt else dance.model


def _people(design: Design, found: Results) -> str:
    """Who took part and who was excluded, in one sentence each."""
    included = found.count(Standing.INCLUDED)
    people, pieces = counted(len(found.standings), "participant"), counted(found.pieces, "piece")
    said = [f"{people}, {included} included; {pieces} of music."]
    if number := found.count(Standing.INATTENTIVE):
        limit = f"more than {design.failures}" if design.failures else "at least one"
        checks = counted(len(design.checks), "attention check")
        said.append(f"Excluded: {number} who failed {limit} of {checks}.")
    if number := found.count(Standing.UNFINISHED):
        said.append(f"Left out: {number} who did not finish.")
    return " ".join(said)


def _comparisons(comparisons: Sequence[Comparison]) -> Iterator[str]:
    heads = (
        "preferred",
        "to",
        "share of answers",
        "95 % interval",
        "sign test",
        "people for : against : tied",
    )
    yield f"| {' | '.join((*heads, 'sign test'))} |"
    yield "|---|---|---|---|---|---|---|"
    for each in comparisons:
        yield (
            f"| {_cell(each.first)} | {_cell(each.second)} "
            f"| {100 * each.share:.1f} % ({each.wins} of {each.answers}) "
            f"| {100 * each.low:.1f} to {100 * each.high:.1f} % | {_p(each.p_answers)} "
            f"| {each.people_first} : {each.people_second} : {each.people_tied} | {_p(each.p_people)} |"
        )
    yield ""
    yield (
        "The interval and the first test count answers, as the paper's Table 5 does, although answers of one "
        "person are not independent. The second test counts each person once."
    )


def _scores(question: QuestionResults) -> Iterator[str]:
    if question.unscored:
        yield from ("", f"No Bradley–Terry scores: {question.unscored}.")
    if question.scores:
        yield from ("", "| model | Bradley–Terry score | 95 % interval |", "|---|---|---|")
        for each in question.scores:
            yield f"| {_cell(each.model)} | {each.score:+.2f} | {each.low:+.2f} to {each.high:+.2f} |"
        yield from (
            "",
            "Scores are logits with mean 0: who leads by 1 is preferred in 73 % of comparisons.",
        )


def _p(value: float) -> str:
    return f"p = {value:.3f}" if value >= 0.001 else f"p = {value:.1e}"


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
