"""JSON Schema of the contract → nodes as api/contract.h has them, each different one once."""

from dataclasses import dataclass

from document import Broken, Document, Faults

KINDS = {"null": 1, "boolean": 2, "integer": 4, "number": 8, "string": 16, "array": 32, "object": 64}
FORMATS = {
    "uuid": "FORMAT_UUID", "date-time": "FORMAT_DATE_TIME", "date": "FORMAT_DATE", "w3c-date-time": "FORMAT_W3C",
}  # fmt: skip
COMBINATORS = ("oneOf", "anyOf", "allOf")
# What the validator understands; any other keyword would be a promise that nobody keeps.
UNDERSTOOD = {
    "type", "format", "pattern", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength",
    "properties", "required", "additionalProperties", "minProperties", "items", "minItems", "maxItems", "uniqueItems",
    "if", "then", "default", "description", "title", "example", "examples", "deprecated", "readOnly", "writeOnly", "$ref", "$comment",
}  # fmt: skip
MAX_DEPTH = 32
NO_LIMIT = None


@dataclass(frozen=True)
class Schema:
    types: int
    format: str = "FORMAT_NONE"
    pattern: str | None = None
    values: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    min_length: int = 0
    max_length: int | None = NO_LIMIT
    properties: tuple[tuple[str, "Schema", bool], ...] = ()
    conditions: tuple[tuple[str, str | bool, tuple[str, ...]], ...] = ()
    free_form: bool = False
    min_properties: int = 0
    items: "Schema | None" = None
    min_items: int = 0
    max_items: int | None = NO_LIMIT
    unique_items: bool = False


def type_names(node: dict) -> list[str]:
    kind = node.get("type", [])
    return [kind] if isinstance(kind, str) else list(kind)


def type_bits(node: dict) -> int:
    return sum(KINDS[name] for name in set(type_names(node)) if name in KINDS)


def is_nullable(node: dict) -> bool:
    return "null" in type_names(node)


def only_conditions(node: dict) -> bool:
    return all(set(part) == {"if", "then"} for part in node.get("allOf", [{}]))


class Requests:
    """Compiles what clients send: bodies and parameters."""

    def __init__(self, document: Document, faults: Faults):
        self.document, self.faults = document, faults

    def compile(self, node, where: str, depth: int = 0, form: bool = False) -> Schema:
        """A form's further fields are passed over, as its specifications want it: they never reach the validator."""
        node = self.document.resolve(node)
        if form and node.get("additionalProperties") is True:
            node = {**node, "additionalProperties": False}
        if depth > MAX_DEPTH:
            raise Broken(f"{where}: the schema contains itself, which requests may not.")
        if not isinstance(node, dict):
            self.faults.add(where, "is no schema.")
            return Schema(types=0)
        self._check(node, where)
        values = node.get("enum", [node["const"]] if "const" in node else [])
        text_values = tuple(sorted({value for value in values if isinstance(value, str)}, key=str.encode))
        if any(value is not None and not isinstance(value, str) for value in values):
            self.faults.add(where, "has an enum of something other than texts, which the validator cannot check.")
        minimum = node.get("minimum")
        if minimum is None and "exclusiveMinimum" in node:
            self.faults.add(where, "says exclusiveMinimum; say minimum.")
        return Schema(
            types=type_bits(node),
            format=FORMATS.get(node.get("format"), "FORMAT_NONE"),
            pattern=node.get("pattern"),
            values=text_values,
            minimum=minimum,
            maximum=node.get("maximum"),
            min_length=node.get("minLength", 0),
            max_length=node.get("maxLength", NO_LIMIT),
            properties=self._properties(node, where, depth),
            conditions=self._conditions(node, where),
            free_form=node.get("additionalProperties") is True,
            min_properties=node.get("minProperties", 0),
            items=self.compile(node["items"], f"{where}[]", depth + 1) if "items" in node else None,
            min_items=node.get("minItems", 0),
            max_items=node.get("maxItems", NO_LIMIT),
            unique_items=node.get("uniqueItems", False),
        )

    def _properties(self, node: dict, where: str, depth: int) -> tuple:
        required = set(node.get("required", []))
        declared = node.get("properties", {})
        for name in sorted(required - set(declared)):
            self.faults.add(where, f"requires {name}, which it does not declare.")
        return tuple(
            (name, self.compile(declared[name], f"{where}.{name}", depth + 1), name in required)
            for name in sorted(declared, key=str.encode)
        )

    def _conditions(self, node: dict, where: str) -> tuple:
        """`if` one property has one value, `then` others are required; several of them in an allOf."""
        found = []
        for part in [node] * ("if" in node or "then" in node) + (node["allOf"] if only_conditions(node) else []):
            test, then = part.get("if", {}), part.get("then", {})
            name, *more = test.get("properties", {"": None})
            value = (test.get("properties", {}).get(name) or {}).get("const")
            fits = not more and test.get("required") == [name] and set(test) == {"properties", "required"}
            if not fits or not isinstance(value, (str, bool)) or set(then) != {"required"}:
                self.faults.add(where, "has a condition; the validator knows only: if one property has one value, then others are required.")
                continue
            for other in sorted({name, *then["required"]} - set(node.get("properties", {}))):
                self.faults.add(where, f"has a condition on {other}, which it does not declare.")
            found.append((name, value, tuple(then["required"])))
        return tuple(found)

    def _check(self, node: dict, where: str) -> None:
        for word in COMBINATORS:
            if word in node and not (word == "allOf" and only_conditions(node)):
                self.faults.add(where, f"uses {word}, which requests may not; write the fields out.")
        for key in node:
            if key not in UNDERSTOOD and key not in COMBINATORS and not str(key).startswith("x-"):
                self.faults.add(where, f"uses {key}, which the validator does not know.")
        if not type_names(node) and not any(word in node for word in COMBINATORS):
            self.faults.add(where, "has no type.")
        for name in type_names(node):
            if name not in KINDS:
                self.faults.add(where, f"has the unknown type {name!r}.")
        if node.get("format") not in (None, *FORMATS):
            self.faults.add(where, f"has the format {node['format']!r}; known are {', '.join(FORMATS)}.")
        if "object" in type_names(node):
            self._check_object(node, where)
        if "array" in type_names(node) and "items" not in node:
            self.faults.add(where, "is an array that does not say of what.")

    def _check_object(self, node: dict, where: str) -> None:
        more = node.get("additionalProperties")
        if more not in (True, False):
            self.faults.add(where, "is an object that does not say additionalProperties: false (or true, when free).")
        elif more is True and node.get("properties"):
            self.faults.add(where, "declares properties and additionalProperties: true; choose one.")


def leaf(node: dict, items: dict | None) -> Schema:
    """What the encoder must know of a column; nothing below it."""
    return Schema(
        types=type_bits(node),
        format=FORMATS.get(node.get("format"), "FORMAT_NONE"),
        free_form="object" in type_names(node),
        items=Schema(
            types=type_bits(items),
            format=FORMATS.get(items.get("format"), "FORMAT_NONE"),
            free_form="object" in type_names(items),
        )
        if items is not None
        else None,
    )
