from .network import HRNetSMPLCam as HRNetSMPLCam
