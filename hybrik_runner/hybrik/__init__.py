"""HybrIK inference: HRNet-W48 or ResNet-34, the heads, and inverse kinematics on the SMPL body, all of it
batched.

Written from Li et al., "HybrIK: A Hybrid Analytical-Neural Inverse Kinematics Solution for 3D Human Pose and
Shape Estimation" (CVPR 2021), Sun et al., "Deep High-Resolution Representation Learning for Human Pose
Estimation" (CVPR 2019), and Loper et al., "SMPL" (SIGGRAPH Asia 2015). Loads the released checkpoint
unchanged.
"""
