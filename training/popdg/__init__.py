"""POPDG: network, diffusion, losses and samplers (Luo et al., CVPR 2024), in separate modules.

Network and its presets:

    preset = PRESETS["paper"]                                  # config: .model, .objective; or "released"
    config = replace(preset.model, music_dim=35)               # ablate(config, ["alignment"]) for Tables 3, 4
    model = POPDG(config)                                      # model
    model, scaler = load_released(Path("train-2000.pt"))       # released: a checkpoint of the authors' code

A training step. `network` is the model or a wrapper of it (DDP, FSDP, compile): each pass calls its
`forward`, so wrappers see every pass, and every parameter receives a gradient. FSDP must wrap the network as
a whole, because `condition` uses the cross-attention of the blocks. Under autocast the loss keeps the
precision of the motion.

    schedule = cosine_schedule()                               # schedule
    chance = draw(preset.objective, schedule, batch["motion"]) # losses: timesteps, noise, music dropped
    loss = training_loss(network, schedule, preset.objective, batch["motion"], batch["music"], chance, scaler)
    loss.total.backward()                                      # loss.parts: the weighted parts by name

Sampling. Whatever depends on the music alone is computed once, by `GuidedDenoiser`.

    timesteps = even_timesteps(50)                             # 15 for dpm_solver
    denoise = GuidedDenoiser(model.eval(), music, 2.0)         # guidance; music (batch, window, music_dim)
    noise = own_noise(seeds)                                   # sampler: one seed for each sample
    x_t = noise(music.new_empty(len(music), config.window, 156))
    dance = ddim(denoise, x_t, schedule=schedule, timesteps=timesteps, eta=1.0, noise=noise)

    dpm_solver(denoise, x_t, schedule=schedule, timesteps=even_timesteps(15))
    ancestral(denoise, x_t, schedule=schedule, timesteps=even_timesteps(1000), noise=noise)

Physical guidance wraps a denoiser, so any sampler and `long_dance` take it.

    denoise = PhysicalGuidance(                                # physical_guidance
        denoise, Physics(("feet", "floor", "body")), schedule=schedule, timesteps=timesteps, scaler=scaler
    )

Given parts are put in by a hook, which any sampler accepts; so is the overlap of long dances, which
`long_dance` handles.

    hook = start_given(known, config.window).hook(schedule, noise)     # editing
    ddim(..., hook=hook)

    windows = music_windows(features, config.window)           # long: (frames, music_dim), any length
    blocks = long_dance(
        windows.split(8),
        lambda music: GuidedDenoiser(model, music, guidance_ramp(timesteps, 2.0)),
        partial(ddim, schedule=schedule, timesteps=timesteps),
        seed=0,
    )
    for motion in stitched(scaler.unscale(window) for block in blocks for window in block):
        ...                                                    # stitch: frames as soon as they are final

A long dance may be longer than the music: cut it to `len(features)`. Sample under `torch.inference_mode()`.
`python -m training.popdg.check FOLDER` compares network, diffusion and losses with values recorded from the
released code.
"""
