"""Distillation: a trained POPDG that dances in 1 to 4 steps.

The way from noise to dance has as many segments as the distilled network, the student, will make steps. On
each it learns to jump where the trained network, the teacher, gets in many steps of DDIM without fresh noise.
The teacher's guidance is part of its way, so the student needs one prediction a step, not two. This is
progressive distillation (Salimans and Ho, arXiv 2202.00512, 2022) in a single training. Multistep consistency
(Heek et al., arXiv 2403.06807, 2024) is cheaper, but puts the student's own errors into its targets: after
300 steps of training it was hardly nearer to the teacher than the teacher itself with as few steps.

    teacher = load_trained(Path("runs/popdg"))
    kind, objective = Distillation(teacher), distillation_objective(teacher, steps=4)
    windows = DanceWindows(release, "train", window, scaler=teacher.scaler, music_scaler=teacher.music_scaler)
    Trainer(windows, kind.sizes, objective, recipe, folder, kind=kind).run()

`popdanceset train --distil CHECKPOINT --sampling-steps 4` does this. The trainer, its checkpoints, its moving
average and the way it continues after an interruption are those of any training.
"""
