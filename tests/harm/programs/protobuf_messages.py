# SPDX-License-Identifier: Apache-2.0
"""Protocol buffers without a .proto: describes message types, makes, writes, reads, merges, prints and compares messages."""
import copy
import datetime
import pickle

from google.protobuf import (any_pb2, descriptor, descriptor_pb2, descriptor_pool, duration_pb2, field_mask_pb2, json_format, message_factory,
                             reflection, struct_pb2, symbol_database, text_format, timestamp_pb2, unknown_fields, wrappers_pb2)
from google.protobuf.internal import api_implementation

TYPES = descriptor_pb2.FieldDescriptorProto


def describe():
    file = descriptor_pb2.FileDescriptorProto(name="shop.proto", package="shop", syntax="proto3")
    colour = file.enum_type.add(name="Colour")
    for number, name in enumerate(("NONE", "RED", "GREEN")):
        colour.value.add(name=name, number=number)
    item = file.message_type.add(name="Item")
    for number, (name, kind) in enumerate((("title", TYPES.TYPE_STRING), ("price", TYPES.TYPE_DOUBLE), ("count", TYPES.TYPE_SINT64),
                                           ("data", TYPES.TYPE_BYTES), ("flag", TYPES.TYPE_BOOL), ("fixed", TYPES.TYPE_FIXED32)), 1):
        item.field.add(name=name, number=number, type=kind, label=TYPES.LABEL_OPTIONAL)
    item.field.add(name="colour", number=10, type=TYPES.TYPE_ENUM, type_name=".shop.Colour", label=TYPES.LABEL_OPTIONAL)
    order = file.message_type.add(name="Order")
    order.field.add(name="items", number=1, type=TYPES.TYPE_MESSAGE, type_name=".shop.Item", label=TYPES.LABEL_REPEATED)
    order.field.add(name="numbers", number=2, type=TYPES.TYPE_INT32, label=TYPES.LABEL_REPEATED)
    entry = order.nested_type.add(name="NotesEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=TYPES.TYPE_STRING, label=TYPES.LABEL_OPTIONAL)
    entry.field.add(name="value", number=2, type=TYPES.TYPE_STRING, label=TYPES.LABEL_OPTIONAL)
    order.field.add(name="notes", number=3, type=TYPES.TYPE_MESSAGE, type_name=".shop.Order.NotesEntry", label=TYPES.LABEL_REPEATED)
    order.oneof_decl.add(name="payment")
    order.field.add(name="card", number=4, type=TYPES.TYPE_STRING, label=TYPES.LABEL_OPTIONAL, oneof_index=0)
    order.field.add(name="cash", number=5, type=TYPES.TYPE_INT64, label=TYPES.LABEL_OPTIONAL, oneof_index=0)
    return file


def refused(function, *arguments, **named):
    try:
        function(*arguments, **named)
    except Exception as error:
        return type(error).__name__
    return "taken"


def messages(pool):
    factory = message_factory.MessageFactory(pool)
    order_type = factory.GetPrototype(pool.FindMessageTypeByName("shop.Order"))
    item_type = factory.GetPrototype(pool.FindMessageTypeByName("shop.Item"))
    order = order_type(numbers=range(5), card="1234")
    for number in range(50):
        order.items.add(title="thing %d" % number, price=number / 4, count=-number, data=bytes([number]), flag=number % 2 == 0, colour=number % 3)
    order.items.append(item_type(title="Käse", fixed=7))
    order.notes["b"] = "two"
    order.notes["a"] = "one"
    return order_type, item_type, order


def main():
    print(api_implementation.Type())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(describe())
    order_type, item_type, order = messages(pool)
    print(order_type.__name__, [field.name for field in order_type.DESCRIPTOR.fields], isinstance(order_type.DESCRIPTOR, descriptor.Descriptor))
    print([(value.name, value.number) for value in pool.FindEnumTypeByName("shop.Colour").values])
    data = order.SerializeToString(deterministic=True)
    read = order_type.FromString(data)
    print(len(data), read == order, read.WhichOneof("payment"), read.items[-1].title, dict(sorted(read.notes.items())))
    read.cash = 5
    print(read.WhichOneof("payment"), read == order, read.HasField("card"), read.ByteSize() == len(read.SerializeToString()))
    del read.items[2:]
    read.MergeFrom(order_type(numbers=[9], notes={"c": "three"}))
    print(text_format.MessageToString(read, as_one_line=True))
    print(text_format.Parse("title: 'x' price: 1.5 colour: GREEN", item_type()) == item_type(title="x", price=1.5, colour=2))
    print(json_format.MessageToJson(read, sort_keys=True))
    print(json_format.Parse(json_format.MessageToJson(order), order_type()) == order)
    twin = copy.deepcopy(order)
    twin.items[0].title = "another"
    print(twin == order, twin.items[0].title, order.items[0].title, [field.name for field, _ in read.ListFields()])
    print(refused(order_type.FromString, b"\x0a\xff"), refused(setattr, order, "card", 5), refused(item_type, nothing=1),
          refused(getattr, order, "nothing"), refused(order.items.append, order))

    stamp = timestamp_pb2.Timestamp()
    stamp.FromDatetime(datetime.datetime(2026, 3, 1, 12, 0, 0))
    length = duration_pb2.Duration()
    length.FromTimedelta(datetime.timedelta(hours=3, microseconds=5))
    print(stamp.ToJsonString(), length.ToJsonString(), pickle.loads(pickle.dumps(stamp)) == stamp)
    struct = struct_pb2.Struct()
    struct.update({"a": [1, "x", None, {"b": True}], "c": 1.5})
    print(sorted(json_format.MessageToDict(struct).items()), struct["a"][3]["b"])
    packed = any_pb2.Any()
    packed.Pack(wrappers_pb2.StringValue(value="inside"))
    inside = wrappers_pb2.StringValue()
    print(packed.Is(inside.DESCRIPTOR), packed.Unpack(inside), inside.value)
    mask = field_mask_pb2.FieldMask(paths=["a", "b.c"])
    print(mask.ToJsonString(), symbol_database.Default().GetSymbol("google.protobuf.Any") is any_pb2.Any)
    described = descriptor_pb2.FileDescriptorProto()
    descriptor_pb2.DESCRIPTOR.CopyToProto(described)
    print(described.name, len(described.message_type), hasattr(reflection, "MakeClass"), hasattr(unknown_fields, "UnknownFieldSet"))


if __name__ == "__main__":
    main()
