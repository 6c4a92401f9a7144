"""From what an estimator saw to the rows of a pose table and the verdict on them. NumPy only.

camera                  the camera model
one_euro, smoothing     filters in time
hypotheses, labelling   left and right over the whole clip: the likeliest sequence of labels
fitting/                all frames of a clip fitted to their keypoints at once (`pose.fitting`)
table                   all of it put together, with `popdanceset.motion`: its forward kinematics, resampling
                        to 30 fps, floor and jitter also serve imported motions
verdict                 whether poses are fit for a release
"""
