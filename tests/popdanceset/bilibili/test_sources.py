from pathlib import Path
from typing import Any

import pytest

from popdanceset.bilibili.sources import SOURCES, Source, parse_source
from popdanceset.errors import InputError, SettingsError
from popdanceset.manifest import Manifest, ManifestVideo, write_manifest
from popdanceset.settings import Settings
from tests.popdanceset.bilibili.conftest import (
    Connect,
    Host,
    Query,
    Reply,
    Section,
    bvid,
    ok,
    says,
    video,
)


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

    def reply(path: str, query: Query) -> Reply:
        if path.endswith("/view"):  # only the video whose section the list does not state
            return ok(video(int(query["bvid"][2:])))
        return ok({"list": items, "no_more": query["pn"] == "3"})

    host = Host(reply)
    client = connect(host)
    source = source_of("popular")
    page = source.page(1, client)
    assert [path for path, _ in host.asked] == ["/x/web-interface/popular", "/x/web-interface/view"]
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


def without(item: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in names}


@pytest.mark.parametrize(
    ("sections", "taken"),
    [
        ({"tid": 154, "tidv2": 2029}, True),
        ({"tid": 0, "tidv2": 2029}, True),
        ({"tid": "0", "tidv2": "2029"}, True),
        ({"tid": 255}, True),
        ({"tid": 255, "tidv2": 2030}, True),
        ({"tid": 0, "tid_v2": 0, "tidv2": 2035}, True),
        ({"tid": 0, "tidv2": 2999, "pid_v2": 1004}, True),
        ({"tid_v2": 2031, "tid": 17}, True),
        ({"tid": 21, "tidv2": 2200, "pid_v2": 1030}, False),
        ({"tid": 21}, False),
        ({"tidv2": 2200}, False),
    ],
)
def test_popular_reads_both_names_of_a_section(
    connect: Connect, sections: dict[str, Any], taken: bool
) -> None:
    item = {**without(video(1), "tid", "tid_v2"), **sections}
    host = Host(lambda path, query: ok({"list": [item], "no_more": True}))
    page = source_of("popular").page(1, connect(host))
    assert len(page.records) == taken
    assert len(host.asked) == 1
    if taken and "tidv2" in sections:
        assert page.records[0].tid_v2 == int(sections["tidv2"])


@pytest.mark.parametrize(
    ("view", "kept", "reason"),
    [
        (ok(video(1)), True, ""),
        (ok({**without(video(1), "tid_v2"), "tid": 255}), True, ""),
        (ok({**video(1), "tid": 21, "tid_v2": 2200}), False, "is in another section"),
        (ok(without(video(1), "tid", "tid_v2")), False, "view does not state it"),
        (says(-404, "gone"), False, "-404: gone"),
    ],
)
def test_view_decides_where_the_section_is_unknown(
    connect: Connect, view: Reply, kept: bool, reason: str
) -> None:
    item = {**without(video(1), "tid", "tid_v2"), "tid": 0}
    host = Host(lambda path, query: view if path.endswith("/view") else ok({"list": [item], "no_more": True}))
    page = source_of("popular").page(1, connect(host))
    assert [record.source for record in page.records] == ["popular"] * kept
    assert len(page.skipped) == (not kept)
    assert all(reason in text for text in page.skipped)


def test_adverts_and_live_rooms_are_skipped(connect: Connect) -> None:
    items = [{"goto": "ad", "title": "buy"}, video(1), {"goto": "live", "roomid": 4, "bvid": ""}]
    page = source_of("popular").page(1, connect(Host(lambda path, query: ok({"list": items}))))
    assert [record.bvid for record in page.records] == [bvid(1)]
    assert page.skipped == ("popular: 'ad' instead of a video", "popular: 'live' instead of a video")
    assert not page.last


def archives(query: Query, number: str, size: str) -> Reply:
    first = (int(query[number]) - 1) * int(query[size])
    items = [
        {
            "aid": n,
            "bvid": bvid(n),
            "title": "a",
            "pubdate": 1_700_000_000,
            "duration": 9,
            "stat": {"view": n},
        }
        for n in range(first + 1, min(first + int(query[size]), 120) + 1)
    ]
    return ok({"archives": items, "page": {"total": 120}})


SEASON = "/x/polymer/space/seasons_archives_list"


