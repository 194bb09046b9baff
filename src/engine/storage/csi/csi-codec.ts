/** Turns messages into their protobuf form and back. Loaded with the first CSI driver, not before. */
import type { Type } from "protobufjs";
import { isObject, type UnknownObject } from "../../../kube/json-object.ts";
import { CSI_MESSAGES, type MessageFields } from "./csi-messages.ts";

export interface CsiCodec {
  encode(message: string, value: UnknownObject): Buffer;
  /** With a value for every field that is not a message. Throws on bytes that are no such message. */
  decode(message: string, bytes: Uint8Array): UnknownObject;
}

let loaded: Promise<CsiCodec> | undefined;

export function loadCsiCodec(): Promise<CsiCodec> {
  loaded ??= build();
  return loaded;
}

async function build(): Promise<CsiCodec> {
  const { default: protobuf } = await import("protobufjs/light.js");
  const nested = Object.fromEntries(
    Object.entries(CSI_MESSAGES).map(([name, fields]) => [name, descriptor(fields)]),
  );
  const root = protobuf.Root.fromJSON({ nested }).resolveAll();
  const types = new Map<string, Type>();
  for (const name of Object.keys(CSI_MESSAGES)) types.set(name, root.lookupType(name));
  const typeOf = (name: string): Type => {
    const type = types.get(name);
    if (type === undefined) throw new Error(`there is no CSI message ${name}`);
    return type;
  };
  return {
    encode: (name, value) => {
      const type = typeOf(name);
      return Buffer.from(type.encode(type.fromObject(value)).finish());
    },
    decode: (name, bytes) => {
      const type = typeOf(name);
      const options = { longs: Number, defaults: true, arrays: true, objects: true };
      const value: unknown = type.toObject(type.decode(bytes), options);
      return isObject(value) ? value : {};
    },
  };
}

/** As protobufjs describes a message in JSON. */
function descriptor(fields: MessageFields) {
  const entries = Object.entries(fields).map(([name, text]) => {
    const [type = "", number = ""] = text.split(" ");
    const id = Number(number);
    if (type === "{}") return [name, { keyType: "string", type: "string", id }] as const;
    if (type.endsWith("[]"))
      return [name, { rule: "repeated", type: type.slice(0, -"[]".length), id }] as const;
    return [name, { type, id }] as const;
  });
  return { fields: Object.fromEntries(entries) };
}
