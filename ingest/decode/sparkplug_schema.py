"""The part of the Sparkplug B payload that readings need, as message classes that protobuf's own runtime makes.

Built from a table of field numbers (Sparkplug 3.0.0, chapter 6) when imported, so that neither generated code nor
a compiler is needed. What the table leaves out (metadata, data sets, templates) is skipped as unknown fields are.
"""

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

__all__ = ["Payload"]

_Field = descriptor_pb2.FieldDescriptorProto
_TYPES: Final = {
    "uint64": _Field.TYPE_UINT64, "uint32": _Field.TYPE_UINT32, "float": _Field.TYPE_FLOAT,
    "double": _Field.TYPE_DOUBLE, "bool": _Field.TYPE_BOOL, "string": _Field.TYPE_STRING, "bytes": _Field.TYPE_BYTES,
}  # fmt: skip
# message: field -> number and type; * is repeated, | belongs to the oneof "value"
_MESSAGES: Final = {
    "PropertyValue": {
        "type": (1, "uint32"), "is_null": (2, "bool"), "int_value": (3, "|uint32"), "long_value": (4, "|uint64"),
        "float_value": (5, "|float"), "double_value": (6, "|double"), "boolean_value": (7, "|bool"),
        "string_value": (8, "|bytes"),
    },
    "PropertySet": {"keys": (1, "*string"), "values": (2, "*PropertyValue")},
    "Metric": {
        "name": (1, "string"), "alias": (2, "uint64"), "timestamp": (3, "uint64"), "datatype": (4, "uint32"),
        "is_historical": (5, "bool"), "is_transient": (6, "bool"), "is_null": (7, "bool"),
        "properties": (9, "PropertySet"),
        "int_value": (10, "|uint32"), "long_value": (11, "|uint64"), "float_value": (12, "|float"),
        "double_value": (13, "|double"), "boolean_value": (14, "|bool"), "string_value": (15, "|bytes"),
        "bytes_value": (16, "|bytes"),
    },
    "Payload": {
        "timestamp": (1, "uint64"), "metrics": (2, "*Metric"), "seq": (3, "uint64"), "uuid": (4, "string"),
        "body": (5, "bytes"),
    },
}  # fmt: skip


def _make() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="hazmon/sparkplug_b.proto", package="hazmon.sparkplug", syntax="proto2"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if any(kind.startswith("|") for _, kind in fields.values()):
            message.oneof_decl.add(name="value")
        for field, (number, kind) in fields.items():
            bare = kind.lstrip("*|")
            added = message.field.add(
                name=field,
                number=number,
                label=_Field.LABEL_REPEATED if kind[0] == "*" else _Field.LABEL_OPTIONAL,
                type=_TYPES.get(bare, _Field.TYPE_MESSAGE),
            )
            if bare not in _TYPES:
                added.type_name = f".hazmon.sparkplug.{bare}"
            if kind[0] == "|":
                added.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()  # of our own: the official file may be loaded in the same process
    pool.Add(file)  # type: ignore[no-untyped-call, unused-ignore]
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("hazmon.sparkplug.Payload"))


Payload: Any = _make()
"""The message class; `google.protobuf.message.Message` with the fields above."""
