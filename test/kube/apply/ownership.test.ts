import { describe, expect, test } from "vitest";
import { keyElement } from "../../../src/kube/apply/field-set.ts";
import {
  fieldsOwnedBy,
  ownedFields,
  ownersOf,
  readFieldPath,
} from "../../../src/kube/apply/ownership.ts";
import { applied, containers, stored, updated, web } from "./web-deployment.ts";

const image = [
  "f:spec",
  "f:template",
  "f:spec",
  "f:containers",
  keyElement({ name: "web" }),
  "f:image",
];
const first = applied(
  undefined,
  "gantry",
  web({
    replicas: 1,
    selector: { matchLabels: { app: "web" } },
    ...containers({ name: "web", image: "web:1", ports: [{ containerPort: 80 }] }),
  }),
);
const shared = applied(first, "other", web({ replicas: 1 }));
const live = updated(
  shared,
  "gantry",
  { ...shared, status: { replicas: 1 } },
  { subresource: "status" },
);
const managers = (path: string[]) => ownersOf(live, path).map(({ manager }) => manager);

describe("owners of a field", () => {
  test("are all who applied the same value", () => {
    expect(managers(["f:spec", "f:replicas"])).toEqual(["gantry", "other"]);
    expect(managers(image)).toEqual(["gantry"]);
  });
  test("of a part are those of the value that is replaced as a whole", () => {
    expect(managers(["f:spec", "f:selector", "f:matchLabels", "f:app"])).toEqual(["gantry"]);
  });
  test("are none for defaults and for objects that hold owned fields", () => {
    expect(managers(["f:spec", "f:progressDeadlineSeconds"])).toEqual([]);
    expect(managers(["f:spec", "f:template"])).toEqual([]);
    expect(ownersOf(stored(web({ replicas: 1 }) as never), ["f:spec"])).toEqual([]);
  });
});

test("the fields of a manager span its operations and endpoints", () => {
  expect(fieldsOwnedBy(live, "other")).toEqual({ "f:spec": { "f:replicas": {} } });
  expect(fieldsOwnedBy(live, "gantry")).toHaveProperty("f:status");
  expect(fieldsOwnedBy(live, "gantry", "Apply")).not.toHaveProperty("f:status");
  expect(fieldsOwnedBy(live, "nobody")).toEqual({});
});

test("every owned field is listed with its owners and can be read", () => {
  const fields = ownedFields(live).map(({ field, owners, path }) => ({
    field,
    owners: owners.map(({ manager, operation }) => `${manager}/${operation}`),
    value: readFieldPath(live, path),
  }));
  expect(fields).toContainEqual({
    field: ".spec.replicas",
    owners: ["gantry/Apply", "other/Apply"],
    value: 1,
  });
  expect(fields).toContainEqual({
    field: '.spec.template.spec.containers[name="web"].image',
    owners: ["gantry/Apply"],
    value: "web:1",
  });
  expect(fields).toContainEqual({
    field:
      '.spec.template.spec.containers[name="web"].ports[containerPort=80,protocol="TCP"].containerPort',
    owners: ["gantry/Apply"],
    value: 80,
  });
  expect(fields).toContainEqual({
    field: ".status",
    owners: ["gantry/Update"],
    value: { replicas: 1 },
  });
});
