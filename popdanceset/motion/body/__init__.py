"""A body of capsules round the SMPL skeleton: to draw it, and to measure where it penetrates itself.

    capsules           which capsules there are, where they lie between the joints, and how thick they are
    segments           distances of line segments
    self_penetration   how deep limbs are in each other
    shading            draws the body, seen by a camera

It needs joint positions only, so it fits motions of any source; the size of the body follows from its bones.
"""
