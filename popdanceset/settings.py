"""Typed settings: the same names on the command line, in the environment and in a TOML file.

    [crawl]                                    popdanceset.toml
    requests_per_second = 0.5

    POPDANCESET_CRAWL__REQUESTS_PER_SECOND=0.5 environment
    popdanceset crawl --set crawl.requests_per_second=0.5

Later sources win over earlier ones: defaults, TOML file, environment, command line. The file is
`popdanceset.toml` in the working directory, or the one that `POPDANCESET_CONFIG` or `--config` names. In the
environment and on the command line, the items of a list are separated by commas.
"""

from __future__ import annotations

import logging
import os
import re
import tomllib
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    create_model,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as PydanticSettingsError

from popdanceset.errors import SettingsError
from popdanceset.video.rules import thresholds

DEFAULT_FILE = "popdanceset.toml"
_log = logging.getLogger(__name__)
_toml_file: ContextVar[Path] = ContextVar("toml_file", default=Path(DEFAULT_FILE))


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _listed(value: object) -> object:
    """Splits a string at its commas; returns any other value as it is."""
    if not isinstance(value, str):
        return value
    return tuple(word.strip() for word in value.split(",") if word.strip())


def _sized(value: str) -> str:
    """Checks the form of a size: empty, or as `popdanceset.release.sizes` reads it."""
    if value and not re.fullmatch(r"\s*(\d+\s*clips?|(\d+\.?\d*|\.\d+)\s*[s%]|0?\.\d+|0\.?)\s*", value, re.A):
        raise ValueError(f"{value!r} is not a size: write 24clips, 355s or 0.05")
    return value


class NetworkSettings(_Group):
    """How the crawler and the downloader reach the network."""

    proxy: str = Field(
        "",
        pattern=r"^((https?|socks[45][ah]?)://\S+)?$",
        description="proxy for every request, as http://host:port; empty: no proxy",
    )
    ca_file: str = Field(
        "", description="CA certificate to trust instead of the system's; empty: the system's own"
    )
    contact: str = Field("", description="address in the User-Agent header, so that the host can reach you")
    timeout: float = Field(20.0, gt=0, description="seconds to wait for a response")


class CrawlSettings(_Group):
    """The crawl of video statistics."""

    sources: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)] = Field(
        ("ranking:1004", "newest:1004"), min_length=1, description="listings to read, as name:argument"
    )
    requests_per_second: float = Field(0.5, gt=0, description="maximum request rate")
    requests_per_day: int = Field(
        10_000, gt=0, description="maximum number of requests by all runs of one day (UTC)"
    )
    jitter: float = Field(0.3, ge=0, le=1, description="maximum random fraction added to each pause")
    max_videos: int = Field(10_000, gt=0, description="stop requesting pages after this many videos")
    refusals_before_stop: int = Field(3, gt=0, description="consecutive refusals that end the crawl")
    cool_down: float = Field(
        60.0, gt=0, description="first pause after a refusal, in seconds; each further pause is twice as long"
    )


class WeightSettings(_Group):
    """Weight of each count in Bilibili's recommendation score (numerator of the paper's Eq. 14)."""

    view: float = Field(0.25, ge=0)
    danmaku: float = Field(0.4, ge=0)
    reply: float = Field(0.4, ge=0)
    favorite: float = Field(0.3, ge=0)
    coin: float = Field(0.4, ge=0)
    share: float = Field(0.6, ge=0)
    like: float = Field(0.4, ge=0)


CountName = Literal["view", "danmaku", "reply", "favorite", "coin", "share", "like"]


