import { describe, expect, test } from "vitest";
import { fieldErrorMessage } from "../../../src/kube/field-error.ts";
import { validate } from "../../../src/kube/schema/validate.ts";
import { builtin } from "./builtin.ts";

const pod = builtin("v1", "Pod");
const withContainer = (fields: object, podSpec: object = {}): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web" },
  spec: { containers: [{ name: "web", image: "web:1", ...fields }], ...podSpec },
});
const problems = (value: unknown, schema = pod): string[] =>
  validate(schema, value).map((error) => `${error.field}: ${fieldErrorMessage(error)}`);

describe("validation of built-in kinds", () => {
  test("accepts a full pod", () => {
    const value = withContainer({
      env: [{ name: "A", valueFrom: { secretKeyRef: { name: "s", key: "k" } } }],
      ports: [{ containerPort: 80, name: "http" }],
      readinessProbe: { httpGet: { path: "/", port: "http" }, periodSeconds: 1 },
      livenessProbe: { tcpSocket: { port: 80 } },
      resources: { requests: { cpu: 1, memory: "1.5Gi", "example.com/gpu": "2" } },
      volumeMounts: [{ name: "v", mountPath: "/v" }],
    });
    expect(problems(value)).toEqual([]);
  });

  test.each<[string, object, string]>([
    [
      "a string for a number",
      { ports: [{ containerPort: "80" }] },
      'spec.containers[0].ports[0].containerPort: Invalid value: "string": must be of type integer: "string"',
    ],
    [
      "a fraction for an integer",
      { ports: [{ containerPort: 80.5 }] },
      'spec.containers[0].ports[0].containerPort: Invalid value: "number": must be of type integer: "number"',
    ],
    [
      "an object for a list",
      { env: { A: "b" } },
      'spec.containers[0].env: Invalid value: "object": must be of type array: "object"',
    ],
    [
      "a number as env value",
      { env: [{ name: "A", value: 1 }] },
      'spec.containers[0].env[0].value: Invalid value: "integer": must be of type string: "integer"',
    ],
    [
      "a missing required field",
      { env: [{ value: "1" }] },
      "spec.containers[0].env[0].name: Required value",
    ],
    [
      "a malformed quantity",
      { resources: { limits: { memory: "1 Gi" } } },
      'spec.containers[0].resources.limits[memory]: Invalid value: "1 Gi": must be a quantity, e.g. 100m, 1.5 or 512Mi',
    ],
    [
      "a port that is neither a number nor a name",
      { readinessProbe: { tcpSocket: { port: 1.5 } } },
      'spec.containers[0].readinessProbe.tcpSocket.port: Invalid value: "number": must be of type integer or string: "number"',
    ],
    [
      "a value outside an enumeration",
      { ports: [{ containerPort: 80, protocol: "HTTP" }] },
      'spec.containers[0].ports[0].protocol: Unsupported value: "HTTP": supported values: "TCP", "UDP", "SCTP"',
    ],
    [
      "an integer beyond 32 bits",
      { ports: [{ containerPort: 2 ** 31 }] },
      "spec.containers[0].ports[0].containerPort: Invalid value: 2147483648: must fit into 32 bits",
    ],
    [
      "two mounts at one path",
      {
        volumeMounts: [
          { name: "a", mountPath: "/v" },
          { name: "b", mountPath: "/v" },
        ],
      },
      'spec.containers[0].volumeMounts[1].mountPath: Duplicate value: "/v"',
    ],
  ])("refuses %s", (_, container, problem) => {
    expect(problems(withContainer(container))).toEqual([problem]);
  });

  test("refuses keys of two fields when both agree, defaults included", () => {
    const service = (second: object): object => ({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web" },
      spec: {
        ports: [
          { name: "a", port: 80, protocol: "TCP" },
          { name: "b", port: 80, ...second },
        ],
      },
    });
    const schema = builtin("v1", "Service");
    expect(problems(service({ protocol: "UDP" }), schema)).toEqual([]);
    expect(problems(service({}), schema)).toEqual([
      'spec.ports[1]: Duplicate value: {"port":80,"protocol":"TCP"}',
    ]);
  });

  test("lets pass the repetitions that upstream accepts", () => {
    const twice = [
      { name: "A", value: "1" },
      { name: "A", value: "2" },
    ];
    expect(problems(withContainer({ env: twice }))).toEqual([]);
  });

  test("counts the empty string as absent where Go cannot tell them apart", () => {
    expect(problems(withContainer({ imagePullPolicy: "" }))).toEqual([]);
    expect(
      problems(
        withContainer(
          {},
          { topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "a", whenUnsatisfiable: "" }] },
        ),
      ),
    ).toEqual(["spec.topologySpreadConstraints[0].whenUnsatisfiable: Required value"]);
    expect(problems(withContainer({ env: [{ name: "A", value: "" }] }))).toEqual([]);
  });

  test("counts null as absent", () => {
    expect(problems(withContainer({ env: null, command: null, tty: null }))).toEqual([]);
    expect(
      problems({ metadata: { name: "web", labels: { a: null } }, spec: { containers: null } }),
    ).toEqual(["spec.containers: Required value"]);
  });

  test("does not show what a Secret holds", () => {
    const secret = { metadata: { name: "s" }, data: { password: "not base64!" } };
    const [error] = validate(builtin("v1", "Secret"), secret);
    expect(error?.field).toBe("data[password]");
    expect(JSON.stringify(error)).not.toContain("not base64!");
  });

  test("looks into the recursive schemas of definitions", () => {
    const crd = (schema: object): object => ({
      metadata: { name: "backups.example.com" },
      spec: {
        group: "example.com",
        scope: "Namespaced",
        names: { plural: "backups", kind: "Backup" },
        versions: [
          { name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schema } },
        ],
      },
    });
    const definition = builtin("apiextensions.k8s.io/v1", "CustomResourceDefinition");
    const nested = (leaf: object): object =>
      crd({ type: "object", properties: { a: { type: "array", items: leaf } } });
    expect(problems(nested({ type: "object", additionalProperties: true }), definition)).toEqual(
      [],
    );
    expect(problems(nested({ type: "string", maxLength: "9" }), definition)).toEqual([
      'spec.versions[0].schema.openAPIV3Schema.properties[a].items.maxLength: Invalid value: "string": must be of type integer: "string"',
    ]);
    expect(problems(nested({ additionalProperties: 1 }), definition)).toEqual([
      'spec.versions[0].schema.openAPIV3Schema.properties[a].items.additionalProperties: Invalid value: "integer": must be of type object or boolean: "integer"',
    ]);
  });

  test("stops at a hundred problems", () => {
    const env = Array.from({ length: 500 }, () => ({}));
    expect(problems(withContainer({ env })).length).toBeLessThanOrEqual(101);
  });
});
