"""Bailando: codes of poses, continued to music by a GPT that an actor-critic improves (CVPR 2022).

    preset = PRESETS["ours"]                                   # config: sizes, stages of training, reward
    vqvae = MotionVqVae(preset.model.vqvae)                    # vqvae; load_released_vqvae(path) in released
    both = vqvae.reconstruct(motion)
    stage_one_loss(both, motion, 0.02).total.backward()        # reconstruction_losses: stage 1, then 2
    codes = vqvae.eval().encode(motion)                        # motion (batch, frames, 72): representation

    gpt = DanceGpt(preset.model.gpt)                           # gpt; load_released_gpt(path) in released
    next_code_loss(gpt(codes, music), targets).backward()      # stage 3; stage 4 is in actor_critic, reward
    danced = continue_codes(gpt.eval(), start, music)          # decoding
    joints = decode(vqvae.decode(danced))                      # (batch, frames, 24, 3) metres

On a release, each stage is a run of the common trainer that starts from the one before it:

    popdanceset train --model bailando --release R --out runs/1 --epochs 500
    popdanceset train --model bailando --preset ours-2 --start runs/1 --release R --out runs/2 --epochs 500
    popdanceset train --model bailando --preset ours-3 --start runs/2 --release R --out runs/3 --epochs 400
    popdanceset train --model bailando --preset ours-4 --start runs/3 --release R --out runs/4 --epochs 10
    popdanceset sample --checkpoint runs/4 …

A dance has positions of joints and no rotations: `smpl_poses` of it come from `training.motion`'s inverse
kinematics. It is written from a description of what the public code computes; that code and its weights may
be used for non-commercial purposes only, and neither is part of this project.
"""