class PopularitySettings(_Group):
    """The popularity regression and the selection of videos."""

    sample: int = Field(100, ge=0, description="size of the founding sample; 0: every complete video")
    seed: int = Field(0, ge=0, description="seed of the founding sample")
    weights: WeightSettings = Field(
        WeightSettings(), description="weights of the counts in the response variable"
    )
    alpha: float = Field(
        0.05, gt=0, lt=1, description="significance level: terms with a p value of at least this are dropped"
    )
    elimination: Literal["stepwise", "joint"] = Field(
        "stepwise", description="whether to drop terms one at a time, or all at once as the paper does"
    )
    without: Annotated[tuple[CountName, ...], NoDecode, BeforeValidator(_listed)] = Field(
        (), description="counts that the regression leaves out, e.g. share,coin; a constant count always is"
    )
    errors: Literal["ordinary", "HC3"] = Field(
        "ordinary", description="kind of standard errors; HC3 is valid under heteroscedasticity too"
    )
    min_pop: float = Field(0.85, description="accept videos with Pop above this")
    min_views_per_follower: float = Field(
        1.0,
        ge=0,
        description="accept views above this multiple of the uploader's followers; 0: skip the check",
    )
    follower_margin: float = Field(
        0.05,
        ge=0,
        description="request followers down to this far below min_pop, so that a later fit has them",
    )


class DownloadSettings(_Group):
    """Downloads of video files."""

    max_height: int = Field(
        1080, gt=0, description="largest resolution to request: pixels of the smaller side"
    )
    retries: int = Field(3, ge=0, description="number of retries after a broken connection")
    rate_limit: int = Field(0, ge=0, description="maximum bytes per second; 0: unlimited")
    cookie_file: str = Field("", description="cookie file of an authorised user; never logged")
    min_free: int = Field(
        1 << 30,
        ge=0,
        description="bytes to keep free on the disk; a download that would need them is not started",
    )
    duration_tolerance: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="a file that is shorter than announced by more than this fraction is a preview",
    )


class _MeasuringSettings(_Group):
    """What is measured in a video, and which values are good enough."""

    height: int = Field(360, gt=0, description="frames are screened at this height, pixels")
    detector: str = Field("blazepose", description="name of the person detector, an entry point")
    sample_fps: float = Field(2.0, gt=0, description="frames a second in which dancers are counted")
    search_seconds: float = Field(
        2.0,
        ge=0,
        description="least seconds between two searches of the whole frame for more people; up to four "
        "times as long while nobody comes or goes",
    )
    detector_score: float = Field(0.6, gt=0, lt=1, description="smallest confidence of a counted dancer")
    limb_score: float = Field(0.5, gt=0, lt=1, description="smallest confidence of a limb that is seen")


if TYPE_CHECKING:

    class ScreeningSettings(_MeasuringSettings):
        """The thresholds are those of `popdanceset.video.rules`."""

        def __getattr__(self, name: str) -> float: ...

else:
    ScreeningSettings = create_model(
        "ScreeningSettings",
        __base__=_MeasuringSettings,
        __doc__=_MeasuringSettings.__doc__,
        __module__=__name__,
        **{
            t.setting: (float, Field(t.default, description=t.description, gt=t.gt, ge=t.ge, le=t.le))
            for t in thresholds()
        },
    )


class ClipSettings(_Group):
    """Clip planning."""

    min_seconds: float = Field(4.0, gt=0, description="shorter spans are rejected")
    max_seconds: float = Field(60.0, gt=0, description="longer spans are divided, at beats or pauses")
    max_lapse: float = Field(
        1.2, ge=0, description="seconds for which a clip may break a rule, as after one missed sample"
    )