@pytest.mark.parametrize(
    ("text", "path", "number"),
    [
        ("uploader:7", "/x/series/recArchivesByKeywords", "pn"),
        ("uploader:https://space.bilibili.com/7/upload", "/x/series/recArchivesByKeywords", "pn"),
        ("collection:7", SEASON, "page_num"),
        ("collection:https://space.bilibili.com/1/lists/7?type=season", SEASON, "page_num"),
    ],
)  # fmt: skip
def test_an_uploader_and_a_collection(connect: Connect, text: str, path: str, number: str) -> None:
    host = Host(lambda path, query: archives(query, number, {"pn": "ps", "page_num": "page_size"}[number]))
    source, client = source_of(text), connect(host)
    pages = [source.page(n, client) for n in (1, 2)]
    assert {asked for asked, _ in host.asked} == {path}
    assert "7" in (host.asked[0][1].get("mid"), host.asked[0][1].get("season_id"))
    assert not any(key in ("w_rid", "wts", "appkey", "sign") for _, query in host.asked for key in query)
    assert [len(page.records) for page in pages] == [100, 20]
    assert [page.last for page in pages] == [False, True]
    assert pages[1].records[-1].view == 120
    assert "coin" in pages[0].records[0].missing  # `view` is requested for the rest


def test_the_collection_of_a_video(connect: Connect) -> None:
    def episode(number: int) -> dict[str, Any]:
        whole = video(number)
        stat = {**without(whole["stat"], "favorite"), "fav": 5}
        arc = {
            **without(whole, "bvid", "owner", "tid"),
            "type_id": 20,
            "author": whole["owner"],
            "stat": stat,
        }
        return {"bvid": bvid(number), "cid": 3, "title": f"part {number}", "arc": arc}

    sections = [{"episodes": [episode(1), episode(2)]}, {"episodes": [episode(3), {"bvid": "odd"}]}, None]
    data = {**video(2), "ugc_season": {"id": 4, "sections": sections}}
    host = Host(lambda path, query: ok(data))
    page = source_of(f"collection:{bvid(2)}").page(1, connect(host))
    assert host.asked == [("/x/web-interface/view", {"bvid": bvid(2)})]
    assert [(r.bvid, r.title, r.favorite, r.tid, r.missing) for r in page.records] == [
        (bvid(n), f"part {n}", 5, 20, ()) for n in (1, 2, 3)
    ]
    assert page.last
    assert len(page.skipped) == 1
    with pytest.raises(InputError, match="belongs to no collection"):
        source_of(f"collection:{bvid(2)}").page(1, connect(Host(lambda path, query: ok(video(2)))))
    with pytest.raises(InputError, match="-404"):
        source_of(f"collection:{bvid(2)}").page(1, connect(Host(lambda path, query: says(-404))))


@pytest.mark.parametrize(
    "argument", ["3", "https://space.bilibili.com/1/favlist?fid=3&ftype=create", "ml3", "https://www.bilibili.com/medialist/detail/ml3"]
)  # fmt: skip
def test_a_favourites_folder(connect: Connect, argument: str) -> None:
    media = [
        {"id": 1, "type": 2, "bvid": bvid(1), "title": "a", "upper": {"mid": 5, "name": "n"}, "duration": 8},
        {"id": 2, "type": 12, "title": "a song", "bvid": ""},
    ]
    host = Host(
        lambda path, query: ok(
            {"medias": media if query["pn"] == "1" else None, "has_more": query["pn"] == "1"}
        )
    )
    source, client = source_of(f"favourites:{argument}"), connect(host)
    page = source.page(1, client)
    assert host.asked == [
        ("/x/v3/fav/resource/list", {"media_id": "3", "pn": "1", "ps": "20", "platform": "web"})
    ]
    assert [(record.bvid, record.mid, record.owner) for record in page.records] == [(bvid(1), 5, "n")]
    assert (page.last, len(page.skipped)) == (False, 1)
    assert source.page(2, client).last
    with pytest.raises(InputError, match=r"favourites:3: .*-403"):
        source.page(1, connect(Host(lambda path, query: says(-403))))


@pytest.mark.parametrize("text", ["uploader:me", "uploader:", "uploader:0", "favourites:all", "collection:x"])
def test_a_number_is_needed(text: str) -> None:
    with pytest.raises(SettingsError, match=r"crawl\.sources"):
        source_of(text)


def test_there_is_no_keyword_search() -> None:
    with pytest.raises(SettingsError, match="signature"):
        source_of("search:dance")


def test_a_short_link_is_opened_once_as_it_was_given(connect: Connect, tmp_path: Path) -> None:
    file = tmp_path / "ids.txt"
    file.write_text(f"https://b23.tv/abc1234\nb23.tv/{bvid(2)}\nav2\nb23.tv/none\n")
    host = Host(lambda path, query: (302 if path == "/abc1234" else 404, b""))
    host.reply_headers = {"Location": f"https://www.bilibili.com/video/{bvid(1)}?share_tag=s"}

    def forget(n: int) -> None:
        if n == 2:
            host.reply_headers = {}

    host.before = forget
    page = source_of(f"ids:{file}").page(1, connect(host))
    assert [record.bvid for record in page.records] == [bvid(1), bvid(2), "BV1xx411c7mD"]
    assert [path for path, _ in host.asked] == ["/abc1234", "/none"]
    assert page.skipped == (f"ids:{file}: https://b23.tv/none leads to no video",)
