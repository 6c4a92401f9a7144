"""From what an estimator saw to the rows of a pose table and the verdict on them. NumPy only.

camera, forward_kinematics      the camera model; joint positions of poses
one_euro, smoothing, resample   filters in time; from the source's frame rate to 30 fps
floor                           where the floor is, and how the feet stand on it
table                           all of it put together
accuracy, verdict               how good poses are, and whether they are fit for a release
"""
