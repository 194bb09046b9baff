import fc from "fast-check";
import protobuf from "protobufjs/minimal.js";
import { describe, expect, test } from "vitest";
import { decodeObject } from "../../../src/kube/protobuf/decode-object.ts";
import { ProtobufError } from "../../../src/kube/protobuf/wire.ts";

type Writer = protobuf.Writer;
const limits = { maxDepth: 50, parseJson: (text: string): unknown => JSON.parse(text) };
const decode = (bytes: Uint8Array): Record<string, unknown> => decodeObject(bytes, limits);

const tag = (number: number, wire: number): number => (number << 3) | wire;
const message = (writer: Writer, number: number, write: (inner: Writer) => void): Writer => {
  writer.uint32(tag(number, 2)).fork();
  write(writer);
  return writer.ldelim();
};
const text = (writer: Writer, number: number, value: string): Writer =>
  writer.uint32(tag(number, 2)).string(value);

function envelope(apiVersion: string, kind: string, write: (raw: Writer) => void): Uint8Array {
  const raw = protobuf.Writer.create();
  write(raw);
  return envelopeOf(apiVersion, kind, raw.finish());
}

function envelopeOf(apiVersion: string, kind: string, raw: Uint8Array): Uint8Array {
  const writer = protobuf.Writer.create();
  message(writer, 1, (type) => text(text(type, 1, apiVersion), 2, kind));
  writer.uint32(tag(2, 2)).bytes(raw);
  return Buffer.concat([Buffer.from("k8s\0"), writer.finish()]);
}

describe("a body in protobuf", () => {
  test("leaves out zeros of plain values and keeps those of pointers", () => {
    const body = envelope("apps/v1", "Deployment", (raw) =>
      message(raw, 2, (spec) => {
        spec.uint32(tag(1, 0)).int32(0); // replicas, a pointer
        spec.uint32(tag(5, 0)).int32(0); // minReadySeconds, a value
        spec.uint32(tag(7, 0)).bool(false); // paused, a value
        spec.uint32(tag(6, 0)).int32(3);
      }),
    );
    expect(decode(body)).toEqual({
      apiVersion: "apps/v1",
      kind: "Deployment",
      spec: { replicas: 0, revisionHistoryLimit: 3 },
    });
  });

  test("puts embedded structs where JSON has their fields", () => {
    const body = envelope("v1", "Pod", (raw) =>
      message(raw, 2, (spec) =>
        message(spec, 1, (volume) => {
          text(volume, 1, "data");
          message(volume, 2, (source) => message(source, 10, (claim) => text(claim, 1, "disk")));
        }),
      ),
    );
    expect(decode(body)).toMatchObject({
      spec: { volumes: [{ name: "data", persistentVolumeClaim: { claimName: "disk" } }] },
    });
  });

  test("reads times, quantities, ints or strings, bytes and negative numbers", () => {
    const event = envelope("events.k8s.io/v1", "Event", (raw) =>
      message(raw, 2, (time) => {
        time.uint32(tag(1, 0)).int64(1_700_000_000);
        time.uint32(tag(2, 0)).int32(123_456_789);
      }),
    );
    expect(decode(event)).toMatchObject({ eventTime: "2023-11-14T22:13:20.123456Z" });
    const budget = envelope("policy/v1", "PodDisruptionBudget", (raw) =>
      message(raw, 2, (spec) => {
        message(spec, 1, (value) => value.uint32(tag(1, 0)).int32(0).uint32(tag(2, 0)).int32(0));
        message(spec, 3, (value) => text(value.uint32(tag(1, 0)).int32(1), 3, "30%"));
      }),
    );
    expect(decode(budget)).toMatchObject({ spec: { minAvailable: 0, maxUnavailable: "30%" } });
    const secret = envelope("v1", "Secret", (raw) =>
      message(raw, 2, (entry) => text(entry, 1, "k").uint32(tag(2, 2)).bytes(Buffer.from("v"))),
    );
    expect(decode(secret)).toMatchObject({ data: { k: "dg==" } });
    const priority = envelope("scheduling.k8s.io/v1", "PriorityClass", (raw) =>
      raw.uint32(tag(2, 0)).int32(-7),
    );
    expect(decode(priority)).toMatchObject({ value: -7 });
  });

  test("skips fields that a newer client knows", () => {
    const body = envelope("v1", "ConfigMap", (raw) => {
      text(raw, 4000, "from the future");
      message(raw, 2, (entry) => text(text(entry, 1, "__proto__"), 2, "mine"));
    });
    const { data } = decode(body) as { data: Record<string, string> };
    expect(Object.entries(data)).toEqual([["__proto__", "mine"]]);
  });

  test("of DeleteOptions is understood in every group", () => {
    const body = envelope("example.test/v9", "DeleteOptions", (raw) =>
      text(raw.uint32(tag(1, 0)).int64(0), 4, "Foreground"),
    );
    expect(decode(body)).toMatchObject({ gracePeriodSeconds: 0, propagationPolicy: "Foreground" });
  });

  test.each([
    ["without its four bytes", Buffer.from("{}")],
    ["of an unknown kind", envelope("v9", "Nothing", () => undefined)],
    ["cut short", envelope("v1", "Pod", (raw) => text(raw, 1, "long enough")).subarray(0, -3)],
    ["of another type", envelope("v1", "Pod", (raw) => raw.uint32(tag(2, 0)).int32(7))],
    [
      "not UTF-8",
      envelope("v1", "ConfigMap", (raw) =>
        message(raw, 2, (entry) => entry.uint32(tag(1, 2)).bytes(Buffer.from([0xff]))),
      ),
    ],
    ["with groups", envelope("v1", "Pod", (raw) => raw.uint32(tag(9, 3)))],
  ])("%s is refused", (_, body) => {
    expect(() => decode(body)).toThrow(ProtobufError);
  });

  test("nested without end is refused", () => {
    // JSONSchemaProps.not holds JSONSchemaProps.
    const nest = (writer: Writer, depth: number): void => {
      if (depth > 0) message(writer, 28, (inner) => nest(inner, depth - 1));
    };
    const crd = (depth: number): Uint8Array =>
      envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", (raw) =>
        message(raw, 2, (spec) =>
          message(spec, 7, (version) =>
            message(version, 4, (schema) => message(schema, 1, (props) => nest(props, depth))),
          ),
        ),
      );
    expect(JSON.stringify(decode(crd(10)))).toContain('"not":{"not":');
    expect(() => decode(crd(100))).toThrow("nested deeper than 50 levels");
  });

  test("of any bytes is an object or a clear refusal", () => {
    const kinds: [string, string][] = [
      ["v1", "Pod"],
      ["apps/v1", "StatefulSet"],
      ["apiextensions.k8s.io/v1", "CustomResourceDefinition"],
      ["authorization.k8s.io/v1", "SelfSubjectAccessReview"],
    ];
    fc.assert(
      fc.property(fc.constantFrom(...kinds), fc.uint8Array({ maxLength: 200 }), (kind, bytes) => {
        try {
          expect(decode(envelopeOf(...kind, bytes))).toBeTypeOf("object");
        } catch (error) {
          expect(error).toBeInstanceOf(ProtobufError);
        }
      }),
    );
  });
});