class PoseSettings(_Group):
    """The extraction of poses."""

    estimator: str = Field(
        "blazepose",
        description="name of the pose estimator: blazepose; blazepose-heavy, more accurate in hard views, but"
        " less than half as fast; blazepose-auto, heavy only where needed; hybrik; hybrik-official; or a"
        " plug-in",
    )
    model_dir: str = Field("", description="folder of the model files; empty: the user's cache")
    hybrik_checkpoint: str = Field(
        "",
        description="file of HybrIK's weights; empty: hybrik_hrnet.pth, else hybrik_res34.pth, in model_dir",
    )
    smpl_dir: str = Field("", description="folder of the SMPL files; empty: model_dir")
    pins: str = Field(
        "",
        description="file with the expected hashes of model files, in the format of sha256sum; empty: none",
    )
    min_detected: float = Field(
        0.9, ge=0, le=1, description="minimum share of frames in which the dancer is detected"
    )
    longest_gap: float = Field(
        0.5, gt=0, description="longest gap without a detection that is filled in, in seconds"
    )
    smoothing: float = Field(
        0.035,
        ge=0,
        le=1,
        description="standard deviation in seconds of the window that smooths rotations; 0: none",
    )
    camera: Literal["lines", "assumed"] = Field(
        "lines",
        description="lines: find focal length and tilt from straight lines of the room, if there are enough;"
        " assumed: a level camera with a diagonal field of view of 53°",
    )
    fitting: Literal["off", "clip"] = Field(
        "clip",
        description="clip: fit rotations and root to the keypoints of the whole clip; off: smoothing only",
    )
    feet: Literal["lock", "off"] = Field(
        "lock",
        description="lock: small shifts of root and legs keep feet on the floor still; off: feet as seen",
    )
    max_jitter: float = Field(
        45.0,
        gt=0,
        description="maximum mean joint acceleration of accepted poses, m/s²; a backflip has 33",
    )
    review_score: float = Field(
        0.6, ge=0, le=1, description="accepted poses with a lower score are marked for review"
    )
    workers: int = Field(
        2, gt=0, description="number of clips that the worker of a device decodes and tracks at once"
    )
    count_seconds: float = Field(
        4.0, ge=0, description="seconds between two counts of the dancers in a clip; 0: never count"
    )
    second_looks: float = Field(
        0.25,
        ge=0,
        le=1,
        description="maximum share of frames that blazepose-auto shows to the heavy network as well;"
        " 1: fifteen a second, doubtful or not",
    )
    devices: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)] = Field(
        ("auto",),
        min_length=1,
        description="torch devices, one worker each, e.g. cuda:0,cuda:1; auto: a GPU if there is one, else "
        "the CPU",
    )
    precision: Literal["auto", "float32", "float16", "bfloat16"] = Field(
        "auto", description="dtype inside the network; auto: float16 on a GPU, float32 on a CPU"
    )
    batch_size: int = Field(0, ge=0, description="frames in a batch; 0: as many as fit into memory")
    compile: bool = Field(
        False, description="compile HybrIK's network first; takes half a minute, then it runs somewhat faster"
    )
    flip_test: bool = Field(
        True, description="HybrIK: average with the mirrored image, as published; takes twice the time"
    )
    hybrik_published: bool = Field(
        False, description="HybrIK: reproduce two bugs of the published code, for comparisons"
    )
    box_every: int = Field(
        3, gt=0, description="HybrIK: detect the dancer's bounding box in every n-th frame"
    )

    @property
    def calibrated(self) -> bool:
        """Whether the camera of a clip is found, and not assumed."""
        return self.camera == "lines"


class MusicSettings(_Group):
    """Same-music detection, music features and genres."""

    methods: Annotated[tuple[Literal["pitch", "chromaprint"], ...], NoDecode, BeforeValidator(_listed)] = (
        Field(
            ("pitch", "chromaprint"),
            min_length=1,
            description="fingerprint methods; two videos share their music if one method matches",
        )
    )
    min_pitch: float = Field(0.67, gt=0, le=1, description="minimum similarity for a match by pitch")
    min_chromaprint: float = Field(
        0.57, gt=0, le=1, description="minimum similarity for a match by Chromaprint"
    )
    extractor: Literal["baseline", "baseline-corrected", "jukebox"] = Field(
        "baseline", description="extractor of `popdanceset features`"
    )
    jukebox_dir: str = Field("", description="folder of Jukebox's checkpoints; empty: the user's cache")
    device: str = Field("cuda", description="torch device for Jukebox")
    fp16: bool = Field(True, description="run Jukebox in half precision (GPU only)")
    genres: str = Field("", description="TOML file of genre rules; empty: the built-in rules")


