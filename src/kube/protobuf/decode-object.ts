/**
 * Protobuf bodies of the Kubernetes API (`application/vnd.kubernetes.protobuf`): four bytes, then a
 * `runtime.Unknown` with the kind and the encoded object
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding).
 * stock kubectl sends them wherever it uses a typed client. Pure.
 */
import protobuf from "protobufjs/minimal.js";
import { printableLine } from "../printable-text.ts";
import { definitionNameOf, schemaOf } from "../schema/definitions.ts";
import { type MessageFields, messageFields, type ValueType } from "./message-fields.ts";
import { readFirstString, readIntOrString, readTime } from "./well-known-values.ts";
import {
  BYTES,
  eachField,
  endOf,
  expectWire,
  FIXED64,
  ProtobufError,
  type Reader,
  readInteger,
  readString,
  VARINT,
} from "./wire.ts";

const MAGIC = [0x6b, 0x38, 0x73, 0x00];
const DELETE_OPTIONS = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";
const SCHEMA_PROPS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

export interface ProtobufLimits {
  /** Of messages within messages. */
  readonly maxDepth: number;
  /** Reads JSON within the body, as bounded as JSON elsewhere. */
  readonly parseJson: (text: string) => unknown;
}

/**
 * The object as JSON would have it, `apiVersion` and `kind` included.
 * @throws ProtobufError
 */
export function decodeObject(bytes: Uint8Array, limits: ProtobufLimits): Record<string, unknown> {
  if (!MAGIC.every((byte, index) => bytes[index] === byte))
    throw new ProtobufError("it does not begin as Kubernetes' protobuf does");
  try {
    const { apiVersion, kind, raw } = readEnvelope(protobuf.Reader.create(bytes.subarray(4)));
    const name = definitionOfKind(apiVersion, kind);
    const object: Record<string, unknown> = { apiVersion, kind };
    const reader = protobuf.Reader.create(raw);
    new MessageDecoder(limits).into(object, reader, reader.len, messageFields(name), 0);
    return object;
  } catch (error) {
    // The reader's own words for a message that ends too early.
    if (error instanceof RangeError) throw new ProtobufError("it ends too early");
    throw error;
  }
}

interface Envelope {
  apiVersion: string;
  kind: string;
  raw: Uint8Array;
}

function readEnvelope(reader: Reader): Envelope {
  const envelope: Envelope = { apiVersion: "", kind: "", raw: new Uint8Array() };
  eachField(reader, reader.len, (number, wire) => {
    if (wire !== BYTES) return false;
    if (number === 1) {
      const end = endOf(reader);
      eachField(reader, end, (field, wireType) => {
        if (wireType !== BYTES || field > 2) return false;
        envelope[field === 1 ? "apiVersion" : "kind"] = readString(reader);
        return true;
      });
      return true;
    }
    if (number === 2) {
      envelope.raw = reader.bytes();
      return true;
    }
    if (number === 3 && readString(reader) !== "")
      throw new ProtobufError("its content encoding is not known");
    return number === 3;
  });
  return envelope;
}

function definitionOfKind(apiVersion: string, kind: string): string {
  const schema = schemaOf(apiVersion, kind);
  const name = schema === undefined ? undefined : definitionNameOf(schema);
  if (name !== undefined) return name;
  // Every group has its own, all of them the same.
  if (kind === "DeleteOptions") return DELETE_OPTIONS;
  throw new ProtobufError(
    `no kind "${printableLine(kind)}" is known in version "${printableLine(apiVersion)}"; send JSON`,
  );
}

class MessageDecoder {
  readonly #limits: ProtobufLimits;

  constructor(limits: ProtobufLimits) {
    this.#limits = limits;
  }

