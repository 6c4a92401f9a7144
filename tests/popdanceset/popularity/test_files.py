import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from popdanceset.popularity.files import as_counts


@given(st.lists(st.none() | st.integers(-(2**62), 2**62) | st.text(max_size=8)))
def test_text_is_a_count_or_nothing(values: list[object]) -> None:
    texts = [None if v is None else str(v).encode("utf-8", "replace").decode() for v in values]
    result = as_counts(pa.chunked_array([pa.array(texts, pa.string())])).to_pylist()
    for value, count in zip(values, result, strict=True):
        if isinstance(value, int):
            assert count == (value if 0 <= value < 10**18 else None)
        else:
            assert count is None or count == int(float(str(value)))


@given(st.lists(st.none() | st.floats() | st.integers(0, 2**53 - 1).map(float)))
def test_floats_are_counts_if_they_are_whole(values: list[float | None]) -> None:
    result = as_counts(pa.chunked_array([pa.array(values, pa.float64())])).to_pylist()
    for value, count in zip(values, result, strict=True):
        whole = value is not None and 0 <= value < 2**53 and value == int(value)
        assert count == (int(value) if whole else None)  # type: ignore[arg-type]
