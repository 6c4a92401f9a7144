"""EDGE: editable dance generation from music (Tseng et al., CVPR 2023).

POPDG was derived from it, so most of it is POPDG's: the transformer without DS- and MF-attention, with FiLM
in place of the alignment modules; schedule, samplers, long dances and editing. Its own are the order of its
151 channels, its loss, and the plain DDPM variance of its ancestral sampling.

    popdanceset train --model edge --release R --out runs/edge --epochs 2000     (--preset released)
    popdanceset sample --model edge --released --checkpoint checkpoint.pt --music song.mp3 --out out/edge

In Python, with the parts of `training.popdg`:

    model = EDGE(PRESETS["ours"].model)                        # model, config
    model, scaler = load_released(Path("checkpoint.pt"))       # released: a checkpoint of the authors' code
    denoise = GuidedDenoiser(model.eval(), music, 2.0)
    ddim(denoise, x_t, schedule=schedule, timesteps=even_timesteps(50))
    ancestral(denoise, x_t, schedule=schedule, timesteps=even_timesteps(1000), reverse=posterior)

`python -m training.baselines.edge.check FOLDER` compares it with values recorded from the authors' code.

Faults of that code that are not copied: gradients that are not synchronised between processes, music features
of another kind than asked for, a crash where the music is shorter than asked.
"""
