import logging

import pyarrow as pa
import pytest

from popdanceset.errors import InputError
from popdanceset.popularity.sample import LONGEST_LIST, founding_sample
from popdanceset.schema import COUNTS
from tests.popdanceset.popularity.conftest import bvid, row, section, table


def test_the_draw_is_the_seeds(dances: pa.Table) -> None:
    sample = founding_sample(dances, 100, seed=3)
    assert len(sample.bvids) == len(set(sample.bvids)) == 100
    assert sample.counts.shape == (100, 7)
    assert founding_sample(dances, 100, seed=3).bvids == sample.bvids
    assert founding_sample(dances, 100, seed=4).bvids != sample.bvids
    assert founding_sample(dances.take(list(reversed(range(400)))), 100, seed=3).bvids == sample.bvids
    by_id = {r["bvid"]: r for r in dances.to_pylist()}
    assert sample.counts[17].tolist() == [by_id[sample.bvids[17]][name] for name in COUNTS]


def test_only_public_videos_with_every_count() -> None:
    videos = table(row(1), row(2, coin=None), row(3, state="gone"), row(4, title=None))
    assert founding_sample(videos, 0, seed=0).bvids == (bvid(1), bvid(4))


def test_too_few_are_all_taken_with_a_warning(dances: pa.Table, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert len(founding_sample(dances, 401, seed=0).bvids) == 400
    assert "using all 400 videos, although 401 were requested" in caplog.text


@pytest.mark.parametrize("videos", [table(), table(row(1, view=None), row(2, state="hidden"))])
def test_an_empty_population_is_reported(videos: pa.Table) -> None:
    with pytest.raises(InputError, match=r"none of \d videos is public .*popdanceset crawl"):
        founding_sample(videos, 100, seed=0)


def test_its_document_tells_ids_and_times(dances: pa.Table) -> None:
    document = founding_sample(dances, 5, seed=0).as_document()
    assert (document["seed"], document["size"], document["population"]) == (0, 5, 400)
    assert document["snapshot"] == {"first": "2026-03-01T00:00:00+00:00", "last": "2026-03-01T00:00:00+00:00"}
    assert len(document["bvids"]) == 5


def test_a_long_list_is_replaced_by_its_checksum() -> None:
    one = section(1)
    many = pa.concat_tables([one] * (LONGEST_LIST + 1)).set_column(
        0, "bvid", pa.array([bvid(i) for i in range(LONGEST_LIST + 1)])
    )
    document = founding_sample(many, 0, seed=0).as_document()
    assert "bvids" not in document
    assert len(document["sha256"]) == 64
