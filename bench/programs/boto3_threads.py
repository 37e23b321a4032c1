"""A deployment as it is written in an afternoon: boto3 and threads.

Arguments: retry mode, functions, threads. Says how many arrived: what was throttled for too long is lost.
"""

import io
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

mode, functions, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
made = io.BytesIO()
with zipfile.ZipFile(made, "w") as archive:
    archive.writestr("index.py", f"def handler(event, context):\n    return {time.time_ns()}\n")
config = Config(max_pool_connections=threads, **({} if mode == "default" else {"retries": {"mode": mode}}))  # type: ignore[arg-type]
api: Any = boto3.client("lambda", config=config)


def move(name: str) -> bool:
    try:
        api.update_function_code(FunctionName=name, ZipFile=made.getvalue())
        api.get_waiter("function_updated_v2").wait(FunctionName=name)
        version = api.publish_version(FunctionName=name)["Version"]
        api.update_alias(FunctionName=name, Name="live", FunctionVersion=version)
    except (BotoCoreError, ClientError):
        return False
    return True


with ThreadPoolExecutor(threads) as pool:
    moved = sum(pool.map(move, [f"f{number}" for number in range(functions)]))
print(f"moved {moved} of {functions}, {functions - moved} lost")
