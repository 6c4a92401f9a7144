"""The command `popdanceset study`."""

from __future__ import annotations

from pathlib import Path

import click

from popdanceset.commands import UserPath
from popdanceset.errors import InputError

PATH = UserPath()
TOKEN_VARIABLE = "POPDANCESET_REVIEW_TOKEN"  # nosec B105  # its name, not its value


@click.group(context_settings={"max_content_width": 110})
def study() -> None:
    """Ask people which of two dances to one music they prefer."""


@study.command()
@click.argument("contestants", metavar="NAME=FOLDER...", nargs=-1, required=True)
@click.option("--out", required=True, type=PATH, metavar="STUDY", help="Folder of the study to make.")
@click.option("--music", type=PATH, metavar="FOLDER", help="Folder of the songs, if not beside the dances.")
@click.option("--title", metavar="TEXT", help="Heading of the pages.")
@click.option(
    "--question", "questions", metavar="TEXT", multiple=True, help="Question to ask; may be repeated."
)
@click.option("--consent", type=PATH, metavar="FILE", help="Text that participants agree to.")
@click.option("--seconds", type=click.FloatRange(1), help="Cut dances to this length.")
@click.option(
    "--checks", default=3, show_default=True, type=click.IntRange(0, 20),
    help="Attention checks for each participant.",
)  # fmt: skip
@click.option(
    "--allow-failed", default=0, show_default=True, type=click.IntRange(0),
    help="Attention checks that a participant may fail.",
)  # fmt: skip
@click.option(
    "--trials", default=30, show_default=True, type=click.IntRange(1), help="Most pairs for each participant."
)
def new(
    contestants: tuple[str, ...],
    out: Path,
    music: Path | None,
    title: str | None,
    questions: tuple[str, ...],
    consent: Path | None,
    seconds: float | None,
    checks: int,
    allow_failed: int,
    trials: int,
) -> None:
    """Make a study of folders of dances.

    The folders are as `popdanceset sample --out` writes them. Dances whose files have the same name are to
    the same music.
    """
    from popdanceset.study.making import Choices, Contestant, make_study
    from popdanceset.wording import counted

    folders = []
    for text in contestants:
        name, sign, folder = text.partition("=")
        if not (name.strip() and sign and folder):
            raise InputError("expected NAME=FOLDER", text, "for example ours=out/popdg")
        folders.append(Contestant(name.strip(), Path(folder).expanduser()))
    usual = Choices()
    design = make_study(
        folders,
        out,
        Choices(
            title=title or usual.title,
            questions=questions or usual.questions,
            consent=usual.consent if consent is None else _paragraphs(consent),
            music=music,
            seconds=seconds,
            checks=checks,
            failures=allow_failed,
            trials=trials,
        ),
    )
    pairs = sum(1 for _ in design.pairs())
    click.echo(
        f"{out}  {counted(pairs, 'pair')} of dances to {counted(len(design.songs), 'piece')} of music; "
        f"{counted(min(pairs, trials) + len(design.checks), 'pair')} for each participant"
    )


@study.command()
@click.argument("folder", metavar="STUDY", type=PATH)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8766, show_default=True, type=click.IntRange(0, 65535),
    help="Port; 0 selects a free one.",
)  # fmt: skip
@click.option(
    "--token-file", type=PATH, metavar="FILE",
    help=f"File with the token that participants must enter (default: ${TOKEN_VARIABLE}).",
)  # fmt: skip
def serve(folder: Path, host: str, port: int, token_file: Path | None) -> None:
    """Show a study to participants, until Ctrl-C."""
    from popdanceset.review.opening import read_token
    from popdanceset.review.security import Access
    from popdanceset.review.serving import address_of, check_uvicorn, listen
    from popdanceset.review.serving import serve as run
    from popdanceset.review.vendor_command import page_warning
    from popdanceset.study.answers import AnswerDatabase
    from popdanceset.study.design import DATABASE, read_design

    check_uvicorn()
    access = Access(host, read_token(token_file, TOKEN_VARIABLE))
    design = read_design(folder)
    database = AnswerDatabase(folder / DATABASE)
    listening = listen(host, port)
    if warning := page_warning():
        click.echo(f"study: {warning}", err=True)
    # FastAPI takes half a second to import; the port is taken before.
    from popdanceset.study.api import create_app

    app = create_app(folder, design, database, access)
    run(app, listening, lambda: click.echo(f"{design.title}: {address_of(listening)} (Ctrl-C to stop)"))
    database.close()


@study.command()
@click.argument("folder", metavar="STUDY", type=PATH)
@click.option("--csv", "table", type=PATH, metavar="FILE", help="Write all answers to this file.")
@click.option("--unfinished", is_flag=True, help="Count participants who have not finished, too.")
def results(folder: Path, table: Path | None, unfinished: bool) -> None:
    """Print what participants preferred, as in the paper's Table 5."""
    from popdanceset.atomic import atomic_write
    from popdanceset.study.answers import AnswerDatabase
    from popdanceset.study.design import DATABASE, read_design
    from popdanceset.study.results import results as evaluate
    from popdanceset.study.tables import answers_csv, markdown

    design = read_design(folder)
    database = AnswerDatabase(folder / DATABASE, create=False)
    try:
        answers, participants = database.answers(), database.participants()
    finally:
        database.close()
    found = evaluate(design, participants, answers, unfinished)
    if table is not None:
        try:
            with atomic_write(table, "w") as file:
                file.write(answers_csv(design, found, participants, answers))
        except OSError as error:
            raise InputError(f"not writable: {error.strerror}", table, "name another file") from error
    click.echo(markdown(design, found), nl=False)


def _paragraphs(file: Path) -> tuple[str, ...]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("not readable as text", file, "give a file in UTF-8") from error
    found = tuple(" ".join(part.split()) for part in text.split("\n\n") if part.strip())
    if not found:
        raise InputError("is empty", file, "write what participants agree to")
    return found
