"""The answers of participants, in one SQLite file.

An answer that was acknowledged is on the disk. Of a participant the file has a random id, an age band and the
answers; the cookie that the browser keeps cannot be computed from it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from popdanceset.durable_database import DurableDatabase
from popdanceset.study.plan import Trial

AGE_BANDS = ("18–24", "25–34", "35–44", "45–54", "55–64", "65 or older", "prefer not to say")
SIDES = ("left", "right")


@dataclass(frozen=True, slots=True)
class Answer:
    """A participant's choice.

    Attributes:
        participant: random id.
        position: number of the trial, from 0.
        question: number of the question, from 0.
        trial: what was shown.
        choice: `left` or `right`.
        seconds: from the first moment of the dances to the choice.
        replays: how often the dances were played again.
    """

    participant: str
    position: int
    question: int
    trial: Trial
    choice: str
    seconds: float
    replays: int

    @property
    def chosen(self) -> str:
        """Id of the dance that was chosen."""
        return self.trial.left if self.choice == SIDES[0] else self.trial.right


@dataclass(frozen=True, slots=True)
class Participant:
    """Who took part: a random id, an age band, and the trials that belong to them."""

    id: str
    age_band: str
    trials: tuple[Trial, ...]


def new_token() -> str:
    """Returns a random secret for a participant's browser."""
    return secrets.token_urlsafe(24)


def participant_of(token: str) -> str:
    """The participant's id: a hash of the secret, so that results can be published."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]


class AnswerDatabase(DurableDatabase):
    """An open database of answers."""

    kind = "database of answers"
    application_id = 0x504F5053  # "POPS"
    schema = (
        """CREATE TABLE participants (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            age_band TEXT NOT NULL,
            trials TEXT NOT NULL
        )""",
        """CREATE TABLE answers (
            participant TEXT NOT NULL REFERENCES participants (id),
            position INTEGER NOT NULL,
            question INTEGER NOT NULL,
            choice TEXT NOT NULL,
            seconds REAL NOT NULL,
            replays INTEGER NOT NULL,
            PRIMARY KEY (participant, position, question)
        ) WITHOUT ROWID""",
    )
    absent = "nobody has taken part yet"
    other = "move the file away"

    def join(self, participant: str, age_band: str, trials: Sequence[Trial]) -> None:
        """Adds a participant. It is on the disk when this returns.

        Raises:
            StoreError: the database is not writable.
        """
        text = json.dumps([asdict(trial) for trial in trials])
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO participants (id, age_band, trials) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (participant, age_band, text),
            )

    def add(
        self, participant: str, position: int, question: int, choice: str, seconds: float, replays: int
    ) -> None:
        """Adds an answer; it is on the disk when this returns.

        A second answer to the same question is ignored: a browser that heard no acknowledgement sends its
        answer again.

        Raises:
            StoreError: the database is not writable.
        """
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (participant, position, question, choice, seconds, replays),
            )

    def participant(self, participant: str) -> Participant | None:
        """Returns a participant; None if there is none of this id.

        Raises:
            StoreError: the database is not readable.
        """
        rows = self._read("SELECT id, age_band, trials FROM participants WHERE id = ?", participant)
        return _participant(rows[0]) if rows else None

    def participants(self) -> list[Participant]:
        """Returns all participants in the order in which they joined.

        Raises:
            StoreError: the database is not readable.
        """
        rows = self._read("SELECT id, age_band, trials FROM participants ORDER BY number")
        return [_participant(row) for row in rows]

    def answered(self, participant: str) -> set[tuple[int, int]]:
        """Returns the (position, question) that a participant has answered.

        Raises:
            StoreError: the database is not readable.
        """
        rows = self._read("SELECT position, question FROM answers WHERE participant = ?", participant)
        return {(row[0], row[1]) for row in rows}

    def answers(self) -> list[Answer]:
        """Returns all answers, by participant and position.

        Raises:
            StoreError: the database is not readable.
        """
        trials = {each.id: each.trials for each in self.participants()}
        rows = self._read(
            "SELECT participant, position, question, choice, seconds, replays"
            " FROM answers JOIN participants ON participants.id = participant"
            " ORDER BY number, position, question"
        )
        return [
            Answer(who, position, question, trials[who][position], choice, seconds, replays)
            for who, position, question, choice, seconds, replays in rows
        ]


def _participant(row: Sequence[str]) -> Participant:
    participant, age_band, trials = row
    return Participant(participant, age_band, tuple(Trial(**trial) for trial in json.loads(trials)))
