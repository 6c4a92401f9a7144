"""Running estimators over clips: one file, the clips of a store, several devices.

waiting         `extract_waiting`: what `popdanceset extract` and the flow do
runner          clips of a store, one at a time on each of several workers
devices         a worker process for each device
pipeline        decoding, tracking and network side by side
batching        how large a batch may be
claims          which worker does which clip
single_file     one video file and a report on it
"""
