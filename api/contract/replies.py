"""A reply's schema becomes the encoder's program: which column feeds which property."""

from dataclasses import dataclass, field

from document import Document, Faults
from schemas import COMBINATORS, Schema, is_nullable, leaf, type_names

# What a name may be looked up in, and the members of the object that say which.
NAMES = {"category": ("code",), "area": ("code",), "organisation": ("code",), "party": ("kind", "id")}


@dataclass(frozen=True)
class Element:
    """What a value is called in XML: its members by their names, the items of a list each by one name."""

    name: str
    item: "Element | None" = None
    members: tuple["Element", ...] = ()


@dataclass
class Node:
    name: str
    required: bool
    nullable: bool
    column: str | None = None  # None: an object of further nodes
    schema: Schema | None = None
    children: list["Node"] = field(default_factory=list)
    slot: int = -1
    names: str | None = None  # x-names of the object around it: its name may be put in by its key
    offers: str | None = None  # x-offers: may be put in by bits
    title: str = ""  # above its column in a table for people: those of all that it lies in, one behind the other
    element: Element | None = None  # of a column that is JSON


@dataclass
class Encoder:
    nodes: list[Node]
    shape: str  # object; page: {items, next_cursor}; array
    n_slots: int
    element: Element | None = None  # of the whole; of an array its item names each row


def leaves(nodes: list[Node]):
    for node in nodes:
        yield from leaves(node.children) if node.children else (node,)


