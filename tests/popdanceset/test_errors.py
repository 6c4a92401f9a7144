"""The exception tree: its exit codes, its one-line messages, and that it survives a process boundary."""

import pickle

import pytest

from popdanceset import errors
from popdanceset.errors import (
    AssetError,
    DamagedError,
    DownloadError,
    ElsewhereError,
    FailedError,
    GoneError,
    InputError,
    ManifestError,
    MediaError,
    PopDanceSetError,
    RefusedError,
    RestrictedError,
    SchemaError,
    SettingsError,
    StoreError,
    TransferError,
)

TREE = {
    PopDanceSetError: (Exception, 1),
    InputError: (PopDanceSetError, 2),
    SettingsError: (InputError, 2),
    SchemaError: (InputError, 2),
    ManifestError: (InputError, 2),
    MediaError: (InputError, 2),
    AssetError: (InputError, 2),
    StoreError: (PopDanceSetError, 2),
    RefusedError: (PopDanceSetError, 3),
    FailedError: (PopDanceSetError, 1),
    DownloadError: (PopDanceSetError, 1),
    GoneError: (DownloadError, 1),
    RestrictedError: (DownloadError, 1),
    ElsewhereError: (DownloadError, 1),
    DamagedError: (DownloadError, 1),
    TransferError: (DownloadError, 1),
}


def test_the_tree_is_the_one_the_docstring_draws():
    public = {value for value in vars(errors).values() if isinstance(value, type)}

    assert public == set(TREE)
    for kind, (parent, _) in TREE.items():
        assert kind.__base__ is parent
        assert kind.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_exit_codes(kind):
    assert kind("wrong").exit_code == TREE[kind][1]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("is empty",), "is empty"),
        (("is empty", "a.mp4"), "a.mp4: is empty"),
        (("is empty", "a.mp4", "fetch it again"), "a.mp4: is empty (fetch it again)"),
        (("is empty", "", "fetch it again"), "is empty (fetch it again)"),
        (("two\nlines\r\n\tand more", "a\nb"), "a b: two lines and more"),
    ],
)
def test_a_message_is_one_line(arguments, line):
    assert str(MediaError(*arguments)) == line


def test_errors_cross_process_boundaries():
    sent = RefusedError("asked to stay away", "127.0.0.1", "wait", retry_at="2026-01-01T00:00:00")

    received = pickle.loads(pickle.dumps(sent))  # noqa: S301 - our own bytes

    assert str(received) == str(sent)
    assert received.retry_at == sent.retry_at
