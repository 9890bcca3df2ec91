"""The query's archive in an S3 bucket, from where CloudFormation takes it."""

import hashlib
import sys
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from pipeline.clients.aws import Endpoint, client

FILE = Path(__file__).parent.parent / ".build" / "lambda_query.zip"
"""As `python -m lambda_query.package` makes it."""


def location(bucket: str) -> dict[str, str]:
    """The template's parameters that say where in `bucket` the archive is, or will be.

    Its key has its hash in it, so that new code changes the stack.
    """
    key = f"lambda_query/{hashlib.sha256(FILE.read_bytes()).hexdigest()}.zip"
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return {"CodeBucket": bucket, "CodeKey": key, "QueryRuntime": runtime}


async def upload(bucket: str, endpoint: Endpoint | None = None) -> None:
    """Put the archive into `bucket`, made if missing, at its location."""
    async with client("s3", endpoint) as s3:
        await _make_bucket(s3, bucket)
        await s3.put_object(Bucket=bucket, Key=location(bucket)["CodeKey"], Body=FILE.read_bytes())


async def _make_bucket(s3: Any, bucket: str) -> None:
    try:
        await s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise
        region = s3.meta.region_name
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        await s3.create_bucket(Bucket=bucket, **place)
