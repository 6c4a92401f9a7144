from pathlib import Path

import pytest

from popdanceset.bilibili.sources import SOURCES, Source, parse_source
from popdanceset.errors import InputError, SettingsError
from popdanceset.manifest import Manifest, ManifestVideo, write_manifest
from popdanceset.settings import Settings
from tests.popdanceset.bilibili.conftest import Connect, Host, Section, bvid, ok, says, video


def source_of(text: str, **overrides: str) -> Source:
    return parse_source(text, Settings.load(overrides=overrides))


def test_ranking_is_one_page(connect: Connect) -> None:
    host = Host(Section(250))
    page = source_of("ranking:1004").page(1, connect(host))
    assert host.asked == [("/x/web-interface/ranking/v2", {"rid": "1004", "type": "all"})]
    assert len(page.records) == 100
    assert page.last
    assert {record.source for record in page.records} == {"ranking:1004"}


def test_newest_ends_at_the_announced_count(connect: Connect) -> None:
    source, client = source_of("newest:2028"), connect(Host(Section(120)))
    pages = [source.page(number, client) for number in (1, 2, 3)]
    assert [len(page.records) for page in pages] == [50, 50, 20]
    assert [page.last for page in pages] == [False, False, True]


def test_newest_without_a_count_ends_at_an_empty_page(connect: Connect) -> None:
    client = connect(Host(lambda path, query: ok({"archives": [] if query["pn"] == "2" else [video(1)]})))
    source = source_of("newest:1004")
    assert not source.page(1, client).last
    assert source.page(2, client).last


def test_popular_keeps_the_dances_and_ends_when_the_host_says_so(connect: Connect) -> None:
    items = [
        video(1),
        video(2, tid=17, tid_v2=1010),
        video(3, tid=None, tid_v2=None),
        video(4, tid=17, tid_v2=2031),
    ]
    client = connect(Host(lambda path, query: ok({"list": items, "no_more": query["pn"] == "3"})))
    source = source_of("popular")
    page = source.page(1, client)
    assert [record.bvid for record in page.records] == [bvid(1), bvid(3), bvid(4)]
    assert page.skipped == (f"popular: {bvid(2)} is in another section",)
    assert not page.last
    assert source.page(3, client).last


def test_an_ordered_range_asks_for_its_days(connect: Connect) -> None:
    host = Host(Section(31))
    source = source_of("range:1004:20220901-20220930")
    client = connect(host)
    pages = [source.page(number, client) for number in (1, 2)]
    assert [len(page.records) for page in pages] == [30, 1]
    assert [page.last for page in pages] == [False, True]
    _, query = host.asked[0]
    assert (query["cate_id"], query["time_from"], query["time_to"]) == ("1004", "20220901", "20220930")
    assert pages[0].records[0].missing == ("coin", "share", "like")


def test_ids_of_a_file_cost_no_request(connect: Connect, tmp_path: Path) -> None:
    file = tmp_path / "my ids.txt"
    file.write_text("\n".join(bvid(i) for i in range(60)))
    host = Host(Section(0))
    source, client = source_of(f"ids:{file}"), connect(host)
    pages = [source.page(number, client) for number in (1, 2)]
    assert [len(page.records) for page in pages] == [50, 10]
    assert [page.last for page in pages] == [False, True]
    assert host.asked == []
    before = source.slug
    file.write_text(bvid(1))
    assert source_of(f"ids:{file}").slug != before  # a changed list is a new listing


def test_videos_of_an_earlier_manifest(connect: Connect, tmp_path: Path) -> None:
    write_manifest(
        tmp_path / "v1", Manifest("v1", (ManifestVideo(bvid(7), 0.9), ManifestVideo(bvid(3), 0.95)))
    )
    page = source_of(f"manifest:{tmp_path / 'v1'}").page(1, connect(Host(Section(0))))
    assert [record.bvid for record in page.records] == [bvid(3), bvid(7)]
    assert source_of("manifest:v1", manifests=str(tmp_path)).page(1, connect(Host(Section(0)))).records


@pytest.mark.parametrize("text", ["ranking:1004", "popular", "newest:1004", "range:1004:20220901-20220930"])
def test_names_and_slugs(text: str) -> None:
    source = source_of(text)
    assert source.name == text
    assert set(source.slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@pytest.mark.parametrize(
    "text",
    [
        "trending:1",
        "ranking",
        "ranking:dance",
        "ranking:../1004",
        "popular:1004",
        "range:1004",
        "range:1004:20220930-20220901",
        "range:1004:20221399-20230101",
        "ids:",
        "manifest",
        "",
    ],
)
def test_a_wrong_source_is_a_matter_of_settings(text: str) -> None:
    with pytest.raises(SettingsError, match=r"crawl\.sources"):
        source_of(text)


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_every_source_is_known_by_its_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text(bvid(1))
    write_manifest(tmp_path / "v1", Manifest("v1", (ManifestVideo(bvid(1), 0.9),)))
    argument = {"ids": str(tmp_path / "ids.txt"), "manifest": str(tmp_path / "v1"), "popular": ""}.get(
        name, "1004"
    )
    argument += ":20220901-20220930" if name == "range" else ""
    assert source_of(f"{name}:{argument}").name.startswith(name)


@pytest.mark.parametrize(
    "reply", [says(-404, "啥都木有"), says(-400), ok(None), ok({"archives": "none"}), ok([])]
)
def test_what_is_no_listing_is_reported(connect: Connect, reply) -> None:
    with pytest.raises(InputError, match="newest:1004"):
        source_of("newest:1004").page(1, connect(Host(lambda path, query: reply)))
