"""The loaded contract as C: static tables in the shape of api/contract.h."""

from dataclasses import dataclass

from catalogue import Error
from operations import FORMATS, GATES, MANNERS, ROLES, SCOPES, Operation, Parameter
from replies import Element, Encoder, Node
from schemas import Schema
from statements import RESERVED, TYPES, Statement

LINE_BYTES = 100
# Roles and scopes share one list: a token names both in one claim, an operation asks for either by a bit.
RIGHTS = (*ROLES, *SCOPES)


def c_string(text: str | None) -> str:
    if text is None:
        return "NULL"
    return f'"{"".join(map(_c_character, text))}"'


def _c_character(c: str) -> str:
    if c in '"\\':
        return "\\" + c
    if c == "?":
        return "\\?"  # no trigraphs, whatever the dialect
    return f"\\{ord(c):03o}" if ord(c) < 32 or ord(c) == 127 else c


def c_lines(text: str, indent: str = "    ") -> str:
    """A long text over several literals; broken behind newlines where there are any."""
    pieces, start = [], 0
    while start < len(text):
        newline = text.find("\n", start, start + LINE_BYTES)
        end = newline + 1 if newline >= 0 else start + LINE_BYTES
        pieces.append(indent + c_string(text[start:end]))
        start = end
    return "\n".join(pieces) or indent + '""'


def c_bool(value: bool) -> str:
    return "true" if value else "false"


def c_real(value: float | None) -> str:
    return repr(float(value or 0))


def c_limit(value: int | None) -> str:
    return "SIZE_MAX" if value is None else str(value)


@dataclass
class Contract:
    version: str
    operations: list[Operation]
    statements: list[Statement]
    errors: list[Error]
    openapi: bytes
    procedures_checksum: str


