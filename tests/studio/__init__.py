"""The studio where the films of the simulator and of the pose benchmark are made: rendered dancers,
synthesised music, known truth.

    music    pieces of music from numpy alone; beats at exactly known times
    motion   dance phrases from motion capture, set to seconds
    steps    written dances whose feet stand exactly
    casting  dressed bodies that perform the motion
    stage    rooms, cameras, camera shake; draws the frames
    film     encodes frames and audio into an mp4 file
    pack     the list of films
    index    the ground truth of each film
    girths   how thick the body is, for the capsules of `popdanceset.motion.body`
    trial    another list: films by which the pose stage is tuned and judged, with exact truth

Run as `python -m tests.studio FOLDER` in the repository; `--set pose` renders the films on trial. Rendering
needs the packages anny, torch, pybullet and pyvista, which are not dependencies of the project, because the
simulator's finished films are shipped with it; music, steps and index do not need them.
"""

INSTALL = "pip install anny torch pybullet pyvista"
"""Installs what rendering needs."""
