"""Which devices torch can calculate on, and whether a named one is among them.

The only module of the library that imports torch, and only when somebody names a device other than the
processor.
"""

from __future__ import annotations

from popdanceset.errors import SettingsError

AUTO = "auto"
CPU = "cpu"


def devices() -> tuple[str, ...]:
    """Returns the devices of this machine by torch's names; the processor is always the first."""
    try:
        import torch
    except ImportError:
        return (CPU,)
    found = [CPU]
    if torch.cuda.is_available():
        found += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    found += [kind for kind in ("mps", "xpu") if _is_available(kind)]
    return tuple(found)


def find_device(name: str | None, setting: str) -> str:
    """Returns the device that a user named, by torch's name.

    Args:
        name: as torch writes it (`cpu`, `cuda`, `cuda:1`, `mps` …); `auto`, empty or None: a GPU if there is
            one, else the processor.
        setting: the setting or option that named it, for the message.

    Raises:
        SettingsError: this machine has no such device, or it does not work. The message lists those it has.
    """
    name = (name or AUTO).strip().lower()
    if name == CPU:
        return CPU
    found = devices()
    if name == AUTO:
        return "cuda" if "cuda:0" in found else CPU
    there = name in found or (name == "cuda" and "cuda:0" in found)
    reason = _failure(name) if there else ""
    if there and not reason:
        return name
    listed = ", ".join(found)
    raise SettingsError(
        f"there is no device {name!r}{reason and f' that works: {reason}'}",
        setting,
        f"this machine has {listed}" + (" and no GPU that torch can use" if found == (CPU,) else ""),
    )


def _is_available(kind: str) -> bool:
    """Whether a device that is the only one of its kind exists; older versions of torch do not know all."""
    import torch

    module = getattr(torch.backends, kind, None) or getattr(torch, kind, None)
    return bool(module is not None and getattr(module, "is_available", lambda: False)())


def _failure(name: str) -> str:
    """Why a device that exists does not work; empty if it does."""
    import torch

    try:
        torch.empty(1, device=torch.device(name))
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        return (str(error).splitlines() or [type(error).__name__])[0]
    return ""
