"""Files of SMPL's layout, written the old way; and pickles that mean harm."""

import os
import pickle
import sys
import types

import numpy as np
import pytest
import scipy.sparse

from hybrik_runner.hybrik import smpl_file
from popdanceset.errors import AssetError


class Exploit:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.fixture
def chumpy(monkeypatch):
    """Classes under the names of chumpy's, as they were when the file was written."""
    ch, reordering = types.ModuleType("chumpy.ch"), types.ModuleType("chumpy.reordering")
    ch.Ch = type("Ch", (), {"__module__": "chumpy.ch"})
    ch.MatVecMult = type("MatVecMult", (ch.Ch,), {"__module__": "chumpy.ch"})
    reordering.Select = type("Select", (ch.Ch,), {"__module__": "chumpy.reordering"})
    for name, module in (
        ("chumpy", types.ModuleType("chumpy")),
        (ch.__name__, ch),
        (reordering.__name__, reordering),
    ):
        monkeypatch.setitem(sys.modules, name, module)

    def make(kind, **state):
        made = getattr(reordering if kind == "Select" else ch, kind)()
        made.__dict__.update(state)
        return made

    return make


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_chumpy_and_sparse_arrays_are_decoded(tmp_path, chumpy, protocol):
    values = np.arange(12.0).reshape(3, 4)
    sparse = np.array([[0, 1.5, 0], [2, 0, 0], [0, 0, 0], [0, -1, 4]])
    inner = chumpy("Ch", x=values, _dirty_vars={"x"}, _itr=None)
    content = {
        "plain": np.asfortranarray(values),
        "swapped": values.astype(">f4"),
        "ch": inner,
        "select": chumpy("Select", a=inner, idxs=np.array([5, 0, 11, 2]), preferred_shape=(2, 2)),
        "columns": scipy.sparse.csc_matrix(sparse),
        "rows": scipy.sparse.csr_matrix(sparse),
        "name": "lbs",
    }
    path = tmp_path / "body.pkl"
    path.write_bytes(pickle.dumps(content, protocol))

    arrays = smpl_file.read_arrays(path)

    assert set(arrays) == set(content) - {"name"}
    for name in ("plain", "swapped", "ch"):
        np.testing.assert_array_equal(arrays[name], values)
    np.testing.assert_array_equal(arrays["select"], [[5, 0], [11, 2]])
    np.testing.assert_array_equal(arrays["columns"], sparse)
    np.testing.assert_array_equal(arrays["rows"], sparse)


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
    "harm",
    [
        lambda mark: Exploit(os.system, f"touch {mark}"),
        lambda mark: Exploit(eval, f"open({str(mark)!r}, 'w')"),
        lambda mark: Exploit(getattr, np.ndarray, "tofile"),
        lambda mark: Exploit(np.memmap, str(mark), "u1", "w+", 0, (1,)),
        lambda mark: np.array([Exploit(os.system, f"touch {mark}")], object),
    ],
)
def test_a_pickle_that_names_anything_else_is_refused(tmp_path, harm, protocol):
    mark, path = tmp_path / "harmed", tmp_path / "body.pkl"
    path.write_bytes(pickle.dumps({"v_template": harm(mark)}, protocol))

    with pytest.raises(AssetError, match=r"body\.pkl"):
        smpl_file.read_arrays(path)
    assert not mark.exists()


def test_the_original_files_own_layout(tmp_path, chumpy, body_folder):
    """Chumpy and sparse arrays where the file of 2015 has them, of protocol 2 and latin1, and 300 shapes."""
    content = pickle.loads((body_folder / smpl_file.BODY_FILE).read_bytes())  # noqa: S301 - written here
    plain = {name: np.array(value) for name, value in content.items()}
    wide = np.random.default_rng(1).normal(size=(6890, 3, 12))
    taken = np.arange(wide.size).reshape(wide.shape)[:, :, :10].ravel()
    content |= {
        "shapedirs": chumpy("Select", a=chumpy("Ch", x=wide), idxs=taken, preferred_shape=(6890, 3, 10)),
        "v_template": chumpy("Ch", x=plain["v_template"], _depends_on_deps={}, _cache={}),
        "J_regressor": scipy.sparse.csc_matrix(plain["J_regressor"]),
        "J_regressor_prior": scipy.sparse.csc_matrix(plain["J_regressor"]),
        "weights": np.asfortranarray(plain["weights"]),
        "J": chumpy("MatVecMult", mtx=1, vec=2),
        "bs_style": "lbs",
        "pose_training_info": {"loss": 1.5, "subjects": ["a"]},
        "vert_sym_idxs": np.arange(6890),
    }
    raw = (
        pickle.dumps(content, 2).replace(b"numpy._core", b"numpy.core").replace(b"sparse._csc", b"sparse.csc")
    )
    assert b"cchumpy.reordering\nSelect\n" in raw
    assert b"cscipy.sparse.csc\ncsc_matrix\n" in raw
    (tmp_path / "SMPL_NEUTRAL.pkl").write_bytes(raw)
    for name in (smpl_file.REGRESSOR_FILE, smpl_file.MEAN_SHAPE_FILE):
        (tmp_path / name).write_bytes((body_folder / name).read_bytes())

    body = smpl_file.read(tmp_path)

    np.testing.assert_array_equal(body.shapedirs, wide[..., :10])
    np.testing.assert_array_equal(body.v_template, plain["v_template"])
    np.testing.assert_array_equal(body.J_regressor, plain["J_regressor"])
    np.testing.assert_array_equal(body.weights, plain["weights"])


