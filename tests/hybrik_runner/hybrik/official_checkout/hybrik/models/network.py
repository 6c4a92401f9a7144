"""Our network behind the official interface: files by relative names, official names and shapes."""

import pickle
from types import SimpleNamespace

import numpy as np
import torch

from hybrik_runner.check import named
from hybrik_runner.hybrik.network import HybrIK
from hybrik_runner.hybrik.smpl_file import SmplFile

from .builder import REGISTERED

SHAPES = {"pred_phi": (23, 2), "maxvals": (29, 1), "pred_sigma": (29, 1), "scores": (29, 1)}


class HRNetSMPLCam(HybrIK):
    off = 0.0
    """Metres by which `transl` is wrong, for a test."""

    def __init__(self, **kwargs):
        with open(f"./hybrik/models/layers/hrnet/w{kwargs['HRNET_TYPE']}.yaml") as file:
            assert "MODEL" in file.read()
        with open("./model_files/basicModel_neutral_lbs_10_207_0_v1.0.0.pkl", "rb") as file:
            body = SimpleNamespace(**pickle.load(file, encoding="latin1"))  # noqa: S301
        assert body.kintree_table[0, 1:].tolist()[:3] == [0, 0, 0]
        super().__init__(
            SmplFile(
                v_template=body.v_template,
                shapedirs=body.shapedirs,
                posedirs=body.posedirs,
                J_regressor=body.J_regressor,
                weights=body.weights,
                faces=body.f.astype(np.int64),
                J_regressor_h36m=np.load("./model_files/J_regressor_h36m.npy"),
                mean_shape=np.load("./model_files/h36m_mean_beta.npy"),
            ),
            published=True,
        )
        self.built = {name: value.clone() for name, value in self.state_dict().items() if "smpl" in name}

    def forward(self, x, flip_test=False, **kwargs):
        result = super().forward(x, **kwargs, flip=flip_test)
        seen = {
            name: value.reshape(len(x), *SHAPES.get(name, (-1,)))
            for name, (value, _) in named(result).items()
        }
        seen["pred_vertices"] = result.vertices
        seen["transl"] = seen["transl"] + torch.tensor(self.off)
        return seen


REGISTERED["HRNetSMPLCam"] = HRNetSMPLCam
