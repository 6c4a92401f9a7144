"""The studio where the offline simulator's films are made: rendered dancers, synthesised music, known truth.

    music    pieces of music from numpy alone; beats at exactly known times
    motion   dance phrases from motion capture, set to seconds
    casting  dressed bodies that perform the motion
    stage    rooms, cameras, camera shake; draws the frames
    film     encodes frames and audio into an mp4 file
    pack     the list of films
    index    the ground truth of each film

Run as `python -m tests.studio FOLDER` in the repository. Rendering needs the packages anny, torch, pybullet
and pyvista, which are not dependencies of the project, because the finished films are shipped with it; music
and index do not need them.
"""

INSTALL = "pip install anny torch pybullet pyvista"
"""Installs what rendering needs."""
