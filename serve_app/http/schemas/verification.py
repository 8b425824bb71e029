"""The body of a verification's answer."""

from typing import Literal, Self

from pydantic import BaseModel, Field

from serve_app.http.schemas.provenance import ExecutionBody
from serve_app.services.verification import PASSING_PSNR_DB, Verdict


class DifferenceBody(BaseModel):
    """Something about the execution that is not as it was; of the versions, those that differ."""

    field: Literal["strict", "device", "dtype", "versions"]
    then: str
    now: str


class VerificationBody(BaseModel):
    """What running an asset's spec again showed."""

    object: Literal["asset.verification"] = "asset.verification"
    asset_id: str
    method: Literal["sha256", "psnr"] = Field(
        description="sha256: made in strict mode and run again on the same execution; psnr: all else"
    )
    passed: bool = Field(description=f"the digests are equal; with psnr: at least {PASSING_PSNR_DB:g} dB")
    identical: bool = Field(description="all pixels are equal")
    sha256_expected: str
    sha256_actual: str
    psnr_db: float | None = Field(description="how near the pixels are; null when they are identical")
    execution_then: ExecutionBody | None
    execution_now: ExecutionBody | None
    differences: list[DifferenceBody]

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """The body of `verdict`."""
        return cls(
            asset_id=verdict.asset_id,
            method=verdict.method,
            passed=verdict.passed,
            identical=verdict.identical,
            sha256_expected=verdict.sha256_expected,
            sha256_actual=verdict.sha256_actual,
            psnr_db=verdict.psnr_db,
            execution_then=ExecutionBody.of(verdict.execution_then),
            execution_now=ExecutionBody.of(verdict.execution_now),
            differences=[
                DifferenceBody(field=each.field, then=each.then, now=each.now) for each in verdict.differences
            ],
        )
