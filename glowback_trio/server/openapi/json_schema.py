"""JSON Schema from annotations: attrs classes and typed dicts become components.

The checks of requests and the schemas of the OpenAPI document share one source: the bounds in the
annotations, the defaults of the fields, the sentences of the docstrings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import attrs
from attrs import define, field

from glowback_trio.model.bounds import (
    Checked,
    Ge,
    Gt,
    Le,
    Lt,
    MaxLen,
    MinLen,
    Pattern,
    has_fixed_default,
    hints,
)
from glowback_trio.model.strategies.parameters import STRATEGIES, BuyAndHold, Strategy
from glowback_trio.model.strategies.registry import StrategyRegistry, with_aliases
from glowback_trio.server.openapi.docstrings import attribute_docs, description

__all__ = ["Components", "Format", "Schema", "default_document", "strategy_document"]

Schema = dict[str, Any]

_SCALARS: Mapping[Any, Schema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    NoneType: {"type": "null"},
    Any: {},
    object: {},
    datetime: {
        "type": "string",
        "description": "RFC 3339, a date or a date-time; without an offset it means UTC",
        "examples": ["2024-01-31", "2024-01-31T09:30:00Z"],
    },
}


@attrs.frozen
class Format:
    """The JSON Schema `format` of a text, such as `date-time`."""

    name: str


@define(eq=False)
class Components:
    """The named schemas of a document, collected while annotations are described.

    Args:
        registry: The strategies that requests may name.
    """

    registry: StrategyRegistry = STRATEGIES
    schemas: dict[str, Schema] = field(factory=dict, init=False)

    def describe(self, hint: Any) -> Schema:
        """Return the schema of an annotation."""
        if hint == Strategy:
            return self._named("Strategy", self._strategies)
        if hint in _SCALARS:
            return dict(_SCALARS[hint])
        origin, args = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return self._bounded(args[0], hint.__metadata__)
        # Typed dicts mark optional fields in the annotation; `_typed_dict` reads the mark.
        if origin is NotRequired:
            return self.describe(args[0])
        if origin is Literal:
            return {"type": "string", "enum": list(args)}
        if origin in (Union, UnionType):
            return self._union(args)
        if origin in (tuple, list, Sequence):
            return {"type": "array", "items": self.describe(args[0])}
        if origin in (dict, Mapping):
            return {"type": "object", "additionalProperties": self.describe(args[1])}
        return self._class(hint)

    def _bounded(self, inner: Any, bounds: Sequence[object]) -> Schema:
        schema = self.describe(inner)
        for bound in bounds:
            # Later bounds win: a pattern brings its own description.
            schema |= _bound(bound, schema.get("type"))
        return schema

    def _union(self, args: Sequence[Any]) -> Schema:
        options = [self.describe(arg) for arg in args]
        *others, last = options
        if last == {"type": "null"} and len(others) == 1 and "type" in others[0]:
            return _nullable(others[0])
        return {"anyOf": options}

    def _class(self, cls: type[Any]) -> Schema:
        if is_typeddict(cls):
            # The suffix sets a document apart from the value it is made of; clients need it not.
            name = cls.__name__.removesuffix("Document")
            return self._named(name, lambda: self._typed_dict(cls))
        return self._named(cls.__name__, lambda: self._attrs_class(cls))

    def object_of(self, cls: type[Checked]) -> Schema:
        """Return the schema of an attrs class itself, not a reference to it."""
        return self._attrs_class(cls)

    def _named(self, name: str, make: Callable[[], Schema]) -> Schema:
        """Return a reference to a component, which is made if it is new."""
        if name not in self.schemas:
            self.schemas[name] = {}  # ends the recursion of a class that contains itself
            self.schemas[name] = {"title": name, **make()}
        return {"$ref": f"#/components/schemas/{name}"}

    def _attrs_class(self, cls: type[Any]) -> Schema:
        """Describe an object that clients send: no unknown fields, defaults for omitted ones."""
        rows = attrs.fields(cls)
        described = self._properties(hints(cls), attribute_docs(cls))
        for row in rows:
            if has_fixed_default(row):
                described[row.name]["default"] = default_document(row.default)
        required = [row.name for row in rows if row.default is attrs.NOTHING]
        return _object(description(cls), described, required) | {"additionalProperties": False}

    def _typed_dict(self, cls: type[Any]) -> Schema:
        """Describe an object that clients receive; later versions may add fields."""
        annotations = get_type_hints(cls, include_extras=True)
        required = [n for n, hint in annotations.items() if get_origin(hint) is not NotRequired]
        return _object(
            description(cls), self._properties(annotations, attribute_docs(cls)), required
        )

    def _properties(
        self, annotations: Mapping[str, Any], docs: Mapping[str, str]
    ) -> dict[str, Schema]:
        described = {name: self.describe(hint) for name, hint in annotations.items()}
        for name, schema in described.items():
            if name in docs:
                schema["description"] = docs[name]
        return described

    def _strategies(self) -> Schema:
        options = {cls.name: self._strategy(cls) for cls in self.registry.values()}
        mapping = {
            name: options[cls.name]["$ref"] for name, cls in with_aliases(self.registry).items()
        }
        discriminator = {"propertyName": "name", "mapping": mapping}
        return {"oneOf": list(options.values()), "discriminator": discriminator}

    def _strategy(self, cls: type[Strategy]) -> Schema:
        """Describe a strategy in a request: its name and its parameters."""

        def make() -> Schema:
            name: Schema = {"type": "string", "enum": [cls.name, *cls.aliases]}
            params = self._named(f"{title}Params", lambda: self._attrs_class(cls))
            required = (
                [] if cls is BuyAndHold else ["name"]
            )  # a request without a name means this one
            schema = _object(description(cls), {"name": name, "params": params}, required)
            return schema | {"additionalProperties": False}

        # The class name of a custom strategy may be that of another component.
        title = cls.__name__ if STRATEGIES.get(cls.name) is cls else f"Own.{cls.name}"
        return self._named(title, make)


def _object(text: str, properties: Mapping[str, Schema], required: Sequence[str]) -> Schema:
    schema: Schema = {"type": "object", "properties": dict(properties)}
    if text:
        schema["description"] = text
    if required:
        schema["required"] = list(required)
    return schema


def _nullable(schema: Schema) -> Schema:
    choices = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return schema | {"type": [schema["type"], "null"]} | choices


def _bound(bound: object, kind: object) -> Schema:
    """Return one bound as JSON Schema keywords."""
    sized = "Items" if kind == "array" else "Length"
    match bound:
        case Ge(ge=limit):
            return {"minimum": limit}
        case Gt(gt=limit):
            return {"exclusiveMinimum": limit}
        case Le(le=limit):
            return {"maximum": limit}
        case Lt(lt=limit):
            return {"exclusiveMaximum": limit}
        case MinLen(min_length=limit):
            return {f"min{sized}": limit}
        case MaxLen(max_length=limit):
            return {f"max{sized}": limit}
        case Pattern(regex=regex, meaning=meaning):
            return {"pattern": f"^(?:{regex})$", "description": meaning}
        case Format(name=name):
            return {"format": name}
        case _:
            return {}


def default_document(value: Any) -> Any:
    """Return a field's default as a request would write it; an object of defaults is empty."""
    match value:
        case Checked():
            return {"name": value.name} if isinstance(value, Strategy) else {}
        case tuple():
            return list(value)
        case _:
            return value


def strategy_document(cls: type[Strategy]) -> Schema:
    """Return a strategy's entry in `GET /strategies`."""
    parameters = Components().object_of(cls)["properties"]
    return {
        "name": cls.name,
        "aliases": list(cls.aliases),
        "title": cls.title,
        "description": description(cls),
        "parameters": [{"name": name, **schema} for name, schema in parameters.items()],
    }