class Tables:
    def __init__(self, contract: Contract):
        self.contract = contract
        self.schemas: dict[Schema, int] = {}
        self.patterns: list[str] = []
        self.elements: dict[Element, str] = {}
        self.before: list[str] = []  # arrays that the main tables point to
        self.rows: list[str] = []  # of the table of schemas

    # Schemas ------------------------------------------------------------------------------------------------------

    def schema(self, schema: Schema | None) -> str:
        if schema is None:
            return "NULL"
        if schema not in self.schemas:
            inner = self.schema(schema.items)
            properties = self._properties(schema)
            number = self.schemas[schema] = len(self.schemas)
            self.rows.append(self._schema_row(schema, number, inner, properties))
        return f"&schemas[{self.schemas[schema]}]"

    def _properties(self, schema: Schema) -> str:
        if not schema.properties:
            return ""
        rows = [
            f"    {{.name = {c_string(name)}, .schema = {self.schema(child)}, .required = {c_bool(required)}}},"
            for name, child, required in schema.properties
        ]
        name = f"properties_{len(self.schemas)}"
        self.before.append(f"static const struct property {name}[] = {{\n" + "\n".join(rows) + "\n};")
        return name

    def _conditions(self, schema: Schema) -> str:
        name = f"conditions_{len(self.rows)}"
        rows = []
        for n, (property_name, value, required) in enumerate(schema.conditions):
            text = value if isinstance(value, str) else c_bool(value)
            self.before.append(f"static const char *const {name}_{n}[] = {{{', '.join(map(c_string, required))}}};")
            rows.append(
                f"    {{.property = {c_string(property_name)}, .value = {c_string(text)}, .is_text = {c_bool(isinstance(value, str))}, "
                f".required = {name}_{n}, .n_required = {len(required)}}},"
            )
        self.before.append(f"static const struct condition {name}[] = {{\n" + "\n".join(rows) + "\n};")
        return name

    def _schema_row(self, schema: Schema, number: int, items: str, properties: str) -> str:
        parts = [f".types = {schema.types}", f".format = {schema.format}"]
        if schema.pattern is not None:
            if schema.pattern not in self.patterns:
                self.patterns.append(schema.pattern)
            parts.append(f".pattern = {c_string(schema.pattern)}")
            parts.append(f".pattern_index = {self.patterns.index(schema.pattern)}")
        if schema.values:
            self.before.append(
                f"static const char *const values_{number}[] = {{{', '.join(map(c_string, schema.values))}}};"
            )
            parts.append(f".values = values_{number}, .n_values = {len(schema.values)}")
        if schema.minimum is not None:
            parts.append(f".has_minimum = true, .minimum = {c_real(schema.minimum)}")
        if schema.maximum is not None:
            parts.append(f".has_maximum = true, .maximum = {c_real(schema.maximum)}")
        parts.append(f".min_length = {schema.min_length}, .max_length = {c_limit(schema.max_length)}")
        if properties:
            parts.append(f".properties = {properties}, .n_properties = {len(schema.properties)}")
        if schema.conditions:
            parts.append(f".conditions = {self._conditions(schema)}, .n_conditions = {len(schema.conditions)}")
        parts.append(f".free_form = {c_bool(schema.free_form)}, .min_properties = {schema.min_properties}")
        parts.append(f".items = {items}, .min_items = {schema.min_items}, .max_items = {c_limit(schema.max_items)}")
        parts.append(f".unique_items = {c_bool(schema.unique_items)}")
        return f"    [{number}] = {{{', '.join(parts)}}},"

    # Statements ---------------------------------------------------------------------------------------------------

    def _statement(self, statement: Statement, arguments: list[tuple[str, int]], label: str) -> str:
        """Its arrays go before; returns its initialiser."""
        n = len(statement.parameters)
        parts = [f".name = {c_string(statement.name)}", f".sql = sql_{statement.index}", f".n_arguments = {n}"]
        if n:
            rows = ", ".join(f"{{.source = {source}, .index = {index}}}" for source, index in arguments)
            self.before.append(f"static const struct argument arguments_{label}[] = {{{rows}}};")
            parts.append(f".arguments = arguments_{label}")
            parts.append(f".argument_types = types_{statement.index}, .argument_names = names_{statement.index}")
        parts.append(f".index = {statement.index}, .packed = {f'packed_{statement.index}' if statement.packed else 'NULL'}")
        return f"{{{', '.join(parts)}}}"

    def _statement_texts(self, statement: Statement) -> None:
        self.before.append(f"static const char sql_{statement.index}[] =\n{c_lines(statement.sql)};")
        if statement.packed:
            self.before.append(f"static const char packed_{statement.index}[] =\n{c_lines(statement.packed)};")
        if statement.parameters:
            types = ", ".join(str(TYPES[kind]) for kind in statement.types)
            names = ", ".join(map(c_string, statement.parameters))
            self.before.append(f"static const uint32_t types_{statement.index}[] = {{{types}}};")
            self.before.append(f"static const char *const names_{statement.index}[] = {{{names}}};")

    def _statements(self) -> str:
        rows = []
        for statement in self.contract.statements:
            self._statement_texts(statement)
            arguments = [
                (f"ARGUMENT_{name.upper()}" if name in RESERVED and not statement.declared else "ARGUMENT_GIVEN", 0)
                for name in statement.parameters
            ]
            rows.append(f"    {self._statement(statement, arguments, f's{statement.index}')},")
        return "static const struct statement statements[] = {\n" + "\n".join(rows or ["    {.name = NULL},"]) + "\n};"

    # Encoders -----------------------------------------------------------------------------------------------------

    def element(self, element: Element | None) -> str:
        if element is None:
            return "NULL"
        if element not in self.elements:
            row = self._element(element)
            self.elements[element] = f"element_{len(self.elements)}"
            self.before.append(f"static const struct xml_element {self.elements[element]} = {row};")
        return f"&{self.elements[element]}"

    def _element(self, element: Element) -> str:
        """Its initialiser; what it points to goes before."""
        item, members = self.element(element.item), "NULL"
        if element.members:
            rows = ", ".join(map(self._element, element.members))
            members = f"members_{len(self.before)}"
            self.before.append(f"static const struct xml_element {members}[] = {{{rows}}};")
        return (
            f"{{.name = {c_string(element.name)}, .item = {item}, .members = {members}, "
            f".n_members = {len(element.members)}}}"
        )

    def _nodes(self, nodes: list[Node], label: str) -> str:
        rows = []
        for number, node in enumerate(nodes):
            parts = [f".name = {c_string(node.name)}"]
            if node.column is None:
                children = self._nodes(node.children, f"{label}_{number}")
                parts.append(f".kind = ENCODE_OBJECT, .children = {children}, .n_children = {len(node.children)}")
            else:
                parts.append(f".kind = ENCODE_COLUMN, .column = {c_string(node.column)}, .slot = {node.slot}")
                parts.append(f".schema = {self.schema(node.schema)}, .element = {self.element(node.element)}")
                if node.title:
                    parts.append(f".title = {c_string(node.title)}")
            if node.names is not None:
                parts.append(f".names = NAMES_{node.names.upper()}")
            if node.offers is not None:
                parts.append(f".offers = {c_string(node.offers)}")
            parts.append(f".required = {c_bool(node.required)}, .nullable = {c_bool(node.nullable)}")
            rows.append(f"    {{{', '.join(parts)}}},")
        self.before.append(f"static const struct encode_node nodes_{label}[] = {{\n" + "\n".join(rows) + "\n};")
        return f"nodes_{label}"

    def _encoder(self, encoder: Encoder, index: int) -> str:
        nodes = self._nodes(encoder.nodes, str(index)) if encoder.nodes else "NULL"
        self.before.append(
            f"static const struct encoder encoder_{index} = {{.nodes = {nodes}, .n_nodes = {len(encoder.nodes)}, "
            f".n_slots = {encoder.n_slots}, .shape = SHAPE_{encoder.shape.upper()}, "
            f".element = {self.element(encoder.element)}}};"
        )
        return f"&encoder_{index}"

    # Operations ---------------------------------------------------------------------------------------------------

    def _parameters(self, parameters: list[Parameter], index: int) -> str:
        if not parameters:
            return "NULL"
        rows = [
            f"    {{.name = {c_string(p.name)}, .place = IN_{p.place.upper()}, .schema = {self.schema(p.schema)}, "
            f".required = {c_bool(p.required)}, .fallback = {c_string(p.fallback)}}},"
            for p in parameters
        ]
        self.before.append(f"static const struct parameter parameters_{index}[] = {{\n" + "\n".join(rows) + "\n};")
        return f"parameters_{index}"

    def _own_statement(self, operation: Operation, index: int) -> str:
        if operation.statement is None:
            return "NULL"
        row = self._statement(operation.statement, operation.arguments, f"o{index}")
        self.before.append(f"static const struct statement statement_{index} = {row};")
        return f"&statement_{index}"

    def _media_types(self, operation: Operation, index: int) -> str:
        if not operation.media_types:
            return ""
        texts = ", ".join(c_string(name) for name in operation.media_types)
        self.before.append(f"static const char *const media_types_{index}[] = {{{texts}}};")
        return f".media_types = media_types_{index}, .n_media_types = {len(operation.media_types)},"

    def _suffixes(self, operation: Operation, index: int) -> str:
        if operation.suffix is None:
            return ""
        values = operation.suffix.schema.values
        rows = ", ".join(f"{{.value = {c_string(v)}, .media_type = {c_string(FORMATS[v])}}}" for v in values)
        self.before.append(f"static const struct suffix suffixes_{index}[] = {{{rows}}};")
        return f".suffixes = suffixes_{index}, .n_suffixes = {len(values)},"

    def _operation(self, operation: Operation, index: int) -> str:
        if_match = operation.header("if-match")
        roles = sum(1 << RIGHTS.index(right) for right in [*operation.roles, *operation.scopes])
        flags = {
            "is_public": not operation.roles,
            "write": operation.method != "GET",
            "alone": operation.alone,
            "on_record": operation.on_record,
            "if_match": bool(if_match and if_match.required),
            "takes_key": operation.method == "POST" and operation.header("idempotency-key") is not None,
            "personal": operation.personal,
            "waits": operation.header("prefer") is not None,
            "streams": operation.streams,
            "raw_body": operation.raw_body,
            "exports": operation.exports,
            "form": operation.form,
            "body_required": operation.body_required,
        }
        encoder = self._encoder(operation.encoder, index) if operation.encoder and operation.statement else "NULL"
        lines = [
            f".id = {c_string(operation.id)}, .action = {c_string(operation.id.split('.')[-1])},",
            f".method = {c_string(operation.method)}, .path = {c_string(operation.path)}, .roles = {roles},",
            " ".join(f".{name} = true," for name, value in flags.items() if value),
            f".body = {self.schema(operation.body)}, .max_body = {operation.max_body},",
            f".pictures = {c_string(operation.pictures)}, .max_upload = {operation.max_upload},",
            self._media_types(operation, index),
            self._suffixes(operation, index),
            f".manner = {MANNERS[operation.manner]}, .gate = {GATES.get(operation.gate, 'GATE_NONE')},",
            f".parameters = {self._parameters(operation.parameters, index)},",
            f".n_parameters = {len(operation.parameters)},",
            f".statement = {self._own_statement(operation, index)}, .function = {operation.handler or 'NULL'},",
            " ".join(f".{name} = {c_string(value)}," for name, value in operation.deprecation.items()),
            f".encoder = {encoder}, .status = {operation.status}, .index = {index},",
        ]
        inner = "\n".join(f"        {line}" for line in lines if line)
        return f"    {{\n{inner}\n    }},"

    # The whole ----------------------------------------------------------------------------------------------------

    def text(self) -> str:
        contract = self.contract
        statements = self._statements()
        operations = [self._operation(operation, i) for i, operation in enumerate(contract.operations)]
        handlers = sorted({operation.handler for operation in contract.operations if operation.handler})
        errors = [
            f"    {{.code = {c_string(e.code)}, .status = {e.status}, .zh = {c_string(e.zh)}, .en = {c_string(e.en)}}},"
            for e in contract.errors
        ]
        parts = [
            "/* Made by api/contract/compile.py from openapi.yaml, db/queries and api/errors.def. */",
            '#include "contract.h"',
            '#pragma GCC diagnostic ignored "-Woverlength-strings"',
            *[f"void {handler}(struct request *request);" for handler in handlers],
            f"static const struct schema schemas[{max(len(self.rows), 1)}];",
            *self.before,
            f"static const struct schema schemas[{max(len(self.rows), 1)}] = {{",
            *(self.rows or ["    {.types = 0},"]),
            "};",
            statements,
            "static const struct operation operations[] = {",
            *operations,
            "};",
            "static const struct error_entry errors[] = {",
            *errors,
            "};",
            f"static const char *const roles[] = {{{', '.join(map(c_string, RIGHTS))}}};",
            f"static const char *const patterns[] = {{{', '.join(map(c_string, [*self.patterns, None]))}}};",
            "static const unsigned char openapi_json[] =\n" + c_lines(contract.openapi.decode()) + ";",
            self._contract(),
        ]
        return "\n\n".join(parts) + "\n"

    def _contract(self) -> str:
        contract = self.contract
        lines = [
            f".version = {c_string(contract.version)},",
            f".operations = operations, .n_operations = {len(contract.operations)},",
            f".statements = statements, .n_statements = {len(contract.statements)},",
            f".roles = roles, .n_roles = {len(RIGHTS)},",
            f".machine = {1 << ROLES.index('client')}, .scopes = {sum(1 << RIGHTS.index(scope) for scope in SCOPES)},",
            f".errors = errors, .n_errors = {len(contract.errors)},",
            f".patterns = patterns, .n_patterns = {len(self.patterns)},",
            ".openapi_json = openapi_json, .openapi_json_size = sizeof openapi_json - 1,",
            f".procedures_checksum = {c_string(contract.procedures_checksum)},",
        ]
        return "const struct contract contract = {\n" + "\n".join(f"    {line}" for line in lines) + "\n};"
