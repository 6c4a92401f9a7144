"""Every exception this project raises on purpose.

    PopDanceSetError            exit code 1
    ├── InputError              exit code 2: something the user gave cannot be used
    │   ├── SettingsError       a setting is unknown or has a wrong value
    │   ├── SchemaError         a table lacks columns or holds wrong types
    │   ├── ManifestError       a manifest cannot be read or contradicts itself
    │   ├── MediaError          a file is not readable as video or audio
    │   └── AssetError          model files are missing, damaged or unavailable
    ├── StoreError              exit code 2: the store cannot be read or written
    ├── RefusedError            exit code 3: the host refuses requests, or the day's requests are used up
    ├── FailedError             some items of a stage failed unexpectedly; the others are finished
    └── DownloadError           a video could not be downloaded
        ├── GoneError           it was deleted, hidden or never existed
        ├── RestrictedError     it needs a login, a payment or another country
        ├── ElsewhereError          its page leads to an episode, a festival or another video
        ├── DamagedError        the file is not what was announced
        └── TransferError       the connection or the host failed; a later attempt may succeed

A message states on one line what is wrong, where, and what to do about it.
"""


class PopDanceSetError(Exception):
    """Base of the tree.

    Args:
        what: what is wrong.
        where: the file, address, row or setting.
        do: what the user can do about it.
    """

    exit_code = 1

    def __init__(self, what: str, where: object = "", do: str = "") -> None:
        self.what, self.where, self.do = what, str(where), do
        super().__init__(what, self.where, do)

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        if self.do:
            line = f"{line} ({self.do})"
        return " ".join(line.split())


class InputError(PopDanceSetError):
    """Something the user gave cannot be used."""

    exit_code = 2


class SettingsError(InputError):
    """A setting is unknown or has a wrong value."""


class SchemaError(InputError):
    """A table lacks columns or holds wrong types."""


class ManifestError(InputError):
    """A manifest cannot be read or contradicts itself."""


class MediaError(InputError):
    """A file is not readable as video or audio."""


class AssetError(InputError):
    """Model files are missing, damaged or unavailable."""


class StoreError(PopDanceSetError):
    """The store cannot be read or written."""

    exit_code = 2


class RefusedError(PopDanceSetError):
    """The host refuses requests. Everything collected so far is saved.

    Args:
        retry_at: the earliest time for another attempt, as local time in ISO 8601; "" if unknown.
    """

    exit_code = 3

    def __init__(self, what: str, where: object = "", do: str = "", retry_at: str = "") -> None:
        self.retry_at = retry_at
        super().__init__(what, where, do)


class FailedError(PopDanceSetError):
    """Some items of a stage failed unexpectedly. The others are finished."""


class DownloadError(PopDanceSetError):
    """A video could not be downloaded."""


class GoneError(DownloadError):
    """The video was deleted, hidden or never existed."""


class RestrictedError(DownloadError):
    """The video needs a login, a payment or another country."""


class ElsewhereError(DownloadError):
    """The video's page leads to an episode, a festival or another video."""


class DamagedError(DownloadError):
    """The file is not what was announced: truncated, a paid preview, or not a video."""


class TransferError(DownloadError):
    """The connection or the host failed; a later attempt may succeed."""