class ReleaseSettings(_Group):
    """The publication of releases."""

    version: str = Field(
        "",
        pattern=r"^([0-9A-Za-z][0-9A-Za-z.+-]*)?$",
        description="version of the release, the name of its folder; empty: the date",
    )
    test_share: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="share of the frames in the test split, which shares neither video nor music with "
        "training",
    )
    test_size: Annotated[str, AfterValidator(_sized)] = Field(
        "",
        description="size of the test split, as 24clips, 355s or 0.05: as near as groups allow; empty: "
        "test_share, decided for each piece of music",
    )
    hold_out_dancers: bool = Field(
        False, description="the test split shares no dancer with training, either; chosen by size"
    )
    stratify: Annotated[tuple[Literal["genre", "length"], ...], NoDecode, BeforeValidator(_listed)] = Field(
        (), description="the test split has genre, length or both in proportion; chosen by size"
    )
    keep_splits: bool = Field(
        True, description="what an earlier release of the store used for training is not held out"
    )
    seed: int = Field(0, description="seed of the splits")
    min_score: float = Field(
        0.5, ge=0, le=1, description="leave out clips whose poses have a lower score; 0: leave out none"
    )
    min_tier: Literal["A", "B", "C"] = Field(
        "C", description="leave out clips of a lower quality tier (popdanceset/release/tiers.py); C: none"
    )
    license: str = Field(
        "other", min_length=1, description="licence on the dataset card, as Hugging Face names it"
    )
    contact: str = Field(
        "",
        description="address on the dataset card for questions and requests for removal; empty: none",
    )
    figures: bool = Field(True, description="draw the figures of the dataset card; takes about two seconds")
    cost: bool = Field(
        True,
        description="state the cost of making it in meta/info.json, which then differs from run to run",
    )
    viewer: bool = Field(
        False, description="add pages that show the clips in 3D and open from the disk; about 0.4 kB a frame"
    )


class PriceSettings(_Group):
    """Prices, for the cost in reports, releases and `popdanceset plan`; 0: unknown."""

    cpu_hour: float = Field(0.0, ge=0, description="price of one core for an hour")
    gpu_hour: float = Field(0.0, ge=0, description="price of one GPU for an hour")
    storage_gb_month: float = Field(0.0, ge=0, description="price of 10^9 bytes of storage for a month")
    currency: str = Field("", max_length=8, description="currency of the prices, as in EUR")


class AlertSettings(_Group):
    """Alerts of `popdanceset status --alert` and of the flows."""

    command: str = Field("", description="program that receives an alert as JSON on its standard input")
    webhook: SecretStr = Field(
        SecretStr(""), description="address to which an alert is posted as JSON; never logged or shown"
    )
    timeout: float = Field(10.0, gt=0, description="seconds that command and webhook may take")
    refusals: int = Field(3, ge=0, description="refused requests in a run that raise an alert; 0: none do")
    rejection_rise: float = Field(
        0.1, ge=0, le=1, description="rise of a stage's rejection rate that raises an alert, if significant"
    )
    rejection_p: float = Field(
        0.01, gt=0, lt=1, description="significance level of that rise, by a two-proportion z test"
    )
    min_spearman: float = Field(
        0.95, ge=-1, le=1, description="lowest rank correlation of Pop under the last two fits without alert"
    )
    max_changed: float = Field(
        0.1, ge=0, le=1, description="largest share of videos on which they may differ without alert"
    )
    still_minutes: float = Field(
        60.0, ge=0, description="minutes without progress while items wait that raise an alert; 0: none do"
    )


