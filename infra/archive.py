"""The query's archive in an S3 bucket, from where CloudFormation takes it."""

import hashlib
import sys
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from pipeline.aws import Endpoint, client

FILE = Path(__file__).parent.parent / ".build" / "lambda_query.zip"
"""As `python -m lambda_query.package` makes it."""


async def upload(bucket: str, endpoint: Endpoint | None = None) -> dict[str, str]:
    """Put the archive into `bucket`, made if missing; the template's parameters that say where it is.

    Its key has its hash in it, so that new code changes the stack.
    """
    body = FILE.read_bytes()
    key = f"lambda_query/{hashlib.sha256(body).hexdigest()}.zip"
    async with client("s3", endpoint) as s3:
        await _make_bucket(s3, bucket)
        await s3.put_object(Bucket=bucket, Key=key, Body=body)
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return {"CodeBucket": bucket, "CodeKey": key, "QueryRuntime": runtime}


async def _make_bucket(s3: Any, bucket: str) -> None:
    try:
        await s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise
        region = s3.meta.region_name
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        await s3.create_bucket(Bucket=bucket, **place)
