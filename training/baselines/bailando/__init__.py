"""Bailando: codes of poses, continued to music by a GPT that an actor-critic improves (CVPR 2022).

    preset = PRESETS["ours"]                                   # config: sizes, stages of training, reward
    vqvae = MotionVqVae(preset.vqvae)                          # vqvae; load_released_vqvae(path) in released
    stage_one_loss(vqvae, motion).total.backward()             # reconstruction_losses: stage 1, then 2
    codes = vqvae.eval().encode(motion)                        # motion (batch, frames, 72): representation

    gpt = DanceGpt(preset.gpt)                                 # gpt; load_released_gpt(path) in released
    next_code_loss(gpt(codes, music), targets).backward()      # stage 3; stage 4 is in actor_critic, reward
    danced = continue_codes(gpt.eval(), start, music)          # decoding
    joints = decode(vqvae.decode(danced))                      # (batch, frames, 24, 3) metres

A dance has positions of joints and no rotations: `smpl_poses` of it come from `training.motion`'s inverse
kinematics. It is written from a description of what the public code computes; that code and its weights may
be used for non-commercial purposes only, and neither is part of this project.
"""