def test_the_owners_name_comes_before_the_other(tmp_path):
    assert smpl_file.find_body(tmp_path).name == smpl_file.BODY_FILE
    (tmp_path / "SMPL_NEUTRAL.pkl").touch()
    assert smpl_file.find_body(tmp_path).name == "SMPL_NEUTRAL.pkl"
    (tmp_path / smpl_file.BODY_FILE).touch()
    assert smpl_file.find_body(tmp_path).name == smpl_file.BODY_FILE


def test_what_a_pickle_sets_does_not_outlive_it(tmp_path, chumpy, body_folder):
    """Setting a method of a class that is let through spoils nothing for the next file."""
    path = tmp_path / "body.pkl"
    classes = b"\x80\x02cchumpy.ch\nCh\nN}X\x06\x00\x00\x00decodeX\x01\x00\x00\x00xs\x86b."
    path.write_bytes(classes)
    with pytest.raises(AssetError, match="not a SMPL model file"):
        smpl_file.read_arrays(path)
    assert callable(smpl_file._Ch.decode)


def test_arrays_within_themselves_are_refused(tmp_path, chumpy):
    endless = chumpy("Select", idxs=np.zeros(1, int), preferred_shape=None)
    endless.a = endless
    path = tmp_path / "body.pkl"
    path.write_bytes(pickle.dumps({"shapedirs": endless}))

    with pytest.raises(AssetError, match="not a SMPL model file") as error:
        smpl_file.read_arrays(path)
    assert "\n" not in str(error.value)


def test_what_chumpy_has_otherwise_is_not_looked_into(tmp_path, chumpy):
    path = tmp_path / "body.pkl"
    path.write_bytes(pickle.dumps({"a": np.ones(2), "J": chumpy("MatVecMult", mtx=1)}, 2))

    assert list(smpl_file.read_arrays(path, ["a"])) == ["a"]
    with pytest.raises(AssetError, match=r"chumpy\.ch\.MatVecMult cannot be decoded"):
        smpl_file.read_arrays(path)


@pytest.mark.parametrize(
    "content", [b"", b"no pickle", pickle.dumps([1, 2]), pickle.dumps({"a": np.ones(9)})[:-20]]
)
def test_files_that_are_not_models_are_refused(tmp_path, content):
    path = tmp_path / "body.pkl"
    path.write_bytes(content)

    with pytest.raises(AssetError, match="not a SMPL model file"):
        smpl_file.read_arrays(path)


def test_a_folder_is_read(body_folder):
    body = smpl_file.read(body_folder)

    assert body.v_template.shape == (6890, 3)
    assert body.faces.dtype == np.int64
    np.testing.assert_allclose(body.mean_shape, np.linspace(-0.1, 0.1, 10))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.pop("weights"), "lacks weights"),
        (lambda m: m.update(posedirs=np.zeros((6890, 3, 9))), "posedirs"),
        (lambda m: m["v_template"].__setitem__((3, 1), np.nan), "contains NaN"),
        (lambda m: m["kintree_table"].__setitem__((0, 5), 1), "not connected"),
    ],
)
def test_another_body_is_refused(tmp_path, body_folder, change, message):
    content = pickle.loads((body_folder / smpl_file.BODY_FILE).read_bytes())  # noqa: S301 - written here
    change(content)
    (tmp_path / smpl_file.BODY_FILE).write_bytes(pickle.dumps(content))

    with pytest.raises(AssetError, match=message):
        smpl_file.read(tmp_path)


def test_the_message_on_a_missing_file_names_its_source(tmp_path):
    with pytest.raises(AssetError, match=r"smpl\.is\.tue\.mpg\.de"):
        smpl_file.read(tmp_path)
