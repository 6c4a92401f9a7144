"""Settings: one set of names for command line, environment and file, and clear words for mistakes."""

import logging
import tomllib

import pytest
from click.testing import CliRunner
from pydantic import BaseModel, ValidationError

from popdanceset.commands import with_values
from popdanceset.errors import SettingsError
from popdanceset.settings import Settings, parse_assignments
from popdanceset.settings_command import as_toml
from popdanceset.settings_command import settings as settings_command


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_later_sources_win(tmp_path, monkeypatch):
    file = tmp_path / "mine.toml"
    file.write_text("[crawl]\nmax_videos = 1\njitter = 0.1\nrequests_per_second = 2\n")
    monkeypatch.setenv("POPDANCESET_CRAWL__MAX_VIDEOS", "2")
    monkeypatch.setenv("POPDANCESET_CRAWL__JITTER", "0.2")

    crawl = Settings.load(file, parse_assignments(("crawl.max_videos=3",))).crawl

    assert (crawl.max_videos, crawl.jitter, crawl.requests_per_second) == (3, 0.2, 2.0)
    assert crawl.cool_down == 60.0  # the default


def test_the_file_is_the_one_in_the_folder_or_the_one_named(tmp_path, monkeypatch):
    (tmp_path / "popdanceset.toml").write_text('store = "here"\n')
    (tmp_path / "other.toml").write_text('store = "there"\n')

    assert Settings.load().store == "here"
    monkeypatch.setenv("POPDANCESET_CONFIG", "other.toml")
    assert Settings.load().store == "there"
    assert Settings.load("popdanceset.toml").store == "here"


def test_lists_are_words_between_commas(monkeypatch):
    assert Settings.load(overrides=parse_assignments(("crawl.sources=a:1,b:2",))).crawl.sources == (
        "a:1",
        "b:2",
    )
    monkeypatch.setenv("POPDANCESET_CRAWL__SOURCES", "c:3, d:4")
    assert Settings.load().crawl.sources == ("c:3", "d:4")