class RaySettings(_Group):
    """The engine `ray`."""

    address: str = Field(
        "",
        description="address of the Ray cluster, as 10.0.0.5:6379; auto: the one that this machine belongs "
        "to; empty: RAY_ADDRESS, else a Ray on this machine for the time of the run",
    )
    gpus: float = Field(
        0.0, ge=0, description="GPUs of an actor that estimates poses or computes Jukebox features; 0: none"
    )
    cpus: float = Field(1.0, gt=0, description="processor cores of an actor")
    batch: int = Field(
        8,
        gt=0,
        description="clips or videos that an actor gets at a time; finished ones are never done again",
    )


class LogSettings(_Group):
    """The log."""

    format: Literal["text", "json"] = Field(
        "text", description="format of the log: text for people, or one JSON object a line with all ids"
    )


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(
        env_prefix="POPDANCESET_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    store: str = Field("store", description="folder or s3:// address of the store")
    manifests: str = Field("manifests", description="folder of the manifests")
    engine: Literal["local", "ray"] = Field(
        "local", description="who screens, extracts and computes features: local, or ray for many machines"
    )
    network: NetworkSettings = NetworkSettings()
    crawl: CrawlSettings = CrawlSettings()
    popularity: PopularitySettings = PopularitySettings()
    download: DownloadSettings = DownloadSettings()
    screening: ScreeningSettings = ScreeningSettings()
    clips: ClipSettings = ClipSettings()
    pose: PoseSettings = PoseSettings()
    music: MusicSettings = MusicSettings()
    release: ReleaseSettings = ReleaseSettings()
    prices: PriceSettings = PriceSettings()
    alerts: AlertSettings = AlertSettings()
    log: LogSettings = LogSettings()
    ray: RaySettings = RaySettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, _toml_file.get())

    @classmethod
    def load(cls, file: str | Path | None = None, overrides: dict[str, Any] | None = None) -> Self:
        """Loads settings from the TOML file, the environment and the command line.

        Args:
            file: TOML file; None: `POPDANCESET_CONFIG`, else `popdanceset.toml` if it exists.
            overrides: nested mapping that overrides all other sources, as `parse_assignments` returns it.

        Raises:
            SettingsError: the file is missing or not TOML, a name is unknown, or a value does not fit.
        """
        for variable in sorted(os.environ):
            name = variable.lower().removeprefix("popdanceset_").partition("__")[0]
            if variable.startswith("POPDANCESET_") and name != "config" and name not in cls.model_fields:
                _log.warning(
                    "environment: %s is not a setting (see `popdanceset settings` for all names)", variable
                )
        named = file or os.environ.get("POPDANCESET_CONFIG")
        path = Path(named or DEFAULT_FILE)
        if named and not path.is_file():
            raise SettingsError("settings file not found", path, "check --config or POPDANCESET_CONFIG")
        token = _toml_file.set(path)
        try:
            return cls(**(overrides or {}))
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"]))
            raise SettingsError(
                f"setting {name!r}: {first['msg']}",
                do="see `popdanceset settings` for all names and defaults",
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"not readable as TOML: {error}", path, "correct the file") from error
        except PydanticSettingsError as error:
            raise SettingsError(str(error), "environment", "correct this variable") from error
        except OSError as error:
            raise SettingsError(f"not readable: {error.strerror}", path, "check its permissions") from error
        finally:
            _toml_file.reset(token)


def parse_assignments(assignments: tuple[str, ...]) -> dict[str, Any]:
    """Parses assignments: `("crawl.max_videos=5", …)` becomes `{"crawl": {"max_videos": "5"}}`.

    Raises:
        SettingsError: an assignment has no `=`, or one names a group as if it were a setting.
    """
    nested: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name:
            raise SettingsError(
                f"{assignment!r} is not an assignment", "--set", "write --set name.of.setting=value"
            )
        *groups, leaf = name.strip().split(".")
        level = nested
        for group in groups:
            level = level.setdefault(group, {})
            if not isinstance(level, dict):
                raise SettingsError(f"{group!r} is set both as a value and as a group", "--set")
        level[leaf] = value
    return nested
