"""What NFT marketplaces read of a token's metadata: ERC-721's fields and OpenSea's attributes, as JSON Schema."""

from jsonschema import Draft202012Validator

_TEXT_TRAIT = {"properties": {"value": {"type": "string"}}, "not": {"required": ["display_type"]}}
_NUMBER_TRAIT = {
    "properties": {
        "value": {"type": "number"},
        "display_type": {"enum": ["number", "boost_number", "boost_percentage"]},
    },
    "required": ["display_type"],
}
_DATE_TRAIT = {
    "properties": {"value": {"type": "integer"}, "display_type": {"const": "date"}},
    "required": ["display_type"],
}
MARKETPLACE = Draft202012Validator(
    {
        "type": "object",
        "required": ["name", "description", "image", "attributes", "gitex"],
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "description": {"type": "string"},
            "image": {"type": "string", "pattern": "^ipfs://b[a-z2-7]+$"},
            "external_url": {"type": "string", "pattern": "^https?://"},
            "attributes": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["trait_type", "value"],
                    "propertyNames": {"enum": ["trait_type", "value", "display_type"]},
                    "properties": {"trait_type": {"type": "string", "minLength": 1}},
                    "oneOf": [_TEXT_TRAIT, _NUMBER_TRAIT, _DATE_TRAIT],
                },
            },
            "gitex": {"type": "object"},
        },
    }
)