def test_settings_do_not_change():
    with pytest.raises(ValidationError):
        Settings.load().store = "elsewhere"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[crawl]\nmax_vidoes = 1\n", "'crawl.max_vidoes'"),
        ("[crwal]\n", "'crwal'"),
        ("[crawl]\nmax_videos = 'many'\n", "'crawl.max_videos': Input should be a valid integer"),
        ("[crawl]\nmax_videos = 0\n", "'crawl.max_videos': Input should be greater than 0"),
        ("[release]\nversion = '../up'\n", "'release.version'"),
        ("crawl = 3\n", "'crawl'"),
        ("[crawl\n", "mine.toml: not readable as TOML"),
        (b"store = '\xff'\n", "mine.toml: not readable as TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path, content, words):
    file = tmp_path / "mine.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(SettingsError, match=words.replace("[", r"\[")):
        Settings.load(file)


def test_a_file_that_is_not_there_or_not_ours_to_read(tmp_path, monkeypatch):
    with pytest.raises(SettingsError, match=r"none\.toml: settings file not found"):
        Settings.load("none.toml")

    file = tmp_path / "mine.toml"
    file.touch()

    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tomllib.load", refuse)
    with pytest.raises(SettingsError, match=r"mine\.toml: not readable: Permission denied"):
        Settings.load(file)


def test_mistakes_in_the_environment(monkeypatch, caplog):
    monkeypatch.setenv("POPDANCESET_CRWAL__MAX_VIDEOS", "5")
    with caplog.at_level(logging.WARNING):
        assert Settings.load().crawl.max_videos == 10_000
    assert "POPDANCESET_CRWAL__MAX_VIDEOS is not a setting" in caplog.text

    monkeypatch.setenv("POPDANCESET_CRAWL__MAX_VIDOES", "5")
    with pytest.raises(SettingsError, match=r"crawl\.max_vidoes"):
        Settings.load()


def test_a_value_in_place_of_a_group_in_the_environment(monkeypatch):
    monkeypatch.setenv("POPDANCESET_CRAWL", "5")
    with pytest.raises(SettingsError, match="'crawl'"):
        Settings.load()


def test_assignments():
    assert parse_assignments(("crawl.max_videos=5", "crawl.jitter=0", "store=a=b")) == {
        "crawl": {"max_videos": "5", "jitter": "0"},
        "store": "a=b",
    }


@pytest.mark.parametrize("wrong", [("crawl",), ("=5",), ("crawl=5", "crawl.jitter=0"), ("a.b=1", "a.b.c=2")])
def test_text_that_is_not_an_assignment(wrong):
    with pytest.raises(SettingsError, match="--set"):
        parse_assignments(wrong)


def test_options_of_a_command_replace_a_group(settings):
    assert with_values(settings, "crawl", max_videos=7, jitter=None).crawl.max_videos == 7
    assert with_values(settings, "crawl", jitter=None) == settings
    with pytest.raises(SettingsError, match=r"'crawl\.max_videos'"):
        with_values(settings, "crawl", max_videos=-1)


def _leaves(group, path=""):
    for name, field in type(group).model_fields.items():
        value = getattr(group, name)
        if isinstance(value, BaseModel):
            assert type(value).__doc__, name
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", field.description or ("weights" in path and type(group).__doc__)


def test_every_setting_is_described():
    assert [name for name, description in _leaves(Settings.load()) if not description] == []


def _without_empty(document):
    pruned = {k: _without_empty(v) if isinstance(v, dict) else v for k, v in document.items()}
    return {k: v for k, v in pruned.items() if v != {}}


def test_the_toml_shows_defaults_as_comments_and_changes_as_values(tmp_path):
    changed = Settings.load(
        overrides=parse_assignments(
            ("crawl.sources=a,b", 'network.contact=Zoë \x7f 💃 "x" \\', "screening.max_shake=1e-7")
        )
    )

    text = as_toml(changed)

    assert _without_empty(tomllib.loads(text)) == {
        "network": {"contact": 'Zoë \x7f 💃 "x" \\'},
        "crawl": {"sources": ["a", "b"]},
        "screening": {"max_shake": 1e-7},
    }
    assert "# smallest share of samples with one whole dancer\n# min_visibility = 0.9\n" in text
    (tmp_path / "mine.toml").write_text(text)
    assert Settings.load(tmp_path / "mine.toml") == changed


def test_the_toml_of_the_defaults_is_complete_when_uncommented():
    lines = as_toml(Settings.load()).splitlines()

    values = [line.removeprefix("# ") for line in lines if " = " in line or line.startswith("[")]

    assert Settings.model_validate(tomllib.loads("\n".join(values))) == Settings.load()


def test_the_command_prints_what_is_in_force():
    result = CliRunner().invoke(
        settings_command, ["--set", "clips.min_seconds=2.5", "--store", "s3://bucket"]
    )

    assert result.exit_code == 0
    assert 'store = "s3://bucket"  # default: "store"' in result.output
    assert "min_seconds = 2.5  # default: 4.0" in result.output


@pytest.mark.parametrize("proxy", ["127.0.0.1:8080", "socks9://127.0.0.1:1", "http://"])
def test_a_proxy_of_an_unknown_kind_is_refused(proxy: str) -> None:
    with pytest.raises(SettingsError, match=r"network\.proxy"):
        Settings.load(overrides={"network": {"proxy": proxy}})


def test_a_secret_is_not_shown(monkeypatch):
    monkeypatch.setenv("POPDANCESET_ALERTS__WEBHOOK", "https://hooks.example/T0PS3CRET")
    settings = Settings.load()
    assert settings.alerts.webhook.get_secret_value().endswith("T0PS3CRET")
    assert "# webhook: set, and not shown" in as_toml(settings)
    assert "T0PS3CRET" not in as_toml(settings) + repr(settings) + settings.model_dump_json()