  into(
    object: Record<string, unknown>,
    reader: Reader,
    end: number,
    fields: MessageFields,
    depth: number,
  ): void {
    if (depth > this.#limits.maxDepth)
      throw new ProtobufError(`it is nested deeper than ${this.#limits.maxDepth} levels`);
    eachField(reader, end, (number, wire) => {
      const field = fields.get(number);
      if (field === undefined) return false;
      if ("inline" in field) {
        expectWire(wire, BYTES);
        this.into(object, reader, endOf(reader), field.inline, depth + 1);
        return true;
      }
      const { name, type, keepsZero } = field;
      if (typeof type === "object" && "list" in type) {
        const list = (object[name] ??= []) as unknown[];
        list.push(this.#value(reader, wire, type.list, depth + 1));
      } else if (typeof type === "object" && "map" in type) {
        expectWire(wire, BYTES);
        const map = (object[name] ??= {}) as Record<string, unknown>;
        this.#entry(map, reader, type.map, depth + 1);
      } else {
        const value = this.#value(reader, wire, type, depth + 1);
        const isZero = value === "" || value === 0 || value === false;
        if (value !== undefined && (keepsZero || !isZero)) object[name] = value;
        else delete object[name];
      }
      return true;
    });
  }

  #message(reader: Reader, name: string, depth: number): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    this.into(object, reader, endOf(reader), messageFields(name), depth);
    return object;
  }

  #entry(map: Record<string, unknown>, reader: Reader, type: ValueType, depth: number): void {
    let key = "";
    let value: unknown;
    eachField(reader, endOf(reader), (number, wire) => {
      if (number === 1) {
        expectWire(wire, BYTES);
        key = readString(reader);
      } else if (number === 2) value = this.#value(reader, wire, type, depth);
      return number <= 2;
    });
    // Not by assignment: the key `__proto__` is a key like others.
    Object.defineProperty(map, key, {
      value: value ?? emptyOf(type),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }

  #value(reader: Reader, wire: number, type: ValueType, depth: number): unknown {
    if (type === "integer") {
      expectWire(wire, VARINT);
      return readInteger(reader);
    }
    if (type === "boolean") {
      expectWire(wire, VARINT);
      return reader.bool();
    }
    if (type === "double") {
      expectWire(wire, FIXED64);
      return reader.double();
    }
    expectWire(wire, BYTES);
    if (type === "string") return readString(reader);
    if (type === "bytes") {
      const bytes = reader.bytes();
      return protobuf.util.base64.encode(bytes, 0, bytes.length);
    }
    if (type === "time" || type === "microTime") return readTime(reader, type);
    if (type === "quantity") return readFirstString(reader) ?? "0";
    if (type === "intOrString") return readIntOrString(reader);
    if (type === "json") {
      const text = readFirstString(reader);
      return text === undefined || text === "" ? undefined : this.#limits.parseJson(text);
    }
    if (typeof type === "string") return this.#schemaOr(reader, type, depth);
    if ("message" in type) return this.#message(reader, type.message, depth);
    // A list as a value: upstream wraps it in a message with one repeated field.
    if ("list" in type) return this.#wrappedList(reader, type.list, depth);
    throw new ProtobufError("maps in lists are not known");
  }

  #wrappedList(reader: Reader, type: ValueType, depth: number): unknown[] {
    const list: unknown[] = [];
    eachField(reader, endOf(reader), (number, wire) => {
      if (number === 1) list.push(this.#value(reader, wire, type, depth + 1));
      return number === 1;
    });
    return list;
  }

  /** The unions of `JSONSchemaProps`: a schema, or what the name says. */
  #schemaOr(
    reader: Reader,
    type: "schemaOrBool" | "schemaOrArray" | "schemaOrStringArray",
    depth: number,
  ): unknown {
    const schemaNumber = type === "schemaOrBool" ? 2 : 1;
    let schema: unknown;
    let allows = false;
    const list: unknown[] = [];
    eachField(reader, endOf(reader), (number, wire) => {
      if (number > 2) return false;
      if (number === schemaNumber) {
        expectWire(wire, BYTES);
        schema = this.#message(reader, SCHEMA_PROPS, depth + 1);
      } else if (type === "schemaOrBool") {
        expectWire(wire, VARINT);
        allows = reader.bool();
      } else {
        const item = type === "schemaOrArray" ? { message: SCHEMA_PROPS } : "string";
        list.push(this.#value(reader, wire, item, depth + 1));
      }
      return true;
    });
    return schema ?? (type === "schemaOrBool" ? allows : list);
  }
}

/** The value of a map's entry that has none. */
function emptyOf(type: ValueType): unknown {
  if (type === "integer" || type === "double") return 0;
  if (type === "boolean") return false;
  if (type === "time" || type === "microTime" || type === "json") return null;
  if (type === "quantity") return "0";
  if (typeof type === "object") return "list" in type ? [] : {};
  return "";
}
