"""FACT, the full-attention cross-modal transformer (Li et al., "AI Choreographer", ICCV 2021).

    preset = PRESETS["ours"]                                   # config: sizes, frame rate, learning rates
    model = FACT(preset.model)                                 # model
    model = load_released(Path("fact.npz"))                    # released: the authors' weights
    loss = prediction_loss(model(motion, audio), target)       # losses
    optimizer = KerasAdam(model.parameters(), preset.learning_rate_at(0))
    frames = dance(model.eval(), seed, audio)                  # dancing: from two seconds of motion
    motion = decode(frames)                                    # representation: SMPL rotations and positions

The network sees 120 frames of motion and 240 of music and predicts the motion that follows, frame by frame.
There is no random number in a dance: another seed motion gives another dance.
"""
