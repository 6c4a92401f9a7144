"""Distillation: a trained POPDG that dances in 1 to 4 steps, by multistep consistency.

The method is that of Heek, Hoogeboom and Salimans, "Multistep Consistency Models" (arXiv 2403.06807, 2024),
for a network that predicts the clean dance. The way from noise to dance has as many segments as the distilled
network, the student, will make steps. On each segment it learns a consistency function: from every point of a
path of the trained network, the teacher, to the end of the segment. The paths are those of DDIM without fresh
noise, and the teacher's guidance is part of them, so the student needs one prediction a step, not two.

    teacher = load_trained(Path("runs/popdg"))
    kind, objective = Distillation(teacher), distillation_objective(teacher, steps=4)
    windows = DanceWindows(release, "train", window, scaler=teacher.scaler, music_scaler=teacher.music_scaler)
    Trainer(windows, kind.sizes, objective, recipe, folder, kind=kind).run()

`popdanceset train --distil CHECKPOINT --sampling-steps 4` does this. The trainer, its checkpoints, its moving
average and the way it continues after an interruption are those of any training.
"""
