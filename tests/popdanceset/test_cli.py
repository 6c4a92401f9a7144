"""The command line: light to start, and every failure is one line and the exit code of its kind."""

import subprocess
import sys
from importlib.metadata import EntryPoint, entry_points

import click
import pytest

from popdanceset import __version__, cli, errors
from popdanceset.commands import with_settings

HEAVY = (
    "torch", "librosa", "prefect", "pandas", "pyarrow", "scipy", "statsmodels", "matplotlib", "yt_dlp", "cv2",
    "av", "scenedetect", "ai_edge_litert", "fsspec", "requests", "numpy", "pydantic", "jinja2", "rich",
)  # fmt: skip
COMMANDS = sorted(point.name for point in entry_points(group=cli.GROUP))


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs `popdanceset ARGUMENTS` in this process: (exit code, lines on stdout, lines on stderr)."""

    def invoke(*arguments):
        monkeypatch.setattr(sys, "argv", ["popdanceset", *arguments])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        out, err = capsys.readouterr()
        return exit_.value.code, out.splitlines(), err.splitlines()

    return invoke


@pytest.fixture
def register(monkeypatch):
    """Registers a command for the length of a test."""
    known = {}

    def found(*, group, name=None):
        assert group == cli.GROUP
        return [point for point in known.values() if name in (None, point.name)]

    monkeypatch.setattr(cli, "entry_points", found)

    def add(name, value):
        point = (
            EntryPoint(name, value, cli.GROUP)
            if isinstance(value, str)
            else EntryPoint(name, "m:c", cli.GROUP)
        )
        if not isinstance(value, str):
            object.__setattr__(point, "load", lambda: value)
        known[name] = point

    return add


ALL_ERRORS = [e for e in vars(errors).values() if isinstance(e, type)]


@pytest.mark.parametrize("kind", ALL_ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_is_one_line_and_its_exit_code(run, register, kind):
    @click.command()
    def fail():
        raise kind("went\nwrong", "a.mp4", "try\nagain")

    register("fail", fail)

    assert run("fail") == (kind.exit_code, [], ["popdanceset: a.mp4: went wrong (try again)"])


def test_success_and_codes_asked_for(run, register):
    register("fine", click.Command("fine", callback=lambda: "a result"))
    register("code", click.Command("code", callback=lambda: click.get_current_context().exit(7)))

    assert run("fine") == (0, [], [])
    assert run("code") == (7, [], [])


def test_verbose_logs_what_the_stages_do_and_not_what_libraries_do():
    code = (
        "import logging, sys, click; from popdanceset import cli\n"
        "def work():\n"
        "    for name in ('popdanceset.video.acquire', 'hybrik_runner.running', 'training.train', 'httpx'):\n"
        "        logging.getLogger(name).info('done')\n"
        "cli._Commands.get_command = lambda self, ctx, name: click.Command(name, callback=work)\n"
        "sys.argv = ['popdanceset', *sys.argv[1:], 'work']\n"
        "cli.main()\n"
    )
    for options, expected in (
        ([], []),
        (
            ["-v"],
            [
                f"INFO {name}: done"
                for name in ("popdanceset.video.acquire", "hybrik_runner.running", "training.train")
            ],
        ),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, *options], capture_output=True, text=True, check=True
        )
        assert done.stderr.splitlines() == expected


def test_misuse_is_exit_code_two(run, register):
    register("fine", click.Command("fine", callback=lambda: None))

    for arguments in (("nonsense",), ("fine", "--nonsense"), ("--nonsense",), ("fine", "too", "much")):
        code, out, err = run(*arguments)
        assert (code, out) == (2, [])
        assert err[-1].startswith("Error: ")


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, click.Abort])
def test_an_interruption_is_reported_in_one_line(run, register, interruption):
    def interrupted():
        raise interruption

    register("long", click.Command("long", callback=interrupted))

    code, _, err = run("long")

    assert code == 130
    assert [line for line in err if line] == ["popdanceset: interrupted; finished work is kept"]


def test_faults_of_the_program_keep_their_traceback(register, monkeypatch):
    register("bug", click.Command("bug", callback=lambda: 1 // 0))
    monkeypatch.setattr(sys, "argv", ["popdanceset", "bug"])

    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_commands_are_listed_in_the_order_of_the_pipeline(run, register):
    for name in ("zebra", "publish", "apple", "crawl"):
        register(name, click.Command(name, help=f"About {name}."))

    code, out, _ = run("--help")

    assert code == 0
    assert [line.split()[0] for line in out[out.index("Commands:") + 1 :]] == [
        "crawl",
        "publish",
        "apple",
        "zebra",
    ]


def test_a_command_that_cannot_be_loaded_does_not_hide_the_others(run, register):
    register("crawl", click.Command("crawl", help="Fine."))
    register("broken", "popdanceset.no_such_module:command")

    code, out, _ = run("--help")
    assert code == 0
    assert [line.split(maxsplit=1) for line in out[-2:]] == [
        ["crawl", "Fine."],
        ["broken", "(cannot be loaded)"],
    ]

    code, out, err = run("broken", "--option", "value")
    assert (code, out, len(err)) == (1, [], 1)
    assert "No module named 'popdanceset.no_such_module'" in err[0]


def test_settings_options_reach_the_command(run, register):
    @click.command()
    @click.argument("word")
    @with_settings
    def show(settings, word):
        """Show."""
        click.echo(f"{word} {settings.store} {settings.crawl.max_videos}")

    register("show", show)

    assert run("show", "--store", "s3://b", "--set", "crawl.max_videos=5", "w")[1] == ["w s3://b 5"]
    code, _, err = run("show", "--set", "crawl.max_videos=none", "w")
    assert code == 2
    assert len(err) == 1
    assert "crawl.max_videos" in err[0]


def test_version(run):
    assert run("--version")[1] == [f"popdanceset, version {__version__}"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_registered_command_loads_and_explains_itself(run, name):
    code, out, err = run(name, "--help")

    assert (code, err) == (0, [])
    assert out[0].startswith("Usage: ")
    assert len(out) > 4


def test_each_command_is_listed_with_a_whole_sentence():
    """Also in a window of 80 columns, and the commands of groups."""
    commands = [cli.popdanceset.get_command(click.Context(cli.popdanceset), name) for name in COMMANDS]
    for group in (cli.popdanceset, *commands):
        if isinstance(group, click.Group):
            text = group.get_help(click.Context(group, terminal_width=80))
            listed = text.partition("Commands:\n")[2].splitlines()
            assert listed
            assert [line for line in listed if not line.endswith(".") or line.endswith("...")] == []


def test_help_imports_nothing_heavy():
    """What keeps `popdanceset --help` under half a second, whatever the machine."""
    program = (
        "import sys; from popdanceset.cli import popdanceset; "
        "popdanceset(['--help'], standalone_mode=False); "
        f"print('imported:', *sorted(set(sys.modules) & set({HEAVY!r})))"
    )

    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert all(name in shown for name in COMMANDS)
    assert shown.splitlines()[-1] == "imported:"


def test_the_module_runs_as_a_program(tmp_path):
    """End to end once: a real process, a real mistake."""
    program = [sys.executable, "-c", "from popdanceset.cli import main; main()"]

    done = subprocess.run(
        [*program, "settings", "--config", "none.toml"], capture_output=True, text=True, cwd=tmp_path
    )

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "popdanceset: none.toml: settings file not found (check --config or POPDANCESET_CONFIG)\n"
    )
