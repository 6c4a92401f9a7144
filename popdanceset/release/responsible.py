"""The fields of responsible AI (Croissant RAI 1.0), composed of what the pipeline knows about a release.

Each text states facts of `meta/info.json` or of the program. What is not known is said to be unknown or left
out. Names and recommended values: https://docs.mlcommons.org/croissant/docs/croissant-rai-spec.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from popdanceset import layout
from popdanceset.genre import UNKNOWN
from popdanceset.release.info import ReleaseInfo
from popdanceset.video.rules import RULES
from popdanceset.wording import counted

CONFORMS_TO = "http://mlcommons.org/croissant/RAI/1.0"

MAINTENANCE = (
    "A release never changes. Additions, corrections and withdrawals appear in a new release with a new "
    "version, whose changelog says what is new."
)

WITHDRAWAL = (
    "Whoever made or is shown in a video can ask for its removal, and need not say why. The video, its "
    "clips, poses, music features and ids are then deleted from the store and are part of no later release; "
    "the ids are never used again. Published releases do not change, but maintainers can delete them."
)


def responsible_ai(info: ReleaseInfo) -> dict[str, Any]:
    """Returns the fields by their names in the vocabulary, each a text or a list of texts.

    Fields of which nothing is known are left out.
    """
    fields = {
        "dataCollection": " ".join([*_selection(info), *_imports(info)]),
        "dataCollectionType": _types(info),
        "dataCollectionTimeframe": _timeframe(info),
        "dataCollectionRawData": (
            "Videos and sound, which stay with their authors and are not part of the release."
        ),
        "dataCollectionMissingData": " ".join(_missing(info)) or "Nothing is known to be missing.",
        "dataPreprocessingProtocol": _preprocessing(info),
        "dataImputationProtocol": _imputation(info),
        "dataAnnotationProtocol": _annotation(info),
        "annotationsPerItem": _per_item(info),
        "machineAnnotationTools": [
            info.generator,
            *(f"poses by {name}" for name in info.estimators),
            *(f"music features {name}" for name in info.music),
        ],
        "dataUseCases": [
            "Training of models that generate dance for music.",
            *(["Testing of such models on the test split."] if _clips_of(info, "test") else []),
            "Not meant for recognising persons.",
        ],
        "dataLimitations": _limitations(info),
        "dataBiases": _biases(info),
        "personalSensitiveInformation": [
            "There are no images, sound, faces or body shapes.",
            f"{layout.RELEASE_CLIPS} has the public ids of the videos and their dancers.",
            "A dancer id is the public id of the uploader, or of the dancers of a joint upload.",
            f"{layout.RELEASE_MANIFEST}, if it is there, has titles, uploader ids and counts of the videos.",
            *(["It has the decisions of reviewers without their names and notes."] if info.review else []),
            "Motion itself can identify a person.",
        ],
        "dataSocialImpact": (
            "It has not been studied. A model can imitate the dances of the people in the videos, who were "
            "not asked."
        ),
        "dataReleaseMaintenancePlan": f"{MAINTENANCE} {WITHDRAWAL}{_contact(info)}",
    }
    return {name: value for name, value in fields.items() if value}


def provenance(info: ReleaseInfo) -> Mapping[str, Any]:
    """Returns what the manifest of the release states beyond its name."""
    return info.source.model_extra or {}


def min_pop(info: ReleaseInfo) -> float | None:
    """Returns the threshold of Pop, or None if the manifest does not state it."""
    threshold = _thresholds(info).get("min_pop")
    return float(threshold) if isinstance(threshold, int | float) else None


def popularity_rule(info: ReleaseInfo) -> str:
    """Returns in words by which rule the videos were selected; empty if the manifest does not state it."""
    threshold = min_pop(info)
    if threshold is None:
        return ""
    rule = f"its popularity score Pop is above {threshold:g}"
    ratio = _thresholds(info).get("min_views_per_follower")
    if not isinstance(ratio, int | float) or not ratio:
        return rule
    times = "" if ratio == 1 else f"{ratio:g} times as many as "
    return f"{rule} and its views exceed {times}the followers of its uploader"


def licence(info: ReleaseInfo) -> str:
    """Returns in words what may be done with which data."""
    text = (
        f"The motion data, features and tables have the licence `{info.license}`. Videos and music belong to "
        "their authors and are not part of the dataset."
    )
    if not info.imported:
        return text
    return f"{text} Imported clips ({imported_clips(info)}) are under the terms of their sources as well."


def any_crawled(info: ReleaseInfo) -> bool:
    """Returns whether some clips were made by the pipeline and not imported."""
    return sum(info.imported.values()) < info.counts.clips


def imported_clips(info: ReleaseInfo) -> str:
    """Returns in words how many clips were imported and from what; empty if none were."""
    return ", ".join(f"{clips:,} from {source}" for source, clips in info.imported.items())


def _thresholds(info: ReleaseInfo) -> Mapping[str, Any]:
    stated = provenance(info).get("thresholds")
    return stated if isinstance(stated, Mapping) else {}


def _selection(info: ReleaseInfo) -> list[str]:
    if not any_crawled(info):
        return []
    found = info.collection
    texts = ["The videos were found in public listings of Bilibili."]
    if found and found.listings:
        listings = ", ".join(
            f"{name} ({counted(videos, 'video')})" for name, videos in found.listings.items()
        )
        texts = [f"The videos were found in these public listings of Bilibili: {listings}."]
    if found and found.uploaders:
        unknown = (
            f"; the uploaders of {found.without_uploader:,} are unknown" if found.without_uploader else ""
        )
        by = counted(found.uploaders, "uploader")
        texts.append(f"The release has {counted(info.counts.videos, 'video')} by {by}{unknown}.")
    judged = provenance(info).get("judged")
    if rule := popularity_rule(info):
        of_all = f"Of {judged:,} videos, each" if isinstance(judged, int) else "A video"
        texts.append(f"{of_all} was selected if {rule}.")
    return texts


def _imports(info: ReleaseInfo) -> list[str]:
    return [f"Clips imported from other data: {clips}."] if (clips := imported_clips(info)) else []


def _types(info: ReleaseInfo) -> list[str]:
    return [
        *(["Web API", "User-generated content data"] if any_crawled(info) else []),
        *(["Secondary Data analysis"] if info.imported else []),
    ]


def _timeframe(info: ReleaseInfo) -> list[str]:
    found = info.collection
    if not found or not found.first_day or not found.last_day:
        return []
    return [f"{found.first_day}T00:00:00Z", f"{found.last_day}T23:59:59Z"]


def _missing(info: ReleaseInfo) -> list[str]:
    clips = info.counts.clips
    texts = []
    if unknown := info.genres.get(UNKNOWN, 0):
        texts.append(f"The genre of {unknown:,} of {clips:,} clips is unknown.")
    for name, music in info.music.items():
        if music.clips < clips:
            texts.append(f"{clips - music.clips:,} of {clips:,} clips have no {name} music features.")
    if not info.music:
        texts.append("No clip has music features.")
    table = info.table_1
    if table and table.keypoints2d < clips:
        texts.append(f"{clips - table.keypoints2d:,} of {clips:,} clips lack 2D keypoints in some frames.")
    if table and table.aesthetics < clips:
        texts.append(f"Pop of the videos of {clips - table.aesthetics:,} of {clips:,} clips is unknown.")
    return texts


def _preprocessing(info: ReleaseInfo) -> list[str]:
    meanings = dict.fromkeys(rule.meaning for rule in RULES if rule.meaning)
    settings = info.settings
    min_score = settings.get("min_score")
    texts = []
    if any_crawled(info):
        texts += [
            f"Screening rejects spans of a video for these reasons: {'; '.join(meanings)}.",
            f"What remains is cut into clips at {info.fps} frames a second.",
            "Poses are estimated, tracked, fitted to the SMPL skeleton, smoothed and put on the floor.",
        ]
    if info.imported:
        others = " Screening and pose estimation concern the other clips." if texts else ""
        texts = [f"Imported clips were brought to the rate, units and axes of the release.{others}", *texts]
    if min_score:
        texts.append(f"Clips whose poses have a score below {min_score:g} are left out.")
    if (tier := settings.get("min_tier", "C")) != "C":
        texts.append(f"Clips below quality tier {tier} are left out.")
    if _clips_of(info, "test"):
        held_out = info.split_rule.held_out if info.split_rule else ["video", "music"]
        texts.append(f"The test split shares none of these with the training split: {', '.join(held_out)}.")
    return texts


def _imputation(info: ReleaseInfo) -> str:
    if not any_crawled(info):
        return ""
    return (
        "Short gaps in which the dancer was not detected are filled in between the frames around them. The "
        "column observed is false where a rotation, or its twist, was inferred and not observed."
    )


def review(info: ReleaseInfo) -> str:
    """Returns in words what people decided about clips; empty if they decided nothing."""
    found = info.review
    if found is None:
        return ""
    by = f" by {counted(found.reviewers, 'reviewer')}" if found.reviewers else ""
    return (
        f"People looked at {counted(found.clips, 'clip')}{by}: {found.accepted:,} accepted, "
        f"{found.rejected:,} rejected, {found.changed:,} changed."
    )


def _per_item(info: ReleaseInfo) -> str:
    if info.imported:
        return ""
    if info.review is None:
        return "None: software makes all annotations."
    return f"Software makes all annotations, and people checked some of them. {review(info)}"


def _annotation(info: ReleaseInfo) -> str:
    made = [
        "poses by a pose estimator",
        "genres by rules on the section, tags and title of a video",
        "music ids by audio fingerprints",
        "quality tiers by bounds on the numbers of the pose stage",
    ][0 if any_crawled(info) else 2 :]
    software = f"Software makes {'all other' if info.imported else 'all'} annotations: {', '.join(made)}."
    return " ".join(
        [
            *(["Imported clips have the poses and genres of their source."] if info.imported else []),
            software,
            "Maintainers can name the dancer of a video and decide whether two pieces of music are the same.",
            *([review(info)] if info.review else []),
        ]
    )


def _biases(info: ReleaseInfo) -> list[str]:
    known = {name: clips for name, clips in info.genres.items() if name != UNKNOWN}
    texts = []
    if rule := popularity_rule(info):
        texts.append(f"Only popular videos are in the release: each was selected if {rule}.")
    if any_crawled(info):
        texts += [
            "Bilibili is a Chinese video site, and its dances, dancers and music are those its users like.",
            "Screening keeps single dancers who are seen as a whole by a camera that stays in place.",
        ]
    if known:
        genre, clips = max(known.items(), key=lambda item: (item[1], item[0]))
        texts.append(
            f"Genres are uneven: {genre} has {clips:,} of {info.counts.clips:,} clips, "
            f"and {counted(len(known), 'genre')} occur."
            if len(known) > 1
            else f"Only one genre is known: {genre}, of {clips:,} of {info.counts.clips:,} clips."
        )
    dancers = counted(info.counts.dancers, "dancer")
    return [*texts, f"The release has {dancers}, whose age and gender are not recorded."]


def _limitations(info: ReleaseInfo) -> list[str]:
    texts = [
        "There are no body shapes: all motion is that of the mean SMPL skeleton, scaled.",
        "There are no fingers and no faces.",
        "A genre is a guess from the words of the uploader, unless it was imported.",
    ]
    if not any_crawled(info):
        return texts
    whose = "Poses of clips that were not imported" if info.imported else "Poses"
    return [f"{whose} are estimated from one camera: depth is less certain than width and height.", *texts]


def _clips_of(info: ReleaseInfo, split: str) -> int:
    return info.splits[split].clips if split in info.splits else 0


def _contact(info: ReleaseInfo) -> str:
    return f" Contact: {info.contact}" if info.contact else ""
