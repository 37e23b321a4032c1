"""Configuration of users with its history, and feature flags for progressive delivery."""

from functools import partial

from common.errors import NotFound, VersionConflict
from common.routes import Route
from config_service.schema import (
    ConfigResponse,
    EvaluationQuery,
    EvaluationResponse,
    FlagPath,
    FlagResponse,
    HistoryQuery,
    HistoryResponse,
    PatchConfig,
    PutConfig,
    PutFlag,
    UserPath,
    VersionQuery,
)

CONFIG, FLAG = "/config/{userId}", "/flags/{flag}"
_config = partial(Route, path=CONFIG, path_parameters=UserPath)
_flag = partial(Route, path=FLAG, path_parameters=FlagPath)

ROUTES = (
    _config(
        operation="getConfig",
        method="GET",
        summary="The configuration of a user",
        answer=ConfigResponse,
        refusals=(NotFound,),
    ),
    _config(
        operation="putConfig",
        method="PUT",
        summary="Create or replace the configuration, if nobody has changed the version that was read",
        body=PutConfig,
        answer=ConfigResponse,
        refusals=(VersionConflict,),
    ),
    _config(
        operation="patchConfig",
        method="PATCH",
        summary="Change some settings, if nobody has changed the version that was read",
        body=PatchConfig,
        answer=ConfigResponse,
        refusals=(NotFound, VersionConflict),
    ),
    _config(
        operation="deleteConfig",
        method="DELETE",
        summary="Delete the configuration, if nobody has changed the version that was read",
        query=VersionQuery,
        status=204,
        refusals=(NotFound, VersionConflict),
    ),
    _config(
        operation="getConfigHistory",
        method="GET",
        path=f"{CONFIG}/history",
        summary="What the configuration was, the newest change first",
        query=HistoryQuery,
        answer=HistoryResponse,
    ),
    _flag(
        operation="getFlag",
        method="GET",
        summary="The rules of a feature flag",
        answer=FlagResponse,
        refusals=(NotFound,),
    ),
    _flag(
        operation="putFlag",
        method="PUT",
        summary="Create or replace a flag, if nobody has changed the version that was read",
        body=PutFlag,
        answer=FlagResponse,
        refusals=(VersionConflict,),
    ),
    _flag(
        operation="deleteFlag",
        method="DELETE",
        summary="Delete a flag, if nobody has changed the version that was read",
        query=VersionQuery,
        status=204,
        refusals=(NotFound, VersionConflict),
    ),
    _flag(
        operation="evaluateFlag",
        method="GET",
        path=f"{FLAG}/evaluation",
        summary="Whether a flag is on for a user, and why",
        query=EvaluationQuery,
        answer=EvaluationResponse,
        refusals=(NotFound,),
    ),
)
