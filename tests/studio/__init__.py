"""The studio where the offline simulator's films are made: rendered dancers, synthesised music, known truth.

    music    pieces of music from numpy alone; beats at exactly known times
    motion   dance phrases from motion capture, set to seconds
    casting  dressed bodies that perform the motion
    stage    rooms, cameras, camera shake; draws the frames
    film     pictures and sound into one mp4
    pack     which films there are
    index    what is true of each film, beside the films

Run as `python -m tests.studio FOLDER`. Rendering needs the packages anny, torch, pybullet and
pyvista, which are no dependencies of the project, since the finished films are shipped with it; music and
index do without.
"""

INSTALL = "pip install anny torch pybullet pyvista"
"""What rendering needs."""
