"""One tree of errors. Each room raises these; `serve_app` maps them to HTTP in one place.

Errors cross process borders (engine replica to ingress), so they are made of a message and keyword fields only
and survive pickling with all of them.
"""

from typing import Any, ClassVar, Literal

RefusalReason = Literal["nonce_too_low", "underpriced", "insufficient_funds", "other"]
"""`nonce_too_low`: its nonce is used. `underpriced`: the fees are too low, or too little above those of the transaction
that it would replace. `insufficient_funds`: the sender cannot pay for it."""


class GitexError(Exception):
    """Something went wrong that a caller may want to tell apart. `code` is stable and documented."""

    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.__dict__)


def _rebuild(kind: type[GitexError], message: str, fields: dict[str, Any]) -> GitexError:
    error = kind.__new__(kind, message)
    Exception.__init__(error, message)
    error.__dict__.update(fields)
    return error


class InvalidInput(GitexError):
    """The caller asked for something that cannot be done; `param` names the field."""

    code = "invalid_value"


class PromptTooLong(InvalidInput):
    """More tokens or characters than the model takes."""

    code = "prompt_too_long"


class ContentRefused(GitexError):
    """The safety checker refuses the prompt or the picture. `category` says what for."""

    code = "content_policy_violation"

    def __init__(self, message: str, *, category: str, param: str | None = None) -> None:
        super().__init__(message, param=param)
        self.category = category


class TooLarge(GitexError):
    """The request body is over the limit."""

    code = "request_too_large"


class Unauthorized(GitexError):
    """No credential, or a wrong one."""

    code = "invalid_api_key"


class NotFound(GitexError):
    """There is no such thing, or the caller may not see it."""

    code = "not_found"


class ModelNotFound(NotFound):
    """No variant of that name is served."""

    code = "model_not_found"


class AssetNotFound(NotFound):
    """No asset of that id is stored."""

    code = "asset_not_found"


class AssetDeleted(AssetNotFound):
    """There was such an asset; a tombstone is left."""

    code = "asset_deleted"


class Conflict(GitexError):
    """Something else stands in the way: the name is taken."""

    code = "conflict"


class Overloaded(GitexError):
    """A bounded queue is full. `retry_after` in seconds."""

    code = "queue_full"

    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DeadlineExceeded(GitexError):
    """The work did not end before the caller's or the service's deadline."""

    code = "deadline_exceeded"


class Unavailable(GitexError):
    """A part that is needed is starting, stopping or gone; trying again later may help."""

    code = "unavailable"


class StorageFull(Unavailable):
    """The disk or bucket has no room for the bytes; nothing was half-written."""

    code = "storage_full"


class InsufficientFunds(Unavailable):
    """An outside service wants to be paid first; it works again once its account is filled up."""

    code = "insufficient_funds"


class WrongChain(Unavailable):
    """The node is on another chain than the one that the settings name. Nothing is signed for it."""

    code = "wrong_chain"


class Reverted(GitexError):
    """A contract refuses a call. `error` is the name of its custom error, empty if it gave none that we know."""

    code = "contract_reverted"

    def __init__(self, message: str, *, error: str = "") -> None:
        super().__init__(message)
        self.error = error


class TransactionRefused(GitexError):
    """A node does not take a signed transaction; `why` says what stands in the way."""

    code = "transaction_refused"

    def __init__(self, message: str, *, why: RefusalReason) -> None:
        super().__init__(message)
        self.why = why


class CorruptBlob(AssetNotFound):
    """Stored bytes are no longer the ones that were stored. They are never served."""

    code = "corrupt_blob"


class CidMismatch(GitexError):
    """A node names other content than the one it was given, or gives other bytes than were asked for."""

    code = "cid_mismatch"


class EngineFailure(GitexError):
    """The engine broke on this request."""

    code = "engine_failure"


class OutOfMemory(EngineFailure):
    """The request does not fit into the device's memory even alone."""

    code = "out_of_memory"


class WeightsMismatch(GitexError):
    """Weights are not the ones that were asked for: by the catalog, or by an asset that is verified."""

    code = "weights_mismatch"


class SettingsError(GitexError):
    """A setting cannot be used; `param` is its name."""

    code = "bad_setting"
