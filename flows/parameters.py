"""Types of flow parameters: Prefect's page shows their meaning and range, and refuses what does not fit.

The meaning of a parameter itself is the line about it in its flow's docstring.
"""

from __future__ import annotations

import copy
import re
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from popdanceset.errors import SettingsError
from popdanceset.settings import Settings

_CREDENTIALS = r"://[^/?\s]*@"
"""What an address with a password or key in it contains."""

_ADDRESSES = ("store", "network.proxy")
"""Settings that can contain one. Prefect stores parameters and shows them, so it must not get there."""

_NO_PARAMETER = "alerts"
"""Settings that a page must not change: they name a program to run and a secret address."""


def _checked(overrides: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings, once each name and value fits and none contains a password."""
    try:
        Settings.load(overrides=overrides)
    except SettingsError as error:
        raise ValueError(str(error)) from error
    if _NO_PARAMETER in overrides:
        raise ValueError(f"setting {_NO_PARAMETER!r} is no parameter (set it in the worker's environment)")
    for name in _ADDRESSES:
        value: Any = overrides
        for key in name.split("."):
            value = value.get(key, "") if isinstance(value, dict) else ""
        if re.search(_CREDENTIALS, str(value)):
            raise ValueError(
                f"setting {name!r} contains a password, which Prefect would store and show (set it in the "
                f"environment of the worker: POPDANCESET_{name.replace('.', '__').upper()})"
            )
    return overrides


class _SchemaOfSettings:
    """The page offers every setting with its meaning; the server refuses those with a password."""

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(Settings.__pydantic_core_schema__))
        schema = copy.deepcopy(schema)
        properties = schema["properties"]
        properties["network"] = copy.deepcopy(handler.resolve_ref_schema(properties["network"]))
        del properties[_NO_PARAMETER]
        for address in properties["store"], properties["network"]["properties"]["proxy"]:
            address["not"] = {"pattern": _CREDENTIALS}
        return schema


Overrides = Annotated[dict[str, Any], AfterValidator(_checked), _SchemaOfSettings()]
"""Settings that differ from the worker's own, as nested plain data."""

ManifestName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
"""Name or folder of a manifest, or `store:NAME`."""

Hours = Annotated[float, Field(ge=0, le=24 * 365)]

Deployment = Annotated[str, Field(pattern=r"^([^/\s]+/[^/\s]+)?$")]
"""`flow/deployment`; empty: none."""


class RunOn(BaseModel):
    """The deployment that runs each stage; empty: the stage runs in this run, on this worker."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    NEED_MANIFEST: ClassVar = ("select", "acquire", "publish")

    crawl: Deployment = Field("", description="deployment of flow crawl, e.g. crawl/daily")
    select: Deployment = Field("", description="deployment of flow select, e.g. select/select")
    acquire: Deployment = Field("", description="deployment of flow acquire, e.g. acquire/acquire")
    extract: Deployment = Field("", description="deployment of flow extract, e.g. extract/gpu")
    features: Deployment = Field("", description="deployment of flow features, e.g. features/features")
    publish: Deployment = Field("", description="deployment of flow publish, e.g. publish/release")