class Replies:
    def __init__(self, document: Document, faults: Faults):
        self.document, self.faults = document, faults
        self.walked: set[int] = set()

    def flat(self, node) -> dict:
        """Follows references and takes `X or null` apart, the one alternative that replies may have."""
        node = self.document.resolve(node)
        for word in ("oneOf", "anyOf"):
            if word not in node:
                continue
            choices = [self.document.resolve(choice) for choice in node[word]]
            real = [choice for choice in choices if type_names(choice) != ["null"]]
            if len(real) == 1:
                inner = self.flat(real[0])
                kinds = [*type_names(inner), *(["null"] if len(choices) > 1 else [])]
                beside = {key: value for key, value in node.items() if key != word}
                return {**inner, **beside, "type": kinds}
        return node

    def walk(self, node, where: str) -> None:
        """Every node of a reply says what it is: a reference, a type, or a choice."""
        if not isinstance(node, dict) or id(node) in self.walked:
            return
        self.walked.add(id(node))
        if "$ref" in node:
            self.walk(self.document.resolve({"$ref": node["$ref"]}), where)
            return
        if not type_names(node) and not any(word in node for word in COMBINATORS) and "const" not in node:
            self.faults.add(where, "has neither type nor $ref.")
        for word in COMBINATORS:
            for choice in node.get(word, []):
                self.walk(choice, where)
        for name, child in node.get("properties", {}).items():
            self.walk(child, f"{where}.{name}")
        for name in set(node.get("required", [])) - set(node.get("properties", {})):
            if node.get("properties"):
                self.faults.add(where, f"requires {name}, which it does not declare.")
        self.walk(node.get("items"), f"{where}[]")

    def compile_rows(self, schema, where: str) -> Encoder | None:
        """Of an export: each row an object, each of its columns with a title."""
        encoder = self.compile(schema, where)
        if encoder is not None and encoder.shape != "object":
            self.faults.add(where, "is a list; an export's schema is that of one row.")
        titles: set[str] = set()
        for node in leaves(encoder.nodes if encoder is not None else []):
            if not node.title or node.title in titles:
                self.faults.add(where, f"has no title of its own for its column {node.column}.")
            titles.add(node.title)
        return encoder

    def compile(self, schema, where: str) -> Encoder | None:
        """None when the reply is no object, so that only a C function can write it."""
        self.walk(schema, where)
        node = self.flat(schema)
        element = self.element(schema, "")
        if "array" in type_names(node) and "object" in type_names(self.flat(node.get("items", {}))):
            self.n_slots = 0
            nodes = self._nodes(self.flat(node["items"]), "", "", f"{where}[]", ())
            return Encoder(nodes=nodes, shape="array", n_slots=self.n_slots, element=element)
        if "object" not in type_names(node):
            return None
        properties = node.get("properties", {})
        is_page = {"items", "next_cursor"} <= set(properties)
        if is_page:
            extra = set(properties) - {"items", "next_cursor", "total", "total_capped"}
            if extra:
                self.faults.add(where, f"is a list with {', '.join(sorted(extra))} beside its items.")
            items = self.flat(properties["items"])
            node, where = self.flat(items.get("items", {})), f"{where}.items[]"
            if not node.get("properties"):
                self.faults.add(where, "is a list of something other than objects with properties.")
        self.n_slots = 0
        nodes = self._nodes(node, "", "", where, ())
        return Encoder(nodes=nodes, shape="page" if is_page else "object", n_slots=self.n_slots, element=element)

    def element(self, schema, name: str, above: tuple = ()) -> Element:
        """`xml: {name: …}` of a schema; a property without one is called as in JSON."""
        node = self.flat(schema)
        name = node.get("xml", {}).get("name", name)
        if id(node.get("properties")) in above:
            return Element(name)
        if isinstance(node.get("items"), dict):
            return Element(name, item=self.element(node["items"], "", above))
        inner = (*above, id(node["properties"])) if node.get("properties") else above
        members = [self.element(child, key, inner) for key, child in node.get("properties", {}).items()]
        return Element(name, members=tuple(members))

    @staticmethod
    def drop_elements(encoder: Encoder) -> None:
        """Nobody asks for this reply as XML."""
        encoder.element = None

        def drop(nodes: list[Node]) -> None:
            for node in nodes:
                node.element = None
                drop(node.children)

        drop(encoder.nodes)

    def check_elements(self, encoder: Encoder, where: str) -> None:
        """Where XML may be asked for, the root and the items of every list have a name."""

        def nameless(element: Element) -> bool:
            return not element.name or any(map(nameless, element.members)) or bool(element.item and nameless(element.item))

        if encoder.shape == "page" or nameless(encoder.element):
            self.faults.add(where, "is asked for as XML: the root and the items of each list need xml: {name: …}.")

        def put_in(nodes: list[Node]) -> bool:
            return any(node.names or node.offers or put_in(node.children) for node in nodes)

        if put_in(encoder.nodes):
            self.faults.add(where, "is asked for as XML, where neither x-names nor x-offers is put in.")

    def _nodes(self, node: dict, prefix: str, title: str, where: str, above: tuple) -> list[Node]:
        required = set(node.get("required", []))
        return [
            self._node(name, child, name in required, prefix, title, f"{where}.{name}", above)
            for name, child in node.get("properties", {}).items()
        ]

    def _node(self, name: str, schema, required: bool, prefix: str, title: str, where: str, above: tuple) -> Node:
        node = self.flat(schema)
        own = node.get("title", "")
        made = Node(name=name, required=required, nullable=is_nullable(node), title=own and title + own)
        reference = id(node.get("properties"))
        if self._is_nested(node) and reference not in above:
            made.children = self._nodes(node, f"{prefix}{name}__", made.title, where, (*above, reference))
            self._name_by_key(made.children, schema.get("x-names"), where)
            return made
        made.offers = schema.get("x-offers")
        items = self.flat(node["items"]) if isinstance(node.get("items"), dict) else None
        made.column, made.schema, made.slot = prefix + name, leaf(node, items), self.n_slots
        if {"array", "object"} & set(type_names(node)):
            made.element = self.element(schema, name)
        self.n_slots += 1
        if len(made.column) > 63:
            self.faults.add(where, f"wants the column {made.column}, longer than the 63 bytes of PostgreSQL's names.")
        return made

    def _name_by_key(self, children: list[Node], names: str | None, where: str) -> None:
        if names is None:
            return
        keys = {child.name for child in children}
        if names not in NAMES or not keys >= {"name", *NAMES[names]}:
            self.faults.add(where, f"x-names is one of {', '.join(NAMES)}, on an object with name and its key.")
            return
        next(child for child in children if child.name == "name").names = names

    @staticmethod
    def _is_nested(node: dict) -> bool:
        """A closed object comes in columns of its own; x-json and free ones come as JSON, as they are."""
        return (
            "object" in type_names(node)
            and bool(node.get("properties"))
            and node.get("additionalProperties") is not True
            and not node.get("x-json")
        )
