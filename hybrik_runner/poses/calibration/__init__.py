"""What the room tells of the camera: its focal length and which way is up, from straight lines. NumPy, SciPy
and OpenCV only.

room               the straight lines of what stands still behind the dancer
vanishing_points   the directions that these lines share, and the camera that makes them vertical or level
"""
