"""What the errors of contracts mean to who meets them: a minter, a redeemer, a staker, a payer, a deployer or a voter.

In the fields, `:gtx` writes a number of the token's smallest units as GTX, `:wei` one as native coins, `:time` one of
Unix seconds as a moment, `:%` one of basis points as a percentage.
"""

WORDS = {
    # minting
    "GitexNFT__AlreadyMinted": "this asset has its token already",
    "GitexNFT__BatchSize": "a batch has 1 to 64 mints, not {size}",
    "GitexNFT__PromptSize": "the prompt history has {size} bytes; the contract takes 1 to 16384",
    "GitexNFT__RoyaltyTooHigh": "a royalty of {royaltyBps:%} is over the contract's limit",
    "GitexNFT__UnknownCodec": "the metadata's CID has the codec {codec}; the contract knows raw and dag-pb",
    "GitexNFT__ZeroAddress": "an address is missing where the contract needs one",
    "GitexNFT__ZeroDigest": "a digest is missing where the contract needs one",
    "ERC721InvalidReceiver": "{receiver} does not take tokens: it is a contract that refuses them, or no address",
    "EnforcedPause": "the contract is paused",
    "ExpectedPause": "the contract is not paused",
    "AccessControlUnauthorizedAccount": "{account} may not do this: it does not have the role {neededRole}",
    # vouchers
    "GitexNFT__NotTheCreator": "only {creator} may redeem this voucher, not {caller}",
    "GitexNFT__PaymentRefused": "{feeReceiver}, which vouchers are paid to, does not take the price",
    "GitexNFT__VoucherExpired": "the voucher was good until {deadline:time}",
    "GitexNFT__VoucherUsed": "the voucher was redeemed or cancelled",
    "GitexNFT__WrongPrice": "the voucher costs {price:wei} of the chain's coin, and {sent:wei} was sent",
    "GitexNFT__WrongSignature": "{signer} has not signed this voucher, or may not sign any",
    # tokens
    "ERC721NonexistentToken": "there is no token {tokenId}",
    "ERC721IncorrectOwner": "token {tokenId} is {owner}'s, not {sender}'s",
    "ERC721InsufficientApproval": "{operator} may not send token {tokenId}",
    # staking, and GTX
    "GTX__AmountLocked": "of the GTX of {holder} only {free:gtx} are free, not {amount:gtx}",
    "GTX__AmountNotStaked": "only {staked:gtx} GTX are staked, not {amount:gtx}",
    "GTX__NothingToRelease": "nothing can be released yet: {releaseAt:release}",
    "GTX__RewardsTooSmall": "{amount:gtx} GTX would slow down the rewards that are being handed out",
    "GTX__StakingTimeOutOfBounds": "a time of {time} seconds is outside the contract's bounds",
    "GTX__TierNotAllowed": "tier {tier} (from 0) has a minimum, a discount or features that the rules do not allow",
    "GTX__TooManyTiers": "{tiers} tiers are more than the contract takes",
    "GTX__ZeroAmount": "the amount must not be zero",
    "ERC20InsufficientBalance": "{sender} has {balance:gtx} GTX, and {needed:gtx} are needed",
    "ERC20InsufficientAllowance": "{spender} may take {allowance:gtx} GTX, and {needed:gtx} are needed",
    "ERC20ExceededCap": "{increasedSupply:gtx} GTX would be over the cap of {cap:gtx}",
    "ERC20InvalidReceiver": "{receiver} cannot be sent GTX",
    "ERC2612ExpiredSignature": "the permit was good until {deadline:time}",
    "ERC2612InvalidSigner": "the permit is signed by {signer}, not by {owner}",
    "InvalidAccountNonce": "the signature is for another nonce: {account} is at {currentNonce}",
    # buying credits
    "FeeVault__AssetNotTaken": "{asset} does not buy credits now",
    "FeeVault__NoAccount": "the account to credit is missing",
    "FeeVault__NothingToPay": "there is nothing to pay out",
    "FeeVault__PaymentRefused": "{receiver} does not take the payment",
    "FeeVault__ShareTooHigh": "a share of {shareBps:%} is over 100 %",
    "FeeVault__TooMuch": "only {available} units are there to take out, not {amount}",
    "FeeVault__TooSmall": "{amount} units do not buy one credit",
    "FeeVault__ZeroAddress": "an address is missing where the contract needs one",
    "SafeERC20FailedOperation": "the token {token} does not do what it was asked for",
    # deployment and upgrades
    "InvalidInitialization": "the contract is set up already",
    "NotInitializing": "this is allowed only while the contract is set up",
    "AddressEmptyCode": "there is no contract at {target}",
    "ERC1967InvalidImplementation": "there is no contract at {implementation} to upgrade to",
    "ERC1967ProxyUninitialized": "a proxy is not made without the call that sets its contract up",
    "ERC1967NonPayable": "an upgrade takes no coins",
    "UUPSUnauthorizedCallContext": "an upgrade goes through the proxy, not through the implementation",
    "UUPSUnsupportedProxiableUUID": "the new implementation is not one that can be upgraded to",
    "AccessControlInvalidDefaultAdmin": "{defaultAdmin} cannot be the admin",
    "FailedCall": "a call that the contract made has failed",
    # governance
    "GovernorAlreadyCastVote": "{voter} has voted already",
    "GovernorAlreadyQueuedProposal": "the proposal is queued already",
    "GovernorInsufficientProposerVotes": "{proposer} has {votes:gtx} votes, and a proposal needs {threshold:gtx}",
    "GovernorNonexistentProposal": "there is no proposal {proposalId}",
    "GovernorUnexpectedProposalState": "proposal {proposalId} is {current:proposal}, which does not allow this",
    "TimelockInsufficientDelay": "a delay of {delay} seconds is under the timelock's {minDelay}",
    "TimelockUnauthorizedCaller": "{caller} may not call the timelock",
    "TimelockUnexpectedOperationState": "operation {operationId} is not ready, or done already",
}

PANICS = {
    0x01: "an assertion does not hold",
    0x11: "a number overflows",
    0x12: "a division by zero",
    0x21: "a number that is no value of its enumeration",
    0x22: "stored bytes are coded wrongly",
    0x31: "something is taken from an empty list",
    0x32: "a list has no such place",
    0x41: "too much memory is asked for",
    0x51: "a function that was never set is called",
}

PROPOSAL_STATES = ("pending", "active", "cancelled", "defeated", "succeeded", "queued", "expired", "executed")
"""OpenZeppelin's `IGovernor.ProposalState`, in its order."""
